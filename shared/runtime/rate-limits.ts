import { type Kysely, sql } from "kysely";

/**
 * A token bucket, kept as one number: the time at which it is full again. That is Faroe's bucket without its two refill
 * faults (overflow, and refills counted from the wrong moment): with `k` tokens missing it is full within `k` intervals.
 */
export interface RateLimit {
  /** Names the bucket's kind in the table. */
  kind: string;
  capacity: number;
  /** Seconds until one token comes back; may be a fraction. */
  interval: number;
}

export interface RateLimitTable {
  kind: string;
  key: string;
  full_at: number;
}

interface WithRateLimits {
  rate_limits: RateLimitTable;
}

/** Rules hand over a database with more tables; this file needs one. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely is invariant in its table type, and only rate_limits is used.
type Db = Kysely<any>;

/** Takes a token in one statement, for all instances at once. False when the bucket is empty; nothing changes then. */
export async function takeToken(db: Db, limit: RateLimit, key: string, now: number): Promise<boolean> {
  const table = db as Kysely<WithRateLimits>;
  const result = await table
    .insertInto("rate_limits")
    .values({ kind: limit.kind, key, full_at: now + limit.interval })
    .onConflict((conflict) =>
      conflict
        .columns(["kind", "key"])
        .doUpdateSet({
          full_at: sql`greatest(rate_limits.full_at, ${now}::float8) + ${limit.interval}::float8`,
        })
        .where("rate_limits.full_at", "<=", now + (limit.capacity - 1) * limit.interval),
    )
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** Whether a token is there, taking none. */
export async function hasToken(db: Db, limit: RateLimit, key: string, now: number): Promise<boolean> {
  const table = db as Kysely<WithRateLimits>;
  const empty = await table
    .selectFrom("rate_limits")
    .select("kind")
    .where("kind", "=", limit.kind)
    .where("key", "=", key)
    .where("full_at", ">", now + (limit.capacity - 1) * limit.interval)
    .executeTakeFirst();
  return empty === undefined;
}

/** Gives a token back, for an action that turned out not to happen. */
export async function returnToken(db: Db, limit: RateLimit, key: string): Promise<void> {
  const table = db as Kysely<WithRateLimits>;
  await table
    .updateTable("rate_limits")
    .set({ full_at: sql`full_at - ${limit.interval}::float8` })
    .where("kind", "=", limit.kind)
    .where("key", "=", key)
    .execute();
}

/** A full bucket is as good as none. */
export async function purgeRateLimits(db: Db, now: number): Promise<void> {
  const table = db as Kysely<WithRateLimits>;
  await table.deleteFrom("rate_limits").where("full_at", "<=", now).execute();
}

/** Called by both servers' first migration. */
export async function createRateLimitTable(db: Db): Promise<void> {
  await db.schema
    .createTable("rate_limits")
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("key", "text", (column) => column.notNull())
    .addColumn("full_at", "float8", (column) => column.notNull())
    .addPrimaryKeyConstraint("rate_limits_pkey", ["kind", "key"])
    .execute();
  await db.schema.createIndex("rate_limits_full_at").on("rate_limits").column("full_at").execute();
}
