import { type Kysely, type RawBuilder, sql } from "kysely";

/** Rows deleted in one statement: few enough that none holds its locks for long. */
const batch = 1000;

/** Deletes the rows of a table that meet a condition, of which there may be very many. */
export async function deleteInBatches<T>(
  db: Kysely<T>,
  table: string & keyof T,
  condition: RawBuilder<unknown>,
): Promise<void> {
  for (;;) {
    const { numAffectedRows } = await sql`
      delete from ${sql.table(table)}
      where ctid = any(array(select ctid from ${sql.table(table)} where ${condition} limit ${batch}))`.execute(db);
    if ((numAffectedRows ?? 0n) < BigInt(batch)) return;
  }
}
