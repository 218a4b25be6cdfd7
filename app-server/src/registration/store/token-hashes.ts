import { type Kysely, sql } from "kysely";
import type { AppDatabase } from "../../database/tables.ts";

/** Rows changed in one statement. */
const batch = 1_000;

/**
 * Registration tokens are derived from the server's secret. When that is another than before, the tokens that mails will
 * carry are others too, and it is these that have to be known.
 */
export async function renewTokenHashes(
  db: Kysely<AppDatabase>,
  hashOfTokenOf: (registrationId: string) => Buffer,
): Promise<void> {
  for (let last = ""; ; ) {
    const rows = await db
      .selectFrom("registration_state")
      .select("id")
      .where("id", ">", last)
      .orderBy("id")
      .limit(batch)
      .execute();
    if (rows.length === 0) return;
    const ids = rows.map(({ id }) => id);
    const hashes = ids.map((id) => hashOfTokenOf(id).toString("hex"));
    await sql`update registration_state as state set token_hash = decode(made.hash, 'hex')
      from unnest(${ids}::text[], ${hashes}::text[]) as made (id, hash) where state.id = made.id`.execute(db);
    last = ids.at(-1) as string;
  }
}

/** Whether anything has been derived from a secret in this database. */
export async function isInUse(db: Kysely<AppDatabase>): Promise<boolean> {
  const { rows } = await sql<{ in_use: boolean }>`
    select exists (select from registration_state) or exists (select from users) as in_use`.execute(db);
  return rows[0]?.in_use ?? false;
}
