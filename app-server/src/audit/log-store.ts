import { programs } from "@anteroom/shared/wire/app/actors";
import type { DecisionAction, LoggedDecision } from "@anteroom/shared/wire/app/oversight";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely";
import { isAbout, isAboutId, type Person } from "../database/fragments.ts";
import type { AppDatabase } from "../database/tables.ts";

/** The log of decisions. Its entries are written in the transaction, or the statement, of what they record. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export interface NewDecision {
  /** A user id, or the name of a program that decides (shared/wire/app/actors.ts). */
  actor: string;
  action: DecisionAction;
  /** The address of whom it is about. */
  subject: EmailAddress;
  /** Whose account, or else whose registration, it is about: they see it in their export, and nobody else. */
  userId?: string | null;
  registrationId?: string | null;
  reason?: string | null;
  detail?: string;
  now: number;
}

/** A person's name, or the address of one who gave none. Null for those who are no person. */
export const nameOfUser = (userId: RawBuilder<unknown>) =>
  sql<string | null>`(select coalesce(nullif(trim(person.firstname || ' ' || person.lastname), ''), person.email)
    from users person where person.id = ${userId})`;

export async function logDecision(db: Transaction<AppDatabase>, decision: NewDecision): Promise<void> {
  const { now, userId = null, registrationId = null, ...columns } = decision;
  await db
    .insertInto("decisions")
    .values({
      ...columns,
      user_id: userId,
      registration_id: registrationId,
      at: now,
      actor_name: nameOfUser(sql`${decision.actor}`),
    })
    .execute();
}

/**
 * For a statement that decides about registrations: notes its decisions in the log. `source` is the part of the
 * statement that returns the rows decided about, with the columns of `decidedColumns`.
 */
export const noteDecision = (action: "accept" | "reject", source: string, condition = sql<boolean>`true`) =>
  sql<
    Record<string, never>
  >`(insert into decisions (at, actor, actor_name, action, subject, reason, registration_id, requested_at, batch_id)
    select coalesce(decided_at, extract(epoch from now())::bigint), coalesce(decided_by, 'cli'), ${nameOfUser(sql`decided_by`)}, ${sql.lit(action)}, email, reason,
      id, created_at, ${batchOf(action)}
    from ${sql.table(source)} decided where ${condition})`;

/** Which of its actor's batches the decision is made for, if for one: it waits there until it is made. */
const batchOf = (action: "accept" | "reject") =>
  sql<string | null>`(select batches.id from batch_items join batches on batches.id = batch_id
    where batch_items.email = ${sql.ref("decided.email")} and state = 'waiting' and actor = decided.decided_by
      and decision = ${sql.lit(action)} limit 1)`;

export const decidedColumns = ["id", "email", "decided_by", "decided_at", "reason", "created_at"] as const;

/** Whether somebody has decided this about an address since then. */
export async function hasDecided(
  db: Db,
  { actor, action, subject, since }: { actor: string; action: DecisionAction; subject: EmailAddress; since: number },
): Promise<boolean> {
  const row = await db
    .selectFrom("decisions")
    .select("id")
    .where("subject", "=", subject)
    .where("actor", "=", actor)
    .where("action", "=", action)
    .where("at", ">=", since)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Who approved an address last. */
export async function findAcceptance(db: Db, subject: EmailAddress) {
  return db
    .selectFrom("decisions")
    .select(["actor", "actor_name", "at"])
    .where("subject", "=", subject)
    .where("action", "=", "accept")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirst();
}

export interface LogFilter {
  /** A pattern for LIKE: a part of the address or of who decided. */
  search: string;
  action: DecisionAction | undefined;
  /** The id of whom it is about: a user's or a registration's. */
  about: string | undefined;
  batch: string | undefined;
  /** From then on, and before then. */
  since: number | undefined;
  until: number | undefined;
}

/** Newest first. */
export async function listDecisions(
  db: Db,
  filter: LogFilter,
  { before, limit, batches }: { before: number | undefined; limit: number; batches: "folded" | "in full" },
): Promise<LoggedDecision[]> {
  let query = selectLog(db, filter);
  if (before !== undefined) query = query.where("decisions.id", "<", before);
  if (batches === "folded") query = query.where(isLastOfBatch(filter.until));
  return query.orderBy("decisions.id", "desc").limit(limit).execute();
}

function selectLog(db: Db, { search, action, about, batch, since, until }: LogFilter) {
  let query = db
    .selectFrom("decisions")
    .select(["decisions.id", "at", "actor", "actor_name", "action", "subject", "reason", "detail"])
    .select([person.as("person"), wholeBatch.as("batch")]);
  if (search) query = query.where(sql`lower(subject || ' ' || coalesce(actor_name, actor))`, "like", search);
  if (action) query = query.where("action", "=", action);
  if (about !== undefined) query = query.where(isAboutId(about));
  if (batch !== undefined) query = query.where("batch_id", "=", batch);
  if (since !== undefined) query = query.where("at", ">=", since);
  if (until !== undefined) query = query.where("at", "<", until);
  return query;
}

/** Who it was about, as they are known now; null when nothing is kept of them. */
const person = sql<LoggedDecision["person"]>`coalesce(
  (select json_build_object('id', id, 'firstname', firstname, 'lastname', lastname) from users
    where id = decisions.user_id),
  (select json_build_object('id', id, 'firstname', firstname, 'lastname', lastname) from users
    where registration_id = decisions.registration_id limit 1),
  (select json_build_object('id', registration_id, 'firstname', firstname, 'lastname', lastname) from newusers
    where registration_id = decisions.registration_id))`;

const wholeBatch = sql<LoggedDecision["batch"]>`(case when batch_id is null then null else json_build_object(
  'id', batch_id, 'count', (select count(*) from decisions other where other.batch_id = decisions.batch_id)) end)`;

/** One entry stands for its batch: the last, of those before a time. */
const isLastOfBatch = (until: number | undefined) =>
  sql<boolean>`(batch_id is null or decisions.id = (select max(last.id) from decisions last
    where last.batch_id = decisions.batch_id and last.at < ${until ?? Number.MAX_SAFE_INTEGER}))`;

/** The database keeps what is younger than 90 days by its own clock, so that is not even tried. */
export async function purgeDecisions(db: Db, before: number): Promise<void> {
  await db
    .deleteFrom("decisions")
    .where("at", "<", before)
    .where(sql<boolean>`at < extract(epoch from now()) - 90 * 86400`)
    .execute();
}

/** For tests, as the owner of the table. Locks nothing else, so it can wait for nobody who waits for it. */
export async function emptyDecisions(db: Kysely<AppDatabase>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`alter table decisions disable trigger decisions_not_emptied`.execute(trx);
    await sql`truncate decisions`.execute(trx);
    await sql`alter table decisions enable trigger decisions_not_emptied`.execute(trx);
  });
}

/** What administrators decided about somebody, as far as it concerns them: not who it was. */
export async function listDecisionsAbout(db: Db, person: Person) {
  return db.selectFrom("decisions").select(["at", "action", "reason"]).where(isAbout(person)).orderBy("id").execute();
}

/** Of the latest hundred decisions, so many are needed for a median that betrays nobody. */
const enoughDecisions = 10;

/** Hours within which half of the latest requests were decided, by people; null where too few were lately. */
export async function findUsualHours(db: Db, now: number): Promise<number | null> {
  const { rows } = await sql<{ hours: number | null }>`
    select percentile_cont(0.5) within group (order by at - requested_at) / 3600 as hours
    from (
      select at, requested_at from decisions
      where at >= ${now - 30 * 86_400} and action in ('accept', 'reject') and requested_at is not null
        and actor <> all (${[...programs]}::text[])
      order by at desc limit 100
    ) latest having count(*) >= ${enoughDecisions}`.execute(db);
  return rows[0]?.hours ?? null;
}
