import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { AppDatabase, MailTable, TokenTable } from "../database/tables.ts";
import { codeTypes } from "./kinds.ts";
import type { DeliveryOutcome } from "./request.ts";

/** The statements of the queue: mails from their cause to their outcome, and which addresses get none. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export type StoredMail = Selectable<MailTable>;

/** Seconds for which nothing is sent to an address that seems dead. The mail after that shows whether it still is. */
const suppressedFor = 14 * 86_400;

export const isSuppressed = (now: number) =>
  sql<boolean>`(suppressed_at is not null and (suppressed_until is null or suppressed_until > ${now}))`;

/** Where a worker listens for mails that are due. */
export const wakeChannel = "anteroom_mail_due";

/** Tells every worker, when the transaction commits, that something is due. */
export const wake = sql`pg_notify(${sql.lit(wakeChannel)}, '')`.as("woken");

export type NewMail = Pick<
  MailTable,
  | "id"
  | "type"
  | "email"
  | "email_norm"
  | "registration_id"
  | "link_id"
  | "request_id"
  | "sealed_code"
  | "created_at"
  | "try_until"
> & {
  values: Record<string, string>;
  /** Undefined: of whoever asked for its link, or else has the address just now. */
  user_id: string | undefined;
};

const ownerOf = ({ user_id, link_id, email_norm }: NewMail) => sql<string | null>`coalesce(${user_id ?? null}::text,
  (select user_id from account_links where id = ${link_id}), (select id from users where email_norm = ${email_norm}))`;

/** Stores a mail together with the code it carries, if it does: one statement. */
export async function insertMail(db: Db, mail: NewMail, code: TokenTable | undefined): Promise<void> {
  // As text: the driver would encode a JSON parameter once more.
  const values = sql<string>`${JSON.stringify(mail.values)}::text::jsonb`;
  const row = { ...mail, values, user_id: ownerOf(mail), updated_at: mail.created_at };
  if (!code) {
    await db.insertInto("mails").values(row).returning(wake).execute();
    return;
  }
  const { key, ...columns } = code;
  await db
    .with("code", (with_) =>
      with_
        .insertInto("tokens")
        .values({ key, ...columns })
        .onConflict((conflict) => conflict.column("key").doUpdateSet(columns)),
    )
    .insertInto("mails")
    .values(row)
    .returning(wake)
    .execute();
}

/** Mails without codes, all in one statement, which is the same for none of them. */
export async function insertMails(db: Db, mails: readonly NewMail[]): Promise<void> {
  await sql`
    insert into mails (id, type, email, email_norm, registration_id, link_id, request_id, "values", created_at, updated_at,
      try_until, user_id)
    select id, type, email, email_norm, registration_id, link_id, request_id, "values", created_at, created_at, try_until,
      coalesce(user_id, (select user_id from account_links where account_links.id = mail.link_id),
        (select users.id from users where users.email_norm = mail.email_norm))
    from jsonb_to_recordset(${JSON.stringify(mails)}::text::jsonb) as mail (id uuid, type text, email text,
      email_norm text, registration_id text, link_id text, request_id text, "values" jsonb, created_at bigint,
      try_until bigint, user_id text)
    returning ${wake}`.execute(db);
}

/** A mail that a worker has taken, with what its template and its envelope need to know of the person. */
export type ClaimedMail = StoredMail & {
  language: "en" | "nl" | null;
  suppressed_because: string | null;
};

/** Neither accepted nor given up. Spelled out so that PostgreSQL recognises the condition of the index. */
const isOpen = sql<boolean>`status in ('queued', 'deferred')`;

/** True for a process that holds no connection any more: it has ended. */
const isGone = (processName: string) =>
  sql<boolean>`not exists (select from pg_stat_activity where application_name = ${sql.ref(processName)})`;

/**
 * Takes mails for one worker. A mail that is settled, waits for its next try or is in another living worker's hands is
 * left out, whatever its job says.
 */
export async function claimMails(db: Db, ids: string[], processName: string, now: number): Promise<ClaimedMail[]> {
  return db
    .with("claimed", (with_) =>
      with_
        .updateTable("mails")
        .set({ claimed_by: processName })
        .where(sql<boolean>`id = any(${ids}::uuid[])`)
        .where(isOpen)
        .where("next_try_at", "is", null)
        .where((eb) =>
          eb.or([eb("claimed_by", "is", null), eb("claimed_by", "=", processName), isGone("mails.claimed_by")]),
        )
        .returningAll(),
    )
    .selectFrom("claimed")
    .leftJoin("newusers", "newusers.registration_id", "claimed.registration_id")
    .leftJoin("users", "users.id", "claimed.user_id")
    .leftJoin("mail_suppressions as suppression", (join) =>
      join.onRef("suppression.email_norm", "=", "claimed.email_norm").on(isSuppressed(now)),
    )
    .selectAll("claimed")
    .select((eb) => [
      eb.fn.coalesce("newusers.language", "users.language").as("language"),
      "suppression.reason as suppressed_because",
    ])
    .execute();
}

/**
 * Puts the jobs of workers that have ended back into the queue: of those that had claimed the mail at once, of others
 * when no living worker would take so long to claim it. A mail is nobody's from the same moment on; else its job would
 * be put back once more while the next worker is about to claim it. Returns how many.
 */
export async function releaseJobsOfTheGone(db: Db): Promise<number> {
  const { rows } = await sql`
    with released as (
      update mails set claimed_by = null
      where ${isOpen} and claimed_by is not null and ${isGone("mails.claimed_by")}
      returning id
    )
    update pgboss.job set started_on = null, heartbeat_on = null, retry_count = retry_count + 1,
      state = case when retry_count < retry_limit then 'created' else 'failed' end::pgboss.job_state
    from mails
    where job.name = 'mail' and job.state = 'active' and job.group_id is not null
      and mails.id = case when job.data ->> 'mailId' ~ '^[0-9a-f-]{36}$' then (job.data ->> 'mailId')::uuid end
      and (mails.id in (select id from released)
        or mails.claimed_by is null and job.started_on < now() - interval '5 seconds')
    returning ${wake}`.execute(db);
  return rows.length;
}

/** Those of the mails that no worker has anything to do for any more: settled, put off, or gone. */
export async function findSettled(db: Db, ids: string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom("mails")
    .select("id")
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
    .where(isOpen)
    .where("next_try_at", "is", null)
    .execute();
  const unsettled = new Set(rows.map(({ id }) => id));
  return new Set(ids.filter((id) => !unsettled.has(id)));
}

/** Jobs whose turn has not come after all wait in the queue again, in their old place. */
export async function putJobsBack(db: Db, jobIds: string[]): Promise<void> {
  await sql`
    update pgboss.job set state = 'created', started_on = null, heartbeat_on = null
    where name = 'mail' and state = 'active' and id = any(${jobIds}::uuid[])`.execute(db);
}

/** A job that is not understood is not tried again. */
export async function failJob(db: Db, jobId: string, reason: string): Promise<void> {
  await sql`
    update pgboss.job set state = 'failed', completed_on = now(), output = ${JSON.stringify({ reason })}::text::jsonb
    where name = 'mail' and state = 'active' and id = ${jobId}::uuid`.execute(db);
}

export interface Settlement {
  id: string;
  processName: string;
  status: DeliveryOutcome["status"];
  reason: string;
  nextTryAt: number | null;
  now: number;
}

/** What a delivery came to, in one statement. False when the mail is no longer this worker's to settle. */
export async function settleMail(db: Db, settlement: Settlement): Promise<boolean> {
  const { status, reason, nextTryAt, now } = settlement;
  const result = await db
    .updateTable("mails")
    .set({
      status,
      reason,
      next_try_at: nextTryAt,
      claimed_by: null,
      attempts: sql`attempts + 1`,
      updated_at: now,
      ...(status === "deferred" ? {} : { sealed_code: null }),
    })
    .where("id", "=", settlement.id)
    .where("claimed_by", "=", settlement.processName)
    .where(isOpen)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * Counts a mail that says that its address is dead; from `limit` on nothing is sent there for a time. The count begins
 * again when a mail has got through between the last one that counted and this one.
 */
export async function countBounce(
  db: Db,
  bounce: { id: string; emailNorm: string; reason: string; limit: number; now: number },
): Promise<void> {
  const { id, emailNorm, reason, limit, now } = bounce;
  const count = sql<number>`(case when exists (select from mails
      where mails.email_norm = ${emailNorm} and mails.status = 'accepted' and mails.id < ${id}::uuid
        and mails.id > mail_suppressions.last_mail_id)
    then 1 else mail_suppressions.bounces + 1 end)`;
  await db
    .insertInto("mail_suppressions")
    .values({
      email_norm: emailNorm,
      bounces: 1,
      reason,
      suppressed_at: limit <= 1 ? now : null,
      suppressed_until: now + suppressedFor,
      last_mail_id: id,
      updated_at: now,
    })
    .onConflict((conflict) =>
      conflict.column("email_norm").doUpdateSet({
        bounces: count,
        reason,
        suppressed_at: sql`case when ${count} >= ${limit} then ${now}::bigint end`,
        suppressed_until: now + suppressedFor,
        last_mail_id: id,
        updated_at: now,
      }),
    )
    .execute();
}

/**
 * Mails that were given up for what seemed to be dead addresses do not count after all. Those that need no code are tried
 * again. Returns how many.
 */
export async function takeRefusalsBack(db: Db, ids: string[], now: number): Promise<number> {
  const result = await sql`
    with refused as (
      select id, email_norm, type from mails where id = any(${ids}::uuid[]) and status = 'failed' for update
    ), uncounted as (
      update mail_suppressions set bounces = bounces - 1, suppressed_at = null
      where email_norm in (select email_norm from refused) and bounces > 0
    )
    update mails set status = 'deferred', next_try_at = ${now + 60}, updated_at = ${now}
    where id in (select id from refused where not type = any(${[...codeTypes]}::text[]))`.execute(db);
  return Number(result.numAffectedRows ?? 0);
}

/** Due, and yet without a job. Cause and job are written together, so no other mail looks like that. */
const isLost = sql<boolean>`${isOpen} and next_try_at is null and not exists (
  select from pgboss.job where name = 'mail' and state < 'completed' and data ->> 'mailId' = mails.id::text)`;

const hasEndedWorkers = sql<boolean>`exists (
  select from pgboss.job where name = 'mail' and state = 'failed' and data ->> 'mailId' = mails.id::text)`;

/** Gives up mails whose worker ended every time it had them. Returns how many. */
export async function giveUpLost(db: Db, now: number): Promise<number> {
  const result = await db
    .updateTable("mails")
    .set({
      status: "failed",
      reason: "The worker ended every time while it was delivering this mail.",
      sealed_code: null,
      claimed_by: null,
      updated_at: now,
    })
    .where(isLost)
    .where(hasEndedWorkers)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** The other mails without a job. Theirs belong in the same transaction. */
export async function findLost(trx: Transaction<AppDatabase>, limit: number): Promise<DueRow[]> {
  return trx
    .selectFrom("mails")
    .select(["id", "type", "email_norm"])
    .where(isLost)
    .where(sql<boolean>`not ${hasEndedWorkers}`)
    .limit(limit)
    .forUpdate()
    .skipLocked()
    .execute();
}

export type DueRow = Pick<StoredMail, "id" | "type" | "email_norm">;

/** Deferred mails whose next try has come. From here on they are due; their jobs belong in the same transaction. */
export async function releaseDue(trx: Transaction<AppDatabase>, now: number, limit: number): Promise<DueRow[]> {
  return trx
    .updateTable("mails")
    .set({ next_try_at: null })
    .where("id", "in", (eb) =>
      eb
        .selectFrom("mails")
        .select("id")
        .where("next_try_at", "<=", now)
        .orderBy("next_try_at")
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning(["id", "type", "email_norm", wake])
    .execute();
}

/** Whether `releaseDue` would find any. */
export async function hasDue(db: Db, now: number): Promise<boolean> {
  const row = await db.selectFrom("mails").select("id").where("next_try_at", "<=", now).limit(1).executeTakeFirst();
  return row !== undefined;
}

/** Whether any mail is due or under way. */
export async function hasUnsettled(db: Db, now: number): Promise<boolean> {
  const row = await db
    .selectFrom("mails")
    .select("id")
    .where(isOpen)
    .where((eb) => eb.or([eb("next_try_at", "is", null), eb("next_try_at", "<=", now)]))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Mails, what came back of them, and counts of bounces, older than `before`. What is suppressed stays so for its time. */
export async function purgeMails(db: Db, before: number, now: number): Promise<void> {
  await db.deleteFrom("mails").where("created_at", "<", before).execute();
  await db.deleteFrom("inbound_mails").where("received_at", "<", before).execute();
  await db
    .deleteFrom("mail_suppressions")
    .where("updated_at", "<", before)
    .where(sql<boolean>`not ${isSuppressed(now)}`)
    .execute();
}

/** Mails due or under way. */
export async function countDue(db: Db): Promise<number> {
  const { due } = await db
    .selectFrom("mails")
    .select(sql<number>`count(*)::int`.as("due"))
    .where(isOpen)
    .where("next_try_at", "is", null)
    .executeTakeFirstOrThrow();
  return due;
}

/** Since when the mail has been due that has been so for the longest. */
export async function findOldestDue(db: Db): Promise<number | null> {
  const { since } = await db
    .selectFrom("mails")
    .select(sql<number | null>`min(case status when 'queued' then created_at else updated_at end)`.as("since"))
    .where(isOpen)
    .where("next_try_at", "is", null)
    .executeTakeFirstOrThrow();
  return since;
}
