import type {
  AlternativeRequest,
  EarlierRegistration,
  ListedRegistration,
  QueuedRegistration,
} from "@anteroom/shared/wire/app/decisions";
import type { Language } from "@anteroom/shared/wire/languages";
import { type Kysely, sql, type Transaction } from "kysely";
import { nameOfUser } from "../../audit/log-store.ts";
import { isFound } from "../../database/fragments.ts";
import type { AppDatabase, NewUserTable } from "../../database/tables.ts";
import { newestMail } from "../../mail/newest.ts";
import { isIn } from "../moves.ts";
import { endedStates, liveStates } from "../states.ts";
import { decidedAt, decidedBy } from "./registrations.ts";

/** What administrators see of those who wait and of those who were decided about, and what they are told. */

type Db = Kysely<AppDatabase>;

/** Of further requests for an address. */
const shownAlternatives = 5;

export interface QueueFilter {
  states: readonly ListedRegistration["state"][];
  /** Words; empty for everybody. */
  search: string;
  /** Only registrations that come after this one. */
  after: { createdAt: number; id: string } | undefined;
  limit: number;
  siteLanguage: Language;
}

/** Oldest first. The page is found before anything is looked up about its people. */
export async function listQueue(db: Db, { siteLanguage, ...filter }: QueueFilter): Promise<QueuedRegistration[]> {
  return db
    .with("page", () => pageOf(db, filter))
    .selectFrom("page")
    .selectAll()
    .select([
      sql<Language>`coalesce(language, ${siteLanguage})`.as("language"),
      nameOfUser(sql`page.decided_by`).as("decided_by_name"),
      newestMail({ registration_id: "page.id" }).as("mail"),
      earlier.as("earlier"),
      sameName.as("same_name"),
      requests.as("requests"),
      alternatives.as("alternatives"),
    ])
    .orderBy("created_at")
    .orderBy("id")
    .execute();
}

/** Each state's first are read from the index in their order, however many there are, and then the first of those. */
function pageOf(db: Db, { states, search, after, limit }: Omit<QueueFilter, "siteLanguage">) {
  return db
    .selectFrom(sql<{ state: string }>`unnest(${states}::text[])`.as<"wanted">(sql`wanted (state)`))
    .innerJoinLateral(
      (eb) => {
        let query = eb
          .selectFrom("registration_state")
          .innerJoin("newusers", "newusers.registration_id", "registration_state.id")
          .select([
            "registration_state.id",
            "registration_state.email",
            "newusers.firstname",
            "newusers.lastname",
            "newusers.language",
            "newusers.message",
            sql<boolean>`registration_state.approved_at is not null`.as("accepted"),
            "registration_state.state",
            "registration_state.created_at",
            decidedBy.as("decided_by"),
            decidedAt.as("decided_at"),
            "registration_state.reason",
          ])
          .whereRef("registration_state.state", "=", "wanted.state")
          .$narrowType<{ state: ListedRegistration["state"] }>();
        if (search) query = query.where(isFound("newusers", search));
        if (after)
          query = query.where(
            sql<boolean>`(registration_state.created_at, registration_state.id) > (${after.createdAt}, ${after.id})`,
          );
        return query.orderBy("registration_state.created_at").orderBy("registration_state.id").limit(limit).as("found");
      },
      (join) => join.onTrue(),
    )
    .selectAll("found")
    .orderBy("found.created_at")
    .orderBy("found.id")
    .limit(limit);
}

/** How the address's other registrations ended, and the rejections of this one that were taken back. */
const earlier = sql<EarlierRegistration[]>`(
  select coalesce(json_agg(json_build_object('state', past.state, 'decided_at', past.decided_at, 'reason', past.reason)
    order by past.at desc), '[]')
  from (
    select state, decided_at, reason, created_at as at from registration_state ended
    where ended.email = page.email and ${isIn(endedStates, "ended.state")} and ended.id <> page.id
    union all
    select 'REJECTED', at, reason, at from decisions
    where subject = page.email and action = 'reject' and registration_id = page.id
      and at is distinct from page.decided_at
  ) past)`;

const sameName = sql<number>`(case when trim(page.firstname || page.lastname) = '' then 0 else (
  (select count(*) from newusers other
    join registration_state state on state.id = other.registration_id
    where lower(other.firstname || ' ' || other.lastname) = lower(page.firstname || ' ' || page.lastname)
      and ${isIn(liveStates, "state.state")} and other.registration_id <> page.id)
  + (select count(*) from users
    where lower(users.firstname || ' ' || users.lastname) = lower(page.firstname || ' ' || page.lastname))
) end)::int`;

/** How many requests for the address wait, and who made the others: anybody may have come first. */
const requests = sql<number>`(1 + (case when page.state = 'REQUESTED' then (
  select count(*) from registration_state further where further.email = page.email and further.state = 'DECOY') else 0 end)
)::int`;

const alternatives = sql<AlternativeRequest[]>`(
  select coalesce(json_agg(further order by created_at, registration_id), '[]') from (
    select registration_id, newusers.firstname, newusers.lastname, newusers.message, newusers.created_at
    from registration_state further join newusers on newusers.registration_id = further.id
    where page.state = 'REQUESTED' and further.email = page.email and further.state = 'DECOY'
    order by newusers.created_at, newusers.registration_id limit ${sql.lit(shownAlternatives)}
  ) further)`;

/** How many registrations there are in each of the states. */
export async function countStates<State extends ListedRegistration["state"]>(
  db: Db,
  states: readonly State[],
): Promise<Record<State, number>> {
  const rows = await db
    .selectFrom("registration_state")
    .select(["state", sql<number>`count(*)::int`.as("count")])
    .where("state", "in", [...states])
    .groupBy("state")
    .execute();
  const counts = new Map<string, number>(rows.map(({ state, count }) => [state, count]));
  return Object.fromEntries(states.map((state) => [state, counts.get(state) ?? 0])) as Record<State, number>;
}

export interface WaitingAtAll {
  /** Somebody waits of whom no digest has told. */
  hasNew: boolean;
  /** When the first asked of those who wait. */
  since: number | null;
}

export async function findWaiting(db: Kysely<AppDatabase>): Promise<WaitingAtAll> {
  return db
    .selectFrom("registration_state")
    .select([
      sql<boolean>`coalesce(bool_or(told_at is null), false)`.as("hasNew"),
      sql<number | null>`min(created_at)`.as("since"),
    ])
    .where("state", "=", "REQUESTED")
    .executeTakeFirstOrThrow();
}

/** Takes the turn to tell. False when somebody was told after `before`: of several processes at once one takes it. */
export async function storeToldAt(trx: Transaction<AppDatabase>, now: number, before: number): Promise<boolean> {
  const row = await trx
    .insertInto("approvers_told")
    .values({ told_at: now })
    .onConflict((conflict) =>
      conflict
        .column("is_one")
        .doUpdateSet({ told_at: now })
        // A clock that was ahead and is set right keeps nobody waiting.
        .where((eb) => eb.or([eb("approvers_told.told_at", "<=", before), eb("approvers_told.told_at", ">", now)])),
    )
    .returning("told_at")
    .executeTakeFirst();
  return row !== undefined;
}

/** A request about which something is being decided is left out: the digest waits for nobody. */
export async function markTold(trx: Transaction<AppDatabase>, now: number): Promise<void> {
  await trx
    .updateTable("registration_state")
    .set({ told_at: now })
    .where("id", "in", (eb) =>
      eb
        .selectFrom("registration_state as waiting")
        .select("waiting.id")
        .where("waiting.state", "=", "REQUESTED")
        .where("waiting.told_at", "is", null)
        .forUpdate()
        .skipLocked(),
    )
    .execute();
}

export type Waiting = Pick<NewUserTable, "email" | "firstname" | "lastname" | "created_at">;

/** Those who have waited longest, and how many wait. */
export async function listWaiting(
  trx: Transaction<AppDatabase>,
  limit: number,
): Promise<{ people: Waiting[]; count: number }> {
  const rows = await trx
    .selectFrom("registration_state as waiting")
    .innerJoin("newusers", "newusers.registration_id", "waiting.id")
    .select(["newusers.email", "newusers.firstname", "newusers.lastname", "waiting.created_at"])
    .select(sql<number>`(count(*) over ())::int`.as("count"))
    .where("waiting.state", "=", "REQUESTED")
    .orderBy("waiting.created_at")
    .orderBy("waiting.id")
    .limit(limit)
    .execute();
  return { people: rows.map(({ count: _, ...person }) => person), count: rows[0]?.count ?? 0 };
}

/** Oldest first, at most `limit`. */
export async function listRegistrations(
  db: Db,
  states: readonly ListedRegistration["state"][],
  limit: number,
): Promise<ListedRegistration[]> {
  return db
    .selectFrom("newusers")
    .innerJoin("registration_state as state", "state.id", "newusers.registration_id")
    .select([
      "newusers.email",
      "newusers.firstname",
      "newusers.lastname",
      "newusers.accepted",
      "state.state",
      "newusers.created_at",
      decidedBy.as("decided_by"),
      decidedAt.as("decided_at"),
      "state.reason",
      newestMail({ registration_id: "newusers.registration_id" }).as("mail"),
    ])
    .where("state.state", "in", [...states])
    .$narrowType<{ state: ListedRegistration["state"] }>()
    .orderBy("newusers.created_at")
    .orderBy("newusers.registration_id")
    .limit(limit)
    .execute();
}
