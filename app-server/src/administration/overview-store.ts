import type { Overview } from "@anteroom/shared/wire/app/oversight";
import { type Kysely, sql } from "kysely";
import type { AppDatabase } from "../database/tables.ts";
import { countMails } from "../mail/admin-store.ts";
import { isIn } from "../registration/moves.ts";
import { endedStates, liveStates, waitingStates } from "../registration/states.ts";

/** What administrators see at a glance. A day is one in UTC. */

type Db = Kysely<AppDatabase>;

export async function readOverview(db: Db, now: number): Promise<Overview> {
  const [days, hours_to_decision, waiting, mails] = await Promise.all([
    countDays(db, now),
    measureDecisions(db, now),
    findWaiting(db),
    countMails(db),
  ]);
  return { days, hours_to_decision, waiting, mails };
}

const day = 86_400;

/** The last 30 days. Activation takes registrations away, so those decided about are counted from the log. */
async function countDays(db: Db, now: number): Promise<Overview["days"]> {
  const first = (Math.floor(now / day) - 29) * day;
  const { rows } = await sql<Overview["days"][number]>`
    with registered as (
      select id, created_at from registration_state
      where ${isIn([...liveStates, ...endedStates])}
        and created_at >= ${first}::bigint
      union
      select registration_id, requested_at from decisions
      where at >= ${first}::bigint and requested_at >= ${first}::bigint
    ), events as (
      select 'registered' as what, created_at as at from registered
      union all
      select action, at from decisions where at >= ${first}::bigint and action in ('accept', 'reject')
    ), counted as (
      select at / ${day} as day, count(*) filter (where what = 'registered') as registrations,
        count(*) filter (where what = 'accept') as accepted, count(*) filter (where what = 'reject') as rejected
      from events group by 1
    )
    select to_char(to_timestamp(days.day * ${day}) at time zone 'UTC', 'YYYY-MM-DD') as date,
      coalesce(registrations, 0)::int as registrations, coalesce(accepted, 0)::int as accepted,
      coalesce(rejected, 0)::int as rejected
    from generate_series(${first}::bigint / ${day}, ${first}::bigint / ${day} + 29) days (day)
    left join counted using (day)
    order by days.day`.execute(db);
  return rows;
}

async function measureDecisions(db: Db, now: number): Promise<Overview["hours_to_decision"]> {
  const { rows } = await sql<{ median: number | null; p90: number | null }>`
    select percentile_cont(0.5) within group (order by at - requested_at) / 3600 as median,
      percentile_cont(0.9) within group (order by at - requested_at) / 3600 as p90
    from decisions
    where at >= ${now - 30 * day} and action in ('accept', 'reject') and requested_at is not null`.execute(db);
  const { median = null, p90 = null } = rows[0] ?? {};
  return median === null || p90 === null ? null : { median, p90 };
}

async function findWaiting(db: Db): Promise<Overview["waiting"]> {
  return db
    .selectFrom("registration_state")
    .select([sql<number>`count(*)::int`.as("count"), sql<number | null>`min(created_at)`.as("oldest_at")])
    .where(isIn(waitingStates))
    .executeTakeFirstOrThrow();
}
