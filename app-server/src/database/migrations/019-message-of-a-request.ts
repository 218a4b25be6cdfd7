import type { Kysely } from "kysely";

/** What somebody wrote to those who decide. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("newusers").addColumn("message", "text").execute();
}
