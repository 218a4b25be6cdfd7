import { type Kysely, sql } from "kysely";

/** What a signed-in (or locked-out) user has under way: one table, for the four kinds differ by a few columns only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("user_changes")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("kind", "text", (column) =>
      column.notNull().check(sql`kind in ('email_address_update', 'password_update', 'password_reset', 'deletion')`),
    )
    .addColumn("secret_hash", "bytea", (column) => column.notNull())
    .addColumn("user_id", "text")
    .addColumn("shown_user_id", "text", (column) => column.notNull())
    .addColumn("session_id", "text")
    .addColumn("user_email_address_counter", "integer", (column) => column.notNull())
    .addColumn("user_password_hash_counter", "integer", (column) => column.notNull())
    .addColumn("user_disabled_counter", "integer", (column) => column.notNull())
    .addColumn("identity_verified", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("new_email_address", "text")
    .addColumn("code", "bytea")
    .addColumn("new_email_address_verified", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("temporary_password_hash", "bytea")
    .addColumn("temporary_password_hash_algorithm_id", "text")
    .addColumn("temporary_password_salt", "bytea")
    .addColumn("password_hash", "bytea")
    .addColumn("password_hash_algorithm_id", "text")
    .addColumn("password_salt", "bytea")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("user_changes_expires_at").on("user_changes").column("expires_at").execute();
  await db.schema.createIndex("user_changes_user_id").on("user_changes").column("user_id").execute();
}
