import type { Kysely } from "kysely";

/** A mail names the request that caused it, by which the logs of both servers tell the rest. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("mails").addColumn("request_id", "text").execute();
}
