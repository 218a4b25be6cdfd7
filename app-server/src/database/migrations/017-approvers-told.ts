import { type Kysely, sql } from "kysely";

/** Of which requests those who decide have been told, and when they last were. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("registration_state").addColumn("told_at", "bigint").execute();
  await db.schema
    .createTable("approvers_told")
    .addColumn("is_one", "boolean", (column) => column.primaryKey().defaultTo(true))
    .addColumn("told_at", "bigint", (column) => column.notNull())
    .addCheckConstraint("approvers_told_once", sql`is_one`)
    .execute();
}
