import {
  type InboundOutcome,
  type ListedInboundMail,
  type ListedMail,
  type MailStatus,
  mailStatuses,
} from "@anteroom/shared/wire/app/mail";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Insertable, type Kysely, sql, type Transaction } from "kysely";
import { isAbout, isAboutId, type Person } from "../database/fragments.ts";
import type { AppDatabase, InboundMailTable } from "../database/tables.ts";
import type { MailType } from "./kinds.ts";
import type { StoredMail } from "./store.ts";
import { isSuppressed } from "./suppression-store.ts";

/** The statements by which administrators see mails and send them again, and on what came back. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

/** The dead letters; spelled out so that PostgreSQL recognises the condition of the index. */
const isGivenUp = sql<boolean>`status in ('failed', 'bounced')`;

/** As administrators see a mail: nothing secret. */
const shownColumns = [
  "id",
  "type",
  "email",
  "registration_id",
  "status",
  "reason",
  "attempts",
  "next_try_at",
  "created_at",
  "updated_at",
] as const;

export interface MailFilter {
  statuses: readonly MailStatus[];
  email?: EmailAddress | undefined;
  /** A pattern for LIKE: a part of the address. */
  search?: string;
  /** The id of whose they are: a user's or a registration's. */
  about?: string | undefined;
}

export interface MailPage {
  /** Only mails that come after this one in the list. */
  after: { createdAt: number; id: string } | undefined;
  limit: number;
}

/** Newest first. */
export async function listMails(db: Db, filter: MailFilter, { after, limit }: MailPage): Promise<ListedMail[]> {
  let query = selectMails(db, filter).select(shownColumns);
  if (after) query = query.where(sql<boolean>`(created_at, id) < (${after.createdAt}, ${after.id}::uuid)`);
  return query.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
}

function selectMails(db: Db, { statuses, email, search, about }: MailFilter) {
  let query = db.selectFrom("mails").where("status", "in", [...statuses]);
  if (email !== undefined) query = query.where("email_norm", "=", email);
  if (search) query = query.where("email_norm", "like", sql<EmailAddress>`${search}`);
  return about === undefined ? query : query.where(isAboutId(about));
}

/** How many there are per status, whichever of them is looked at. */
export async function countMails(
  db: Db,
  filter: Omit<MailFilter, "statuses"> = {},
): Promise<Record<MailStatus, number>> {
  const rows = await selectMails(db, { ...filter, statuses: mailStatuses })
    .select(["status", sql<number>`count(*)::int`.as("count")])
    .groupBy("status")
    .execute();
  const counts = new Map(rows.map(({ status, count }) => [status, count]));
  const entries = mailStatuses.map((status) => [status, counts.get(status) ?? 0]);
  return Object.fromEntries(entries) as Record<MailStatus, number>;
}

/** All of one person's, whatever address they went to; newest first. */
export async function listMailsOf(db: Db, person: Person, limit: number): Promise<ListedMail[]> {
  return db
    .selectFrom("mails")
    .select(shownColumns)
    .where(isAbout(person))
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
}

/** What became of a person's mails, whatever address they went to. Those still on their way are left to arrive. */
export async function forgetMails(db: Db, person: Person): Promise<void> {
  await db.deleteFrom("mails").where(isAbout(person)).where("status", "not in", ["queued", "deferred"]).execute();
}

/** A dead letter, with what decides whether it can be sent again. */
export async function findForReplay(db: Db, id: string, now: number) {
  return db
    .selectFrom("mails")
    .leftJoin("mail_suppressions as suppression", (join) =>
      join.onRef("suppression.email_norm", "=", "mails.email_norm").on(isSuppressed(now)),
    )
    .select(["mails.id", "type", "mails.email", "mails.email_norm", "user_id", "registration_id", "status"])
    .select((eb) => eb("suppression.email_norm", "is not", null).as("is_suppressed"))
    .where("mails.id", "=", id)
    .executeTakeFirst();
}

/** The dead letters, those first that have been so for the longest. */
export async function listGivenUp(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .selectFrom("mails")
    .select("id")
    .where(isGivenUp)
    .orderBy("updated_at")
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ id }) => id);
}

/** A dead letter waits for its first try again. False when it is none any more. */
export async function requeue(
  trx: Transaction<AppDatabase>,
  id: string,
  { now, tryUntil }: { now: number; tryUntil: number },
): Promise<boolean> {
  const result = await trx
    .updateTable("mails")
    .set({ status: "queued", reason: null, attempts: 0, interruptions: 0, next_try_at: null })
    .set({ try_until: tryUntil, updated_at: now })
    .where("id", "=", id)
    .where(isGivenUp)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Dead letters whose place a new mail of the same kind has taken are none any more. */
export async function deleteReplaced(
  db: Db,
  { type, email_norm }: Pick<StoredMail, "type" | "email_norm">,
): Promise<void> {
  await db.deleteFrom("mails").where("email_norm", "=", email_norm).where("type", "=", type).where(isGivenUp).execute();
}

/** The relay took it and it came back. False when it was known, given up or purged before. */
export async function storeBounce(
  db: Db,
  bounce: { id: string; reason: string; now: number },
): Promise<{ email_norm: EmailAddress; type: MailType } | undefined> {
  return db
    .updateTable("mails")
    .set({
      status: "bounced",
      reason: bounce.reason,
      next_try_at: null,
      sealed_code: null,
      claimed_by: null,
      updated_at: bounce.now,
    })
    .where("id", "=", bounce.id)
    .where("status", "not in", ["bounced", "failed"])
    .returning(["email_norm", "type"])
    .executeTakeFirst();
}

/** The next relay has not got rid of it yet. False when it is not of interest any more. */
export async function storeDelay(db: Db, delay: { id: string; reason: string }): Promise<boolean> {
  const result = await db
    .updateTable("mails")
    .set({ reason: delay.reason })
    .where("id", "=", delay.id)
    .where("status", "=", "accepted")
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Writes down what arrived. `mailId` may be of a mail that is not kept any more. */
export async function insertInbound(
  db: Db,
  { mailId, ...inbound }: Omit<Insertable<InboundMailTable>, "mail_id"> & { mailId: string },
): Promise<void> {
  const mail = sql<string | null>`(select id from mails where id = ${mailId}::uuid)`;
  const outcome = sql<InboundOutcome>`case when ${mail} is null then 'unknown_mail' else ${inbound.outcome} end`;
  await db
    .insertInto("inbound_mails")
    .values({ ...inbound, mail_id: mail, outcome })
    .execute();
}

/** Newest first; of one mail, or of all. */
export async function listInbound(
  db: Db,
  { mailId, before, limit }: { mailId: string | undefined; before: number | undefined; limit: number },
): Promise<ListedInboundMail[]> {
  let query = db
    .selectFrom("inbound_mails")
    .leftJoin("mails", "mails.id", "inbound_mails.mail_id")
    .select(["inbound_mails.id", "mail_id", "email", "type", "kind", "outcome", "inbound_mails.reason", "excerpt"])
    .select("received_at");
  if (mailId !== undefined) query = query.where("mail_id", "=", mailId);
  if (before !== undefined) query = query.where("inbound_mails.id", "<", before);
  return query.orderBy("inbound_mails.id", "desc").limit(limit).execute();
}

export async function countGivenUp(db: Db): Promise<number> {
  const { givenUp } = await db
    .selectFrom("mails")
    .select(sql<number>`count(*)::int`.as("givenUp"))
    .where(isGivenUp)
    .executeTakeFirstOrThrow();
  return givenUp;
}
