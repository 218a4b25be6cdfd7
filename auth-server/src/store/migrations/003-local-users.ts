import type { Kysely } from "kysely";

/** Users of services that bring no user server (AUTH_USER_STORE=local). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("users")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("email_address", "text", (column) => column.notNull().unique())
    .addColumn("password_hash", "bytea", (column) => column.notNull())
    .addColumn("password_hash_algorithm_id", "text", (column) => column.notNull())
    .addColumn("password_salt", "bytea", (column) => column.notNull())
    .addColumn("disabled", "boolean", (column) => column.notNull().defaultTo(false))
    .addColumn("display_name", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("email_address_counter", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("password_hash_counter", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("disabled_counter", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("sessions_counter", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
}
