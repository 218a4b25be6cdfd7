import { createRateLimitTable } from "@anteroom/shared/runtime/rate-limits";
import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await createRateLimitTable(db);
  await createRegistrationState(db);
  await db.schema
    .createTable("newusers")
    .addColumn("registration_id", "text", (column) =>
      column.primaryKey().references("registration_state.id").onDelete("cascade"),
    )
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("firstname", "text", (column) => column.notNull())
    .addColumn("lastname", "text", (column) => column.notNull())
    .addColumn("accepted", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("newusers_created_at")
    .on("newusers")
    .columns(["created_at", "registration_id"])
    .execute();
  await db.schema
    .createTable("tokens")
    .addColumn("key", "text", (column) => column.primaryKey())
    .addColumn("code_mac", "bytea", (column) => column.notNull())
    .addColumn("code", "text")
    .addColumn("timestamp", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("tokens_expires_at").on("tokens").column("expires_at").execute();
  await createAccounts(db);
}

/** The rules of the state machine that a row can show are checked by the database itself. */
async function createRegistrationState(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("registration_state")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("token_hash", "bytea", (column) => column.notNull().unique())
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("state", "text", (column) =>
      column
        .notNull()
        .check(
          sql`state in ('REQUESTED', 'DECOY', 'ACCEPTING', 'ACCEPTED', 'OPEN', 'REJECTED', 'WITHDRAWN', 'EXPIRED')`,
        ),
    )
    .addColumn("accepted", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("signup_token", "bytea")
    .addColumn("signup_expires_at", "bigint")
    .addColumn("opening_id", "text")
    .addColumn("opening_by", "text")
    .addColumn("opening_until", "bigint")
    .addColumn("opening_error", "text")
    .addColumn("mailed_at", "bigint")
    .addColumn("grants", sql`text[]`, (column) => column.notNull().defaultTo(sql`'{}'`))
    .addColumn("decided_by", "text")
    .addColumn("decided_at", "bigint")
    .addColumn("reason", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addCheckConstraint("accepted_states", sql`accepted = (state in ('ACCEPTED', 'OPEN'))`)
    .addCheckConstraint("open_has_signup", sql`(state = 'OPEN') = (signup_token is not null)`)
    .addCheckConstraint("accepting_has_lease", sql`state <> 'ACCEPTING' or opening_until is not null`)
    .execute();
  await db.schema
    .createIndex("registration_state_live_email")
    .unique()
    .on("registration_state")
    .column("email")
    .where(sql<boolean>`state in ('REQUESTED', 'ACCEPTING', 'ACCEPTED', 'OPEN')`)
    .execute();
  await db.schema
    .createIndex("registration_state_ended_email")
    .on("registration_state")
    .columns(["email", "decided_at"])
    .where(sql<boolean>`state in ('REJECTED', 'WITHDRAWN', 'EXPIRED')`)
    .execute();
  await db.schema
    .createIndex("registration_state_opening_until")
    .on("registration_state")
    .column("opening_until")
    .where(sql<boolean>`opening_until is not null`)
    .execute();
  await db.schema.createIndex("registration_state_expires_at").on("registration_state").column("expires_at").execute();
}

async function createAccounts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("users")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("email_norm", "text", (column) => column.notNull().unique())
    .addColumn("firstname", "text", (column) => column.notNull())
    .addColumn("lastname", "text", (column) => column.notNull())
    .addColumn("password_hash", "bytea", (column) => column.notNull())
    .addColumn("password_hash_algorithm_id", "text", (column) => column.notNull())
    .addColumn("password_salt", "bytea", (column) => column.notNull())
    .addColumn("disabled", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("email_address_counter", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("password_hash_counter", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("disabled_counter", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("sessions_counter", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("permissions")
    .addColumn("user_id", "text", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("permission", "text", (column) => column.notNull())
    .addColumn("granted_by", "text", (column) => column.notNull())
    .addColumn("granted_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint")
    .addPrimaryKeyConstraint("permissions_pkey", ["user_id", "permission"])
    .execute();
  await db.schema.createIndex("permissions_permission").on("permissions").column("permission").execute();
  await db.schema
    .createTable("setup_links")
    .addColumn("token_hash", "bytea", (column) => column.primaryKey())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
}
