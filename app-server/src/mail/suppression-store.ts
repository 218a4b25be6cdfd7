import type { ListedSuppression } from "@anteroom/shared/wire/app/mail";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, sql, type Transaction } from "kysely";
import type { AppDatabase } from "../database/tables.ts";
import { codeTypes } from "./kinds.ts";

/** The statements on addresses that seem dead, to which nothing is sent. */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

/** Seconds for which nothing is sent to an address that seems dead. The mail after that shows whether it still is. */
const suppressedFor = 14 * 86_400;

export const isSuppressed = (now: number) =>
  sql<boolean>`(suppressed_at is not null and (suppressed_until is null or suppressed_until > ${now}))`;

/**
 * Counts a mail that says that its address is dead; from `limit` on nothing is sent there for a time. The count begins
 * again when a mail has got through between the last one that counted and this one.
 */
export async function countBounce(
  db: Db,
  bounce: { id: string; email: EmailAddress; reason: string; limit: number; now: number },
): Promise<void> {
  const { id, email, reason, limit, now } = bounce;
  const count = sql<number>`(case when exists (select from mails
      where mails.email_norm = ${email} and mails.status = 'accepted' and mails.id < ${id}::uuid
        and mails.id > mail_suppressions.last_mail_id)
    then 1 else mail_suppressions.bounces + 1 end)`;
  await db
    .insertInto("mail_suppressions")
    .values({
      email_norm: email,
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

/** Addresses that nothing is sent to at present, the newest first. */
export async function listSuppressions(db: Db, now: number, limit: number): Promise<ListedSuppression[]> {
  return db
    .selectFrom("mail_suppressions")
    .select(["email_norm as email", "bounces", "reason", "suppressed_at"])
    .where(isSuppressed(now))
    .$narrowType<{ suppressed_at: number }>()
    .orderBy("suppressed_at", "desc")
    .limit(limit)
    .execute();
}

/** Forgets what came back from an address. False when nothing had. */
export async function clearSuppression(db: Db, email: EmailAddress): Promise<boolean> {
  const result = await db.deleteFrom("mail_suppressions").where("email_norm", "=", email).executeTakeFirst();
  return result.numDeletedRows === 1n;
}

/** Counts of bounces older than `before`. What is suppressed stays so for its time. */
export async function purgeSuppressions(db: Db, before: number, now: number): Promise<void> {
  await db
    .deleteFrom("mail_suppressions")
    .where("updated_at", "<", before)
    .where(sql<boolean>`not ${isSuppressed(now)}`)
    .execute();
}
