import { randomId } from "@anteroom/shared/runtime/crypto";
import { inNameOf } from "@anteroom/shared/runtime/http/request-scope";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Kysely, Transaction } from "kysely";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { sendPasswordLink } from "./password-links.ts";

/**
 * Links for a new password that nobody has to ask for: their owner's password was guessed at too often. Such a mail takes
 * a call to the auth server, which is waiting for us when it tells, so the link is owed in a row until it was sent.
 */
export async function oweLink(trx: Transaction<AppDatabase>, email: EmailAddress, now: number): Promise<void> {
  await trx
    .insertInto("owed_links")
    .values({ email, owed_at: now })
    .onConflict((conflict) => conflict.column("email").doNothing())
    .execute();
}

/** Milliseconds after which a link is tried again that could not be sent. */
const againAfter = 5_000;

const sentAtOnce = 20;

/**
 * Sends what is owed. A link that was sent by a process which then died is sent once more. Returns after how many milliseconds
 * to go on, if anything is left.
 */
export async function sendOwedLinks(context: AppContext): Promise<number | undefined> {
  const owed = await context.db.selectFrom("owed_links").select("email").orderBy("owed_at").limit(sentAtOnce).execute();
  let hasFailed = false;
  for (const { email } of owed) {
    // No visitor's request, but one that the auth server can name when it hands over the mail.
    const refusal = await inNameOf(randomId(), () => sendPasswordLink(context, email));
    if (refusal) {
      context.log.warn({ reason: refusal.reason }, "a link for a new password could not be sent; it is tried again");
      hasFailed = true;
      continue;
    }
    await context.db.deleteFrom("owed_links").where("email", "=", email).execute();
  }
  if (hasFailed) return againAfter;
  return owed.length === sentAtOnce ? 0 : undefined;
}

/** Whether any link is owed. */
export async function isAnyOwed(db: Kysely<AppDatabase>): Promise<boolean> {
  return (await db.selectFrom("owed_links").select("email").limit(1).executeTakeFirst()) !== undefined;
}
