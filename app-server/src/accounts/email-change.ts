import { equalInConstantTime, randomId } from "@anteroom/shared/runtime/crypto";
import { isUniqueViolation } from "@anteroom/shared/runtime/database";
import { takeToken } from "@anteroom/shared/runtime/rate-limits";
import { currentRequest } from "@anteroom/shared/runtime/request-scope";
import { formatTimestamp } from "@anteroom/shared/wire/email";
import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import { answerAfter, checkPassword, refused, sessionIdOf, takeStep, whyRefused } from "../auth-server/as-visitor.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { limits } from "../limits.ts";
import { type Outcome, type Refusal, refuse, refuseWith, tooManyRequests } from "../outcome.ts";
import { endForAccount, endSignupOf } from "../registration/ending.ts";
import type { Ended } from "../registration/ending-store.ts";
import * as links from "./link-store.ts";
import type { Caller } from "./store.ts";
import * as store from "./store.ts";

/**
 * A new address for an account. The password is asked for at once (and the new mailbox must be shown to be one's own), so
 * that the mailed link can be opened anywhere, signed in or not. The auth server makes and mails the code; this server
 * made the link's handle before, compares the code, and changes the address in the one transaction that also tells the
 * old one. Until then the old address stays in force.
 */

/** Milliseconds after which a request is answered, whoever has the address. */
const requestAnswerAfter = 160;

/** Milliseconds that a request waits for another one's mail to the same address, and between two looks. */
const patience = 5_000;
const lookAgainAfter = 50;

export interface PendingChange {
  email: string;
  expires_at: number;
}

/** Asks for a change and mails the new address. An address that somebody has is answered like any other, and gets no mail. */
export async function requestEmailChange(
  context: AppContext,
  caller: Caller,
  session_token: string,
  { email, password }: { email: string; password: string },
): Promise<Outcome<PendingChange>> {
  const emailNorm = normalizeEmailAddress(email);
  if (emailNorm === normalizeEmailAddress(caller.email)) return refuse("address_unchanged");
  const isKnown = await checkPassword(context, session_token, password);
  if (isKnown) return refuseWith(isKnown);
  const startedAt = Date.now();
  const now = context.clock.now();
  if (
    !(await takeToken(context.db, limits.changesPerUser, caller.userId, now)) ||
    !(await takeToken(context.db, limits.changesPerAddress, emailNorm, now))
  )
    return refuseWith(tooManyRequests(limits.changesPerUser.interval));
  const refusal = await openChange(context, caller, session_token, email.trim());
  if (refusal) return refuseWith(refusal);
  await answerAfter(requestAnswerAfter, startedAt);
  return { ok: true, values: { email: email.trim(), expires_at: now + context.settings.policy.emailVerifyTtl } };
}

async function openChange(
  context: AppContext,
  { userId }: Caller,
  session_token: string,
  email: string,
): Promise<Refusal | undefined> {
  const { db } = context;
  const standing = await store.readStanding(db, userId);
  if (standing === undefined) return whyRefused("invalid_session_token");
  const link = newLink(context, { email, userId, standing, sessionId: sessionIdOf(session_token) });
  if (!(await claimInTurn(context, link))) return undefined;
  try {
    const args = { session_token, new_email_address: email };
    const created = await takeStep(context, "create_user_email_address_update", args);
    if (!created.ok && created.error !== "email_address_already_used") {
      await links.deleteLink(db, link.id);
      return whyRefused(created.error);
    }
  } catch (error) {
    await links.deleteLink(db, link.id);
    throw error;
  }
  await links.openLink(db, link, { sealedToken: null, expiresAt: link.expires_at });
  return undefined;
}

/** False when the same person's request is under way already. */
async function claimInTurn({ db }: AppContext, link: links.NewLink): Promise<boolean> {
  for (let waited = 0; waited < patience; waited += lookAgainAfter) {
    if (await links.claimLink(db, link)) return true;
    if ((await links.findOpening(db, link))?.user_id === link.user_id) return false;
    await new Promise((resolve) => setTimeout(resolve, lookAgainAfter));
  }
  return false;
}

function newLink(
  { handles, clock, processName, settings }: AppContext,
  change: { email: string; userId: string; standing: string; sessionId: string },
): links.NewLink {
  const id = randomId();
  const now = clock.now();
  return {
    id,
    token_hash: handles.hashToken(handles.linkToken(id)),
    kind: "email_change",
    email: change.email,
    email_norm: normalizeEmailAddress(change.email),
    user_id: change.userId,
    session_id: change.sessionId,
    standing: change.standing,
    opened_by: processName,
    request_id: currentRequest()?.id ?? null,
    created_at: now,
    expires_at: now + settings.policy.emailVerifyTtl,
  };
}

/** The change that waits for its code. */
export async function findPendingChange(context: AppContext, userId: string): Promise<PendingChange | null> {
  const link = await links.findLink(context.db, "email_change", { userId }, context.clock.now());
  if (!link || link.used_at !== null || (await store.readStanding(context.db, userId)) !== link.standing) return null;
  return { email: link.email, expires_at: link.expires_at };
}

/**
 * Confirms by what the link carries, or by the code alone for whoever is signed in. A link that was used says so again:
 * its reader wants to know that the address holds.
 */
export async function confirmEmail(
  context: AppContext,
  by: { token: string } | { userId: string },
  code: string,
): Promise<Outcome<{ email: string; already: boolean }>> {
  const { db, clock, handles } = context;
  const now = clock.now();
  const named = "token" in by ? { tokenHash: handles.hashToken(by.token) } : by;
  const link = await links.findLink(db, "email_change", named, now);
  if (!link) return refuse("link_not_valid");
  if (!(await takeToken(db, limits.changeCodeAttempts, link.id, now))) return refused("rate_limited");
  const mac = handles.codeMac(link.id, code);
  if (!equalInConstantTime(mac, link.code_mac ?? Buffer.alloc(mac.length))) return refuse("incorrect_code");
  if (link.used_at !== null) return { ok: true, values: { email: link.email, already: true } };
  try {
    const { ended, ...outcome } = await db.transaction().execute((trx) => change(context, trx, link));
    await endSignupOf(context, ended);
    return outcome;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    await links.deleteLink(db, link.id);
    return refuse("address_in_use/change");
  }
}

/** The user's row is locked first: whoever else shows the same code waits, and then finds it used. */
async function change(
  context: AppContext,
  trx: Transaction<AppDatabase>,
  link: links.AccountLink,
): Promise<Outcome<{ email: string; already: boolean }> & { ended?: Ended | undefined }> {
  const now = context.clock.now();
  const user = await store.lockUser(trx, link.user_id ?? "");
  if (!(await links.markLinkUsed(trx, link.id, now))) return { ok: true, values: { email: link.email, already: true } };
  if (!user || user.disabled || user.standing !== link.standing) {
    await links.deleteLink(trx, link.id);
    return refuse("link_not_valid");
  }
  const isChanged = await store.updateEmailAddress(trx, {
    userId: user.id,
    email: link.email,
    emailNorm: link.email_norm,
    counter: user.email_address_counter,
  });
  if (!isChanged) throw new Error("A locked user's address could not be changed.");
  await links.deletePasswordLinks(trx, user.email_norm);
  await context.mail.enqueue(trx, {
    type: "email_updated",
    email: user.email,
    userId: user.id,
    values: {
      displayName: `${user.firstname} ${user.lastname}`.trim(),
      timestamp: formatTimestamp(now),
      newEmail: link.email,
    },
  });
  const ended = await endForAccount(context, trx, { email: link.email_norm, userId: user.id });
  return { ok: true, values: { email: link.email, already: false }, ended };
}
