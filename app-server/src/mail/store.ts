import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { AppDatabase, MailTable, TokenTable } from "../database.ts";
import type { DeliveryOutcome, MailStatus } from "./types.ts";

/** All statements on mails and suppressions. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export type StoredMail = Selectable<MailTable>;

/** Where a worker listens for mails that are due. */
export const wakeChannel = "anteroom_mail_due";

/** Tells every worker, when the transaction commits, that something is due. */
const wake = sql`pg_notify(${sql.lit(wakeChannel)}, '')`.as("woken");

export type NewMail = Pick<
  MailTable,
  "id" | "type" | "email" | "email_norm" | "registration_id" | "sealed_code" | "created_at"
> & { values: Record<string, string> };

/** Stores a mail together with the code it carries, if it does: one statement. */
export async function insertMail(db: Db, mail: NewMail, code: TokenTable | undefined): Promise<void> {
  // As text: the driver would encode a JSON parameter once more.
  const values = sql<string>`${JSON.stringify(mail.values)}::text::jsonb`;
  const row = { ...mail, values, updated_at: mail.created_at };
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

/** A mail that a worker has taken, with what its template and its envelope need to know of the person. */
export type ClaimedMail = StoredMail & {
  language: "en" | "nl" | null;
  user_id: string | null;
  suppressed_because: string | null;
};

/** True for a process that holds no connection any more: it has ended. */
const isGone = (processName: string) =>
  sql<boolean>`not exists (select from pg_stat_activity where application_name = ${sql.ref(processName)})`;

/**
 * Takes mails for one worker. A mail that is settled, waits for its next try or is in another living worker's hands is
 * left out, whatever its job says.
 */
export async function claimMails(db: Db, ids: string[], processName: string): Promise<ClaimedMail[]> {
  return db
    .with("claimed", (with_) =>
      with_
        .updateTable("mails")
        .set({ claimed_by: processName })
        .where(sql<boolean>`id = any(${ids}::uuid[])`)
        .where("status", "in", ["queued", "deferred"])
        .where("next_try_at", "is", null)
        .where((eb) =>
          eb.or([eb("claimed_by", "is", null), eb("claimed_by", "=", processName), isGone("mails.claimed_by")]),
        )
        .returningAll(),
    )
    .selectFrom("claimed")
    .leftJoin("newusers", "newusers.registration_id", "claimed.registration_id")
    .leftJoin("users", "users.email_norm", "claimed.email_norm")
    .leftJoin("mail_suppressions as suppression", (join) =>
      join.onRef("suppression.email_norm", "=", "claimed.email_norm").on("suppression.suppressed_at", "is not", null),
    )
    .selectAll("claimed")
    .select((eb) => [
      eb.fn.coalesce("newusers.language", "users.language").as("language"),
      "users.id as user_id",
      "suppression.reason as suppressed_because",
    ])
    .execute();
}

/** Puts the jobs of workers that have ended back into the queue. Returns how many. */
export async function releaseJobsOfTheGone(db: Db): Promise<number> {
  const { rows } = await sql`
    update pgboss.job set state = 'created', started_on = null, heartbeat_on = null
    from mails
    where job.name = 'mail' and job.state = 'active' and job.group_id is not null
      and mails.id = case when job.data ->> 'mailId' ~ '^[0-9a-f-]{36}$' then (job.data ->> 'mailId')::uuid end
      and mails.claimed_by is not null and ${isGone("mails.claimed_by")}
    returning ${wake}`.execute(db);
  return rows.length;
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
    .where("status", "in", ["queued", "deferred"])
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Counts a mail that came back or was refused for good; from `limit` on nothing is sent there any more. */
export async function countBounce(
  db: Db,
  bounce: { emailNorm: string; reason: string; limit: number; now: number },
): Promise<void> {
  const { emailNorm, reason, limit, now } = bounce;
  await db
    .insertInto("mail_suppressions")
    .values({
      email_norm: emailNorm,
      bounces: 1,
      reason,
      suppressed_at: limit <= 1 ? now : null,
      updated_at: now,
    })
    .onConflict((conflict) =>
      conflict.column("email_norm").doUpdateSet({
        bounces: sql`mail_suppressions.bounces + 1`,
        reason,
        suppressed_at: sql`coalesce(mail_suppressions.suppressed_at,
          case when mail_suppressions.bounces + 1 >= ${limit} then ${now}::bigint end)`,
        updated_at: now,
      }),
    )
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
    .where("status", "in", ["queued", "deferred"])
    .where((eb) => eb.or([eb("next_try_at", "is", null), eb("next_try_at", "<=", now)]))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Spelled out so that PostgreSQL recognises the condition of the index. */
export const isGivenUp = sql<boolean>`status in ('failed', 'bounced')`;

export const givenUpStatuses = ["failed", "bounced"] as const satisfies MailStatus[];
