import type { Kysely } from "kysely";

/** A decision of a batch may be about one of several requests for its address: the one that was seen. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("batch_items").addColumn("registration_id", "text").execute();
}
