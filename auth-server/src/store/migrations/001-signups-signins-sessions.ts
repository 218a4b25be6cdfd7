import { createRateLimitTable } from "@anteroom/shared/runtime/rate-limits";
import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await createRateLimitTable(db);
  await createSignups(db);
  await createSignins(db);
  await createSessions(db);
}

async function createSignups(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("signups")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("secret_hash", "bytea", (column) => column.notNull())
    .addColumn("family_id", "text", (column) => column.notNull())
    .addColumn("siblings", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("email_address", "text", (column) => column.notNull())
    .addColumn("code", "bytea", (column) => column.notNull())
    .addColumn("email_address_verified", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("password_hash", "bytea")
    .addColumn("password_hash_algorithm_id", "text")
    .addColumn("password_salt", "bytea")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("signups_family_id").on("signups").column("family_id").execute();
  await db.schema.createIndex("signups_expires_at").on("signups").column("expires_at").execute();
}

async function createSignins(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("signins")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("secret_hash", "bytea", (column) => column.notNull())
    .addColumn("user_id", "text")
    .addColumn("shown_user_id", "text", (column) => column.notNull())
    .addColumn("user_password_hash_counter", "integer", (column) => column.notNull())
    .addColumn("user_disabled_counter", "integer", (column) => column.notNull())
    .addColumn("user_first_factor_verified", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("signins_expires_at").on("signins").column("expires_at").execute();
}

async function createSessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("sessions")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("secret_hash", "bytea", (column) => column.notNull())
    .addColumn("user_id", "text", (column) => column.notNull())
    .addColumn("user_disabled_counter", "integer", (column) => column.notNull())
    .addColumn("user_sessions_counter", "integer", (column) => column.notNull())
    .addColumn("user_password_hash_counter", "integer", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_active_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("sessions_user_id").on("sessions").column("user_id").execute();
  await db.schema.createIndex("sessions_created_at").on("sessions").column("created_at").execute();
  await db.schema.createIndex("sessions_last_active_at").on("sessions").column("last_active_at").execute();
}
