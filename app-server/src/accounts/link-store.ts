import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import { hasProcessEnded } from "../database/leases.ts";
import type { AccountLinkTable, AppDatabase } from "../database/tables.ts";

/** The statements on links that members get by mail (password-links.ts, email-change.ts). */

type Db = Kysely<AppDatabase> | Transaction<AppDatabase>;

export type AccountLink = Selectable<AccountLinkTable>;
export type LinkKind = AccountLink["kind"];

export type NewLink = Pick<
  AccountLinkTable,
  "id" | "token_hash" | "kind" | "email" | "email_norm" | "opened_by" | "request_id" | "created_at" | "expires_at"
>;

/** Of a change of address, whose code is known when it is asked for. */
export type NewChange = NewLink &
  Pick<AccountLinkTable, "session_id"> & { user_id: string; standing: string; code_mac: Uint8Array };

/** Spelled out so that PostgreSQL recognises the condition of the index. */
const isUnderWay = sql<boolean>`not is_open`;

/** How many seconds a link may wait for its mail to be asked for. After that a new link may be made in its place. */
const longestAsking = 30;

/**
 * Takes the right to ask the auth server for a mail of this kind to this address, for one caller at a time: only so is it
 * certain which code belongs to which link. False while another is at it.
 */
export async function claimLink(db: Db, link: NewLink): Promise<boolean> {
  await db
    .deleteFrom("account_links")
    .where("kind", "=", link.kind)
    .where("email_norm", "=", link.email_norm)
    .where(isUnderWay)
    .where((eb) => eb.or([eb("created_at", "<=", link.created_at - longestAsking), hasProcessEnded("opened_by")]))
    .execute();
  const result = await db
    .insertInto("account_links")
    .values(link)
    .onConflict((conflict) => conflict.columns(["kind", "email_norm"]).where(isUnderWay).doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

/** The link works from now on, and no older one of the address does. */
export async function openLink(
  db: Db,
  link: NewLink,
  opened: { sealedToken: Uint8Array; expiresAt: number },
): Promise<void> {
  await db
    .with("opened", (with_) =>
      with_
        .updateTable("account_links")
        .set({ is_open: true, auth_token: opened.sealedToken, expires_at: opened.expiresAt })
        .where("id", "=", link.id),
    )
    .updateTable("account_links")
    .set({ superseded: true })
    .where("kind", "=", link.kind)
    .where("id", "<>", link.id)
    .where("is_open", "=", true)
    .where("email_norm", "=", link.email_norm)
    .execute();
}

/** The change waits for its code from now on, and no older one of its user, who is locked (store.ts), does. */
export async function insertChange(trx: Transaction<AppDatabase>, change: NewChange): Promise<void> {
  await trx
    .with("older", (with_) =>
      with_.updateTable("account_links").set({ superseded: true }).where("user_id", "=", change.user_id),
    )
    .insertInto("account_links")
    .values({ ...change, is_open: true })
    .execute();
}

export async function deleteLink(db: Db, id: string): Promise<void> {
  await db.deleteFrom("account_links").where("id", "=", id).execute();
}

/** Seconds by which the mail of a password reset may come after the reset itself. */
const mailDelay = 5;

export interface CodeMail {
  kind: LinkKind;
  email: EmailAddress;
  /** The request that caused it, which our auth server names and the original does not. */
  requestId: string | undefined;
  macOf: (linkId: string) => Uint8Array;
}

/**
 * For the call back of the auth server: the link that waits for this mail, which from now on belongs to its code. They
 * come from one request, so no mail that somebody else causes at the same moment takes the link's place. Where no
 * request is named the order tells: the mail may be a moment late, when there is a newer link already, so mails take links
 * in the order in which they were asked for.
 */
export async function takeLink(
  trx: Transaction<AppDatabase>,
  mail: CodeMail,
  now: number,
): Promise<string | undefined> {
  const link = await trx
    .selectFrom("account_links")
    .select("id")
    .where("kind", "=", mail.kind)
    .where("email_norm", "=", mail.email)
    .where("code_mac", "is", null)
    .where((eb) => {
      const inOrder = eb.or([isUnderWay, eb("created_at", ">", now - mailDelay)]);
      if (mail.requestId === undefined) return inOrder;
      // Processes of the version before, which may still run, name no request.
      return eb.or([eb("request_id", "=", mail.requestId), eb.and([eb("request_id", "is", null), inOrder])]);
    })
    .orderBy((eb) => eb("request_id", "is", null))
    .orderBy("created_at")
    .orderBy("superseded", "desc")
    .orderBy("is_open", "desc")
    .limit(1)
    .forUpdate()
    .executeTakeFirst();
  if (!link) return undefined;
  await trx
    .updateTable("account_links")
    .set({ code_mac: mail.macOf(link.id) })
    .where("id", "=", link.id)
    .execute();
  return link.id;
}

type By = { tokenHash: Uint8Array } | { email: EmailAddress } | { userId: string };

/** A link that works, or that was used and would still work. */
export async function findLink(db: Db, kind: LinkKind, by: By, now: number): Promise<AccountLink | undefined> {
  return db
    .selectFrom("account_links")
    .selectAll()
    .where("kind", "=", kind)
    .where("is_open", "=", true)
    .where("superseded", "=", false)
    .where("expires_at", ">", now)
    .where((eb) => {
      if ("tokenHash" in by) return eb("token_hash", "=", by.tokenHash);
      return "email" in by ? eb("email_norm", "=", by.email) : eb("user_id", "=", by.userId);
    })
    .orderBy("created_at", "desc")
    .limit(1)
    .executeTakeFirst();
}

/** For exactly one caller. */
export async function markLinkUsed(db: Db, id: string, now: number): Promise<boolean> {
  const result = await db
    .updateTable("account_links")
    .set({ used_at: now })
    .where("id", "=", id)
    .where("used_at", "is", null)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Changes of address that were asked for in these sessions, or in any. */
export async function deleteEmailChanges(db: Db, userId: string, sessionIds?: readonly string[]): Promise<void> {
  let statement = db.deleteFrom("account_links").where("user_id", "=", userId).where("used_at", "is", null);
  if (sessionIds) statement = statement.where("session_id", "in", [...sessionIds]);
  await statement.execute();
}

export async function deletePasswordLinks(db: Db, email: EmailAddress): Promise<void> {
  await db.deleteFrom("account_links").where("kind", "=", "password_reset").where("email_norm", "=", email).execute();
}

/** Seconds for which an expired link is remembered, so that its holder can have a new one sent. */
const renewableFor = 86_400;

/** The address of a link that has expired lately without having been used. */
export async function findExpired(db: Db, kind: LinkKind, tokenHash: Uint8Array, now: number) {
  return db
    .selectFrom("account_links")
    .select("email")
    .where("kind", "=", kind)
    .where("token_hash", "=", tokenHash)
    .where("superseded", "=", false)
    .where("expires_at", "<=", now)
    .where("expires_at", ">", now - renewableFor)
    .executeTakeFirst();
}

/** A link that a newer one for the same purpose has taken the place of. */
export async function isSuperseded(db: Db, kind: LinkKind, tokenHash: Uint8Array): Promise<boolean> {
  const row = await db
    .selectFrom("account_links")
    .select("id")
    .where("kind", "=", kind)
    .where("token_hash", "=", tokenHash)
    .where("superseded", "=", true)
    .executeTakeFirst();
  return row !== undefined;
}

export async function purgeLinks(db: Db, now: number): Promise<void> {
  await db
    .deleteFrom("account_links")
    .where("expires_at", "<=", now - renewableFor)
    .execute();
}

/**
 * A link for a new password that nobody has to ask for: the owner's password was guessed at too often. Such a mail takes
 * a call to the auth server, which is waiting for us when it tells, so the link is owed in a row until it was sent.
 */
export async function oweLink(trx: Transaction<AppDatabase>, email: EmailAddress, now: number): Promise<void> {
  await trx
    .insertInto("owed_links")
    .values({ email, owed_at: now })
    .onConflict((conflict) => conflict.column("email").doNothing())
    .execute();
}

/** The addresses that have waited longest for theirs. */
export async function listOwedLinks(db: Db, limit: number): Promise<EmailAddress[]> {
  const rows = await db.selectFrom("owed_links").select("email").orderBy("owed_at").limit(limit).execute();
  return rows.map(({ email }) => email);
}

export async function settleOwedLink(db: Db, email: EmailAddress): Promise<void> {
  await db.deleteFrom("owed_links").where("email", "=", email).execute();
}

/** What a change of address hangs on: when one of these counters has moved, it has ended. */
export const standingColumn = sql<string>`password_hash_counter || '.' || email_address_counter || '.' ||
  disabled_counter || '.' || sessions_counter`;
