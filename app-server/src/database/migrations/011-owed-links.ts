import type { Kysely } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("owed_links")
    .addColumn("email", "text", (column) => column.primaryKey())
    .addColumn("owed_at", "bigint", (column) => column.notNull())
    .execute();
}
