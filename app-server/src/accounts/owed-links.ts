import { randomId } from "@anteroom/shared/runtime/crypto";
import { inNameOf } from "@anteroom/shared/runtime/http/request-scope";
import type { AppContext } from "../context.ts";
import * as store from "./link-store.ts";
import { sendPasswordLink } from "./password-links.ts";

/** Milliseconds after which a link is tried again that could not be sent. */
const againAfter = 5_000;

const sentAtOnce = 20;

/**
 * Sends the links that are owed (`oweLink`). A link that was sent by a process which then died is sent once more. Returns after how many milliseconds
 * to go on, if anything is left.
 */
export async function sendOwedLinks(context: AppContext): Promise<number | undefined> {
  const owed = await store.listOwedLinks(context.db, sentAtOnce);
  let hasFailed = false;
  for (const email of owed) {
    // No visitor's request, but one that the auth server can name when it hands over the mail.
    const refusal = await inNameOf(randomId(), () => sendPasswordLink(context, email));
    if (refusal) {
      context.log.warn({ reason: refusal.reason }, "a link for a new password could not be sent; it is tried again");
      hasFailed = true;
      continue;
    }
    await store.settleOwedLink(context.db, email);
  }
  if (hasFailed) return againAfter;
  return owed.length === sentAtOnce ? 0 : undefined;
}
