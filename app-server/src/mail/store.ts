import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import { hasProcessEnded } from "../database/leases.ts";
import type { AppDatabase, MailTable, TokenTable } from "../database/tables.ts";
import type { DeliveryOutcome } from "./request.ts";
import { isSuppressed } from "./suppression-store.ts";

/** The statements of the queue: mails from their cause to their outcome. Triggers wake the workers (work.ts). */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export type StoredMail = Selectable<MailTable>;

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
  priority: number;
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
    await db.insertInto("mails").values(row).execute();
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
    .execute();
}

/** Mails without codes, all in one statement, which is the same for none of them. */
export async function insertMails(db: Db, mails: readonly NewMail[]): Promise<void> {
  await sql`
    insert into mails (id, type, email, email_norm, registration_id, link_id, request_id, "values", priority, created_at,
      updated_at, try_until, user_id)
    select id, type, email, email_norm, registration_id, link_id, request_id, "values", priority, created_at, created_at,
      try_until, coalesce(user_id, (select user_id from account_links where account_links.id = mail.link_id),
        (select users.id from users where users.email_norm = mail.email_norm))
    from jsonb_to_recordset(${JSON.stringify(mails)}::text::jsonb) as mail (id uuid, type text, email text,
      email_norm text, registration_id text, link_id text, request_id text, "values" jsonb, priority smallint,
      created_at bigint, try_until bigint, user_id text)`.execute(db);
}

/** Neither accepted nor given up. Spelled out so that PostgreSQL recognises the condition of the index. */
const isOpen = sql<boolean>`status in ('queued', 'deferred')`;

/** A mail that ends its worker every time must not go on for ever. */
const mostInterruptions = 100;

const isDueOrUnderWay = (now: number) => sql<boolean>`${isOpen} and (next_try_at is null or next_try_at <= ${now})`;

const isDue = (now: number) =>
  sql<boolean>`${isDueOrUnderWay(now)} and claimed_by is null and interruptions < ${sql.lit(mostInterruptions)}`;

/** Of mails of one priority those go first that have been due for the longest. As the index has it. */
const dueSince = sql<number>`coalesce(next_try_at, created_at)`;

/** Where a mail goes, of which only so many are under way at once: as `domainOf` has it. */
const domain = sql<string>`coalesce(nullif(left(split_part(email_norm, '@', -1), 255), ''), 'unknown')`;

/** A mail that a worker has taken, with what its template and its envelope need to know of the person. */
export type ClaimedMail = StoredMail & {
  domain: string;
  language: "en" | "nl" | null;
  suppressed_because: string | null;
};

export interface Claim {
  processName: string;
  now: number;
  /** Mails at most, of one domain with all that are under way. */
  limit: number;
  perDomain: number;
  /** Domains that get none now. */
  heldDomains: readonly string[];
}

/** So many of the first are looked at, for domains that may have more. */
const lookedAt = 200;

/** Takes mails that are due for one worker, those first whose turn it is. Others take the rest at the same moment. */
export async function claimDue(db: Db, claim: Claim): Promise<ClaimedMail[]> {
  const { processName, now, limit, perDomain, heldDomains } = claim;
  const { rows } = await sql<ClaimedMail>`
    with busy as materialized (
      select ${domain} as domain, count(*)::int as mails from mails where claimed_by is not null group by 1
    ), first as materialized (
      select id, priority, ${dueSince} as due_since, ${domain} as domain from mails
      where ${isDue(now)} and ${domain} <> all (${heldDomains}::text[])
        and ${domain} not in (select busy.domain from busy where busy.mails >= ${perDomain})
      order by priority desc, ${dueSince}, id limit ${lookedAt}
    ), ranked as materialized (
      select id, coalesce(busy.mails, 0) + row_number() over (partition by domain order by priority desc, due_since, id)
        as of_domain
      from first left join busy using (domain)
    ), next as (
      select id from ranked join mails using (id) where of_domain <= ${perDomain} and ${isDue(now)}
      order by priority desc, ${dueSince}, id limit ${limit} for update of mails skip locked
    ), claimed as (
      update mails set claimed_by = ${processName}, next_try_at = null from next where mails.id = next.id
      returning mails.*, ${domain} as domain, coalesce(old.next_try_at, old.created_at) as due_since
    )
    select claimed.*, coalesce(newusers.language, users.language) as language, suppression.reason as suppressed_because
    from claimed
    left join newusers on newusers.registration_id = claimed.registration_id
    left join users on users.id = claimed.user_id
    left join mail_suppressions as suppression
      on suppression.email_norm = claimed.email_norm and ${isSuppressed(now)}
    order by claimed.priority desc, due_since, claimed.id`.execute(db);
  return rows;
}

/** What keeps a worker from sleeping. */
export interface Outlook {
  /** There are mails that it could have taken, had it had room or their domains a share left. */
  isMoreDue: boolean;
  /** Others are delivering, and may die of it. */
  areOthersAtWork: boolean;
  /** When the next deferred mail is to be tried. */
  nextTryAt: number | null;
}

export async function findOutlook(db: Db, claim: Omit<Claim, "limit" | "perDomain">): Promise<Outlook> {
  const { processName, now, heldDomains } = claim;
  const { rows } = await sql<Outlook>`select
    exists (select from mails where ${isDue(now)} and ${domain} <> all (${heldDomains}::text[])) as "isMoreDue",
    exists (select from mails where claimed_by is not null and claimed_by <> ${processName}) as "areOthersAtWork",
    (select min(next_try_at) from mails where next_try_at > ${now}) as "nextTryAt"`.execute(db);
  return rows[0] as Outlook;
}

/** Processes that hold mails and have no connection. */
export async function listMissing(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom("mails")
    .select("claimed_by")
    .distinct()
    .where("claimed_by", "is not", null)
    .where(hasProcessEnded("claimed_by"))
    .execute();
  return rows.flatMap(({ claimed_by }) => claimed_by ?? []);
}

/**
 * Mails that nobody delivers, whatever they say, are nobody's again: those of processes that have ended, and those that this one
 * took without learning of it, because the database went away.
 */
export async function releaseAbandoned(
  db: Db,
  held: { processName: string; underWay: string[]; ended: string[] },
): Promise<void> {
  const isForgotten = sql<boolean>`(claimed_by = ${held.processName} and id <> all (${held.underWay}::uuid[]))`;
  await db
    .updateTable("mails")
    .set({ claimed_by: null, interruptions: sql`interruptions + 1` })
    .where("claimed_by", "is not", null)
    .where((eb) => eb.or([isForgotten, sql<boolean>`claimed_by = any (${held.ended}::text[])`]))
    .execute();
}

/** Mails whose turn has not come after all wait again, in their old place. */
export async function putBack(db: Db, ids: string[], processName: string): Promise<void> {
  await db
    .updateTable("mails")
    .set({ claimed_by: null })
    .where(sql<boolean>`id = any (${ids}::uuid[])`)
    .where("claimed_by", "=", processName)
    .execute();
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
 * For a worker that could not write down what became of the mail: it is tried again, and counted as if the process had
 * ended.
 */
export async function postpone(db: Db, mail: { id: string; processName: string; until: number }): Promise<void> {
  await db
    .updateTable("mails")
    .set({ status: "deferred", claimed_by: null, next_try_at: mail.until, interruptions: sql`interruptions + 1` })
    .where("id", "=", mail.id)
    .where("claimed_by", "=", mail.processName)
    .where(isOpen)
    .execute();
}

/** Gives up mails whose worker ended every time it had them. Returns how many. */
export async function giveUpDeadly(db: Db, now: number): Promise<number> {
  const result = await db
    .updateTable("mails")
    .set({
      status: "failed",
      reason: "The worker ended every time while it was delivering this mail.",
      sealed_code: null,
      next_try_at: null,
      updated_at: now,
    })
    .where(isOpen)
    .where("claimed_by", "is", null)
    .where("interruptions", ">=", mostInterruptions)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Deferred mails are due now: those whose next try has come by `until`, or all. Returns how many. */
export async function makeDue(db: Db, until: number | "always"): Promise<number> {
  let statement = db.updateTable("mails").set({ next_try_at: null }).where("next_try_at", "is not", null);
  if (until !== "always") statement = statement.where("next_try_at", "<=", until);
  const result = await statement.executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Whether any mail is due or under way. */
export async function hasUnsettled(db: Db, now: number): Promise<boolean> {
  const row = await db.selectFrom("mails").select("id").where(isDueOrUnderWay(now)).limit(1).executeTakeFirst();
  return row !== undefined;
}

/** Mails, and what came back of them, older than `before`. */
export async function purgeMails(db: Db, before: number): Promise<void> {
  await db.deleteFrom("mails").where("created_at", "<", before).execute();
  await db.deleteFrom("inbound_mails").where("received_at", "<", before).execute();
}

/** Mails due or under way. */
export async function countDue(db: Db, now: number): Promise<number> {
  const { due } = await db
    .selectFrom("mails")
    .select(sql<number>`count(*)::int`.as("due"))
    .where(isDueOrUnderWay(now))
    .executeTakeFirstOrThrow();
  return due;
}

/** Since when the mail has been due that has been so for the longest. */
export async function findOldestDue(db: Db, now: number): Promise<number | null> {
  const since = sql`case status when 'queued' then created_at else coalesce(next_try_at, updated_at) end`;
  const { oldest } = await db
    .selectFrom("mails")
    .select(sql<number | null>`min(${since})`.as("oldest"))
    .where(isDueOrUnderWay(now))
    .executeTakeFirstOrThrow();
  return oldest;
}
