import type { Kysely } from "kysely";

/** A link knows its mail by the request that both come from. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("account_links").addColumn("request_id", "text").execute();
}
