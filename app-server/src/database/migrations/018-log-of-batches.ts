import type { Kysely } from "kysely";
import { sql } from "kysely";

/** An entry of the log says which batch it came from, and people are found by the registration that they came from. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("decisions").addColumn("batch_id", "text").execute();
  await db.schema
    .createIndex("decisions_batch_id")
    .on("decisions")
    .columns(["batch_id", "id"])
    .where(sql<boolean>`batch_id is not null`)
    .execute();
  await db.schema
    .createIndex("batch_items_email")
    .on("batch_items")
    .column("email")
    .where(sql<boolean>`state = 'waiting'`)
    .execute();
  await db.schema.createIndex("users_registration_id").on("users").column("registration_id").execute();
}
