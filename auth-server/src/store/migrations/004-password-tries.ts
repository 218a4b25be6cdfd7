import type { Kysely } from "kysely";

/** Wrong passwords in a row, per user, or per apparent user of an address without one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("password_tries")
    .addColumn("user_id", "text", (column) => column.primaryKey())
    .addColumn("tries", "integer", (column) => column.notNull())
    .addColumn("last_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("password_tries_last_at").on("password_tries").column("last_at").execute();
  await db.schema
    .alterTable("sessions")
    .addColumn("user_agent", "text", (column) => column.notNull().defaultTo(""))
    .execute();
}
