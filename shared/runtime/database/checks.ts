import { type Kysely, sql } from "kysely";

/** Waits for a database that is still starting; gives up after `seconds` with the last error as the cause. */
export async function waitForDatabase<T>(db: Kysely<T>, seconds: number): Promise<void> {
  const giveUpAt = Date.now() + seconds * 1000;
  for (;;) {
    try {
      const { rows } = await sql<{ version: number }>`
        select current_setting('server_version_num')::int as version`.execute(db);
      return checkVersion(rows[0]?.version ?? 0);
    } catch (cause) {
      if (cause instanceof TooOld) throw cause;
      if (Date.now() >= giveUpAt) throw new Error("The database cannot be reached.", { cause });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Statements return rows as they were before (`RETURNING old`), which PostgreSQL can since 18. */
const oldestVersion = 180_000;

class TooOld extends Error {
  override readonly name = "TooOld";
}

/** @param version as in `server_version_num` */
export function checkVersion(version: number): void {
  if (version < oldestVersion)
    throw new TooOld(`The database is PostgreSQL ${Math.floor(version / 10_000)}; Anteroom needs 18 or later.`);
}

/** How long a database that could be written is taken to be so, in ms: whoever asks over and over costs it little. */
const writableFor = 2_000;

/**
 * Whether rows can be written, which a standby, a read-only database and a full disk all prevent. It makes a table and a
 * row, which needs a page of the disk, and forgets both.
 */
export function createWriteCheck<T>(db: Kysely<T>): () => Promise<boolean> {
  let writableUntil = 0;
  let underWay: Promise<boolean> | undefined;
  async function write(): Promise<boolean> {
    try {
      await db.transaction().execute(async (trx) => {
        await sql`create temporary table written (filler text) on commit drop`.execute(trx);
        await sql`insert into written values ('x')`.execute(trx);
      });
      writableUntil = Date.now() + writableFor;
      return true;
    } catch {
      return false;
    } finally {
      underWay = undefined;
    }
  }
  return async () => {
    if (Date.now() < writableUntil) return true;
    underWay ??= write();
    return underWay;
  };
}
