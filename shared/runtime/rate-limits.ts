import { type Kysely, type RawBuilder, sql } from "kysely";
import { deleteInBatches } from "./batches.ts";
import { networkOf } from "./http/client-address.ts";

/**
 * A token bucket, kept as one number: the time at which it is full again. That is Faroe's bucket without its two refill
 * faults (overflow, and refills counted from the wrong moment): with `k` tokens missing it is full within `k` intervals.
 */
export interface Bucket {
  /** Names the bucket's kind in the table. */
  kind: string;
  capacity: number;
  /** Seconds until one token comes back; may be a fraction. */
  interval: number;
}

/** A bucket as the servers' tables of limits list it. */
export interface RateLimit extends Bucket, LimitDescription {}

/** What a limit is for, and that it keeps nobody out by another's doing. */
export interface LimitDescription {
  /** What it bounds, as docs/security.md says it. */
  purpose: string;
  /** What is counted: there is a bucket for each of these. `address` is a mail address, `caller` the one a request comes from. */
  key: LimitKey;
  /** Whose doing empties it. Where that may be a stranger, `harms` says why nobody is kept out. */
  paidBy: Payer;
  /** Who meets it when it is empty, and what that costs them. */
  harms: string;
}

export type LimitKey =
  | "caller"
  | "user and caller"
  | "user and device"
  | "user"
  | "address and caller"
  | "address"
  | "link"
  | "user and caller, or link"
  | "registration"
  | "all together";

/** `owner`: only whoever has the password, the mailbox or the session. `site`: administrators and the servers themselves. */
export type Payer = "caller" | "owner" | "site" | "anybody";

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

/** One token of a bucket. */
export interface Token {
  limit: Bucket;
  key: string;
}

/** All callers of a network have so many times together what each of them has. */
const networkShare = 10;

/** What a caller pays: a token of their own, and one of those that their network has. */
export function tokensOfCaller(limit: Bucket, caller: string): Token[] {
  const network = networkOf(caller);
  const own = { limit, key: caller };
  if (network === undefined) return [own];
  const { kind, capacity, interval } = limit;
  const shared = { kind, capacity: capacity * networkShare, interval: interval / networkShare };
  return [own, { limit: shared, key: network }];
}

/** Takes a token in one statement, for all instances at once. False when the bucket is empty; nothing changes then. */
export async function takeToken(db: Db, limit: Bucket, key: string, now: number): Promise<boolean> {
  const { rows } = await takingToken({ limit, key }, now)(nothing).execute(db);
  return rows.length === 1;
}

/** A statement that returns a row if the next may run. `source` goes behind its `select`. */
export type Step = (source: RawBuilder<unknown>) => RawBuilder<unknown>;

const nothing = sql``;

export function takingToken({ limit, key }: Token, now: number): Step {
  return (source) => sql`insert into rate_limits (kind, key, full_at)
    select ${limit.kind}::text, ${key}::text, ${now + limit.interval}::float8 ${source} where true
    on conflict (kind, key) do update
    set full_at = greatest(rate_limits.full_at, ${now}::float8) + ${limit.interval}::float8
    where rate_limits.full_at <= ${now + (limit.capacity - 1) * limit.interval}::float8
    returning 1 as step`;
}

/** Runs steps as one statement until one returns no row. True when the last one returned its. */
export async function runSteps(db: Db, steps: readonly Step[]): Promise<boolean> {
  return (await readSteps(db, steps)) !== undefined;
}

/** The same. What each returned as `step`; undefined when it did not come to the last. */
export async function readSteps(db: Db, steps: readonly Step[]): Promise<number[] | undefined> {
  const names = steps.map((_, index) => `step${index}`);
  const parts = steps.map((step, index) => {
    const source = index === 0 ? nothing : sql`from ${sql.ref(`step${index - 1}`)}`;
    return sql`${sql.ref(`step${index}`)} as (${step(source)})`;
  });
  const { rows } = await sql<Record<string, number>>`with ${sql.join(parts)}
    select ${sql.join(names.map((name) => sql`${sql.ref(`${name}.step`)} as ${sql.ref(name)}`))}
    from ${sql.join(names.map((name) => sql.ref(name)))}`.execute(db);
  const [row] = rows;
  return row && names.map((name) => Number(row[name]));
}

/** Whether a token is there, taking none. */
export async function hasToken(db: Db, limit: Bucket, key: string, now: number): Promise<boolean> {
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
export function returnToken(db: Db, limit: Bucket, key: string): Promise<void> {
  return returnTokens(db, [{ limit, key }]);
}

/** One statement. */
export async function returnTokens(db: Db, tokens: readonly Token[]): Promise<void> {
  await returningTokens(tokens).execute(db);
}

export function returningTokens(tokens: readonly Token[]): RawBuilder<unknown> {
  if (tokens.length === 0) return sql`select`;
  const rows = tokens.map(({ limit, key }) => sql`(${limit.kind}::text, ${key}::text, ${limit.interval}::float8)`);
  return sql`update rate_limits as bucket set full_at = bucket.full_at - given.interval
    from (values ${sql.join(rows)}) as given (kind, key, interval)
    where bucket.kind = given.kind and bucket.key = given.key`;
}

/** A full bucket is as good as none. */
export function purgeRateLimits(db: Db, now: number): Promise<void> {
  return deleteInBatches(db, "rate_limits", sql`full_at <= ${now}`);
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
