import { type Kysely, type RawBuilder, sql } from "kysely";
import { deleteInBatches } from "./batches.ts";
import { networkOf } from "./http/client-address.ts";
import type { LimitDescription, Step } from "./rate-limits.ts";

/**
 * Guesses in a row: `free` of them at once, then each after a wait, 30 s at first and twice as long each time, up to an
 * hour; after `most` none. A right one begins the count anew.
 */
export interface GuessLimit extends LimitDescription {
  kind: string;
  free: number;
  most: number;
  /** Where callers are counted: what all those of one network have together. */
  ofNetwork?: Pick<GuessLimit, "free" | "most">;
}

export const unlimited = 1_000_000;

/** Guesses in a row at something of a subject, as far as one caller or device made them; all together where `who` is empty. */
export interface Guesses {
  limit: Pick<GuessLimit, "kind" | "free" | "most">;
  subject: string;
  who: string;
}

export interface GuessesTable {
  kind: string;
  /** Whose it is that is guessed at, a user or an address. */
  subject: string;
  /** The caller's address, network, device or session they are counted for; empty: everybody. */
  who: string;
  tries: number;
  last_at: number;
  /** When they no longer count. */
  forget_at: number;
}

// biome-ignore lint/suspicious/noExplicitAny: Kysely is invariant in its table type, and only guesses is used.
type Db = Kysely<any>;

/** A caller's own, and those of the network that the caller is one of 65,536 in. */
export function guessesOfCaller(limit: GuessLimit, subject: string, caller: string): Guesses[] {
  const network = networkOf(caller);
  const own = { limit, subject, who: caller };
  if (network === undefined || limit.ofNetwork === undefined) return [own];
  return [own, { limit: { kind: limit.kind, ...limit.ofNetwork }, subject, who: network }];
}

const day = 86_400;

/** Seconds between the last guess and the next. */
function waitAfter({ free }: Guesses["limit"]): RawBuilder<number> {
  return sql<number>`case when guesses.tries < ${free}::integer then 0
    else least(3600, 30 * 2 ^ least(guesses.tries - ${free}::integer, 7)) end`;
}

/**
 * Counts one more guess, unless it comes before its wait is over or there were too many. Returns how many there are.
 *
 * A count is forgotten after a quiet time: a day after a single guess, twice as long after each further one, 30 days at
 * most. Whoever tries one password each on many addresses leaves no row behind for long.
 */
export function countingGuess({ limit, subject, who }: Guesses, now: number): Step {
  const isForgotten = sql`guesses.forget_at <= ${now}::bigint`;
  return (source) => sql`insert into guesses (kind, subject, who, tries, last_at, forget_at)
    select ${limit.kind}::text, ${subject}::text, ${who}::text, 1, ${now}::bigint, ${now + day}::bigint ${source} where true
    on conflict (kind, subject, who) do update
    set tries = case when ${isForgotten} then 1 else guesses.tries + 1 end,
      last_at = excluded.last_at,
      forget_at = ${now}::bigint
        + ${day} * least(30, 2 ^ least(case when ${isForgotten} then 0 else guesses.tries end, 5))::bigint
    where ${isForgotten}
      or (guesses.tries < ${limit.most}::integer and guesses.last_at + ${waitAfter(limit)} <= ${now}::bigint)
    returning tries as step`;
}

/** Seconds until all of these may be made once more; 0 where it is not these that keep anybody. Not for limits with an end (`most`). */
export async function secondsToWait(db: Db, guesses: readonly Guesses[], now: number): Promise<number> {
  if (guesses.length === 0) return 0;
  const waits = guesses.map(
    ({ limit, subject, who }) => sql`select last_at + ${waitAfter(limit)} - ${now}::bigint as seconds from guesses
      where kind = ${limit.kind} and subject = ${subject} and who = ${who} and forget_at > ${now}::bigint`,
  );
  const { rows } = await sql<{ seconds: number | null }>`
    select max(seconds)::float8 as seconds from (${sql.join(waits, sql` union all `)}) as waits`.execute(db);
  return Math.max(0, rows[0]?.seconds ?? 0);
}

/** For a right guess, which begins the counts anew that it was paid from. */
export function forgettingGuesses(db: Pick<Db, "deleteFrom">, guesses: readonly Guesses[]) {
  const keys = guesses.map(({ limit, subject, who }) => sql`(${limit.kind}::text, ${subject}::text, ${who}::text)`);
  return db
    .deleteFrom("guesses")
    .where(guesses.length === 0 ? sql<boolean>`false` : sql<boolean>`(kind, subject, who) in (${sql.join(keys)})`);
}

export function purgeGuesses(db: Db, now: number): Promise<void> {
  return deleteInBatches(db, "guesses", sql`forget_at <= ${now}`);
}

/** Part of the migrations auth 005 and app 013, so never changed: what is added to the table is a migration of its own. */
export async function createGuessesTable(db: Db): Promise<void> {
  await db.schema
    .createTable("guesses")
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("who", "text", (column) => column.notNull())
    .addColumn("tries", "integer", (column) => column.notNull())
    .addColumn("last_at", "bigint", (column) => column.notNull())
    .addColumn("forget_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("guesses_pkey", ["subject", "who", "kind"])
    .execute();
  await db.schema.createIndex("guesses_forget_at").on("guesses").column("forget_at").execute();
}
