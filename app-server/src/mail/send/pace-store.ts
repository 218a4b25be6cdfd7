import { type Kysely, sql } from "kysely";
import type { AppDatabase } from "../../database/tables.ts";

/** How many a minute may go out. */
export interface Pace {
  mailsPerMinute: number;
  mailsPerDomainPerMinute: number;
}

export interface Allowance {
  /** How many of the wanted may go now. */
  granted: number;
  /** Seconds until the next one may. */
  wait: number;
}

/** The database's, so that instances with clocks of their own agree. */
const now = sql`extract(epoch from statement_timestamp())`;

/** The name of the bucket that all mails share; no domain is called so. */
export const everyDomain = "";

/**
 * Takes as many mails to each domain as may go now, by one statement for all instances at once. All mails together have a
 * bucket too. The buckets are those of the rate limits. Relays count in real time, so this does too: mails do not wait for a clock that
 * a test has stopped or turned back.
 */
export async function takeAllowances(
  db: Kysely<AppDatabase>,
  pace: Pace,
  wanted: Map<string, number>,
): Promise<Map<string, Allowance>> {
  const total = [...wanted.values()].reduce((sum, count) => sum + count, 0);
  // Sorted, so that two workers never wait for each other's rows.
  const buckets = [
    { key: everyDomain, want: total, interval: 60 / pace.mailsPerMinute },
    ...[...wanted].map(([key, want]) => ({ key, want, interval: 60 / pace.mailsPerDomainPerMinute })),
  ].sort((a, b) => (a.key < b.key ? -1 : 1));
  // A bucket holds a minute's worth; `full_at` minus now is what is missing of it, in seconds.
  const interval = sql`case bucket.key when ${everyDomain} then ${60 / pace.mailsPerMinute}::float8
    else ${60 / pace.mailsPerDomainPerMinute}::float8 end`;
  const emptyUntil = sql`greatest(bucket.full_at, ${now}::float8)`;
  const { rows } = await sql<{ key: string; granted: number; wait: number }>`
    insert into rate_limits as bucket (kind, key, full_at)
    select 'mails', key, ${now}::float8 + least(want * every, 60)
    from unnest(${buckets.map(({ key }) => key)}::text[], ${buckets.map(({ want }) => want)}::int[],
      ${buckets.map((bucket) => bucket.interval)}::float8[]) as wanted (key, want, every)
    on conflict (kind, key) do update set full_at = ${emptyUntil} + (${interval}) * greatest(0, least(
      round((excluded.full_at - ${now}::float8) / (${interval})),
      floor((${now}::float8 + 60 - ${emptyUntil}) / (${interval}) + 0.000001)))
    returning key,
      round((new.full_at - greatest(coalesce(old.full_at, 0), ${now}::float8)) / (${interval}))::int as granted,
      greatest(0, new.full_at + (${interval}) - 60 - ${now}::float8) as wait`.execute(db);
  return new Map(rows.map(({ key, granted, wait }) => [key, { granted, wait }]));
}

/**
 * Gives back what a mail took that came no further than our side of the relay: hours without a relay must not use up the
 * allowance of those who wait for it.
 */
export async function returnAllowance(db: Kysely<AppDatabase>, pace: Pace, domain: string): Promise<void> {
  await sql`
    with held as (
      select key from rate_limits where kind = 'mails' and key in (${everyDomain}, ${domain}) order by key for update
    )
    update rate_limits as bucket set full_at = bucket.full_at - case bucket.key when ${everyDomain}
      then ${60 / pace.mailsPerMinute}::float8 else ${60 / pace.mailsPerDomainPerMinute}::float8 end
    from held where bucket.kind = 'mails' and bucket.key = held.key`.execute(db);
}
