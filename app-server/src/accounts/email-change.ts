import { equalInConstantTime, randomCode, randomId } from "@anteroom/shared/runtime/crypto";
import { isUniqueViolation } from "@anteroom/shared/runtime/database/errors";
import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import { runSteps, takeToken, takingToken } from "@anteroom/shared/runtime/rate-limits";
import { formatTimestamp } from "@anteroom/shared/wire/email";
import { type EmailAddress, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import {
  checkPassword,
  holdAnswer,
  refused,
  sessionIdOf,
  takeStep,
  type WrongPassword,
  whyRefused,
} from "../auth-server/as-visitor.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { limits } from "../limits.ts";
import { type Outcome, refuse, refuseWith, tooManyRequests } from "../outcome.ts";
import { endForAccount, endSignupOf } from "../registration/ending.ts";
import type { Ended } from "../registration/store/endings.ts";
import * as links from "./link-store.ts";
import type { Caller } from "./store.ts";
import * as store from "./store.ts";

/**
 * A new address for an account. The password is asked for at once (and the new mailbox must be shown to be one's own), so
 * that the mailed link can be opened anywhere, signed in or not. The auth server checks the password and the list of blocked
 * addresses; this server makes, mails and compares the code, and changes the address in the one transaction that also tells
 * the old one. Until then the old address stays in force.
 */

/** Milliseconds after which a request is answered, whoever has the address. */
const requestAnswerAfter = 160;

type NotBegun = "address_unchanged" | "email_address_not_allowed/change" | WrongPassword["reason"];

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
): Promise<Outcome<PendingChange, NotBegun>> {
  const emailNorm = normalizeEmailAddress(email);
  const change = { userId: caller.userId, sessionId: sessionIdOf(session_token), email, emailNorm };
  if (emailNorm === normalizeEmailAddress(caller.email)) return refuse("address_unchanged");
  // Before the password: whatever ends the session or changes the password from here on makes another one.
  const standing = await store.readStanding(context.db, caller.userId);
  const wrong = await checkPassword(context, session_token, password);
  if (wrong) return refuseWith(wrong);
  const startedAt = Date.now();
  if (!(await payForChange(context, change))) return refuseWith(tooManyRequests(limits.changesPerUser.interval));
  const blocked = await findBlock(context, change.email);
  if (blocked) return refuseWith(blocked);
  const expires_at = context.clock.now() + context.settings.policy.emailVerifyTtl;
  const begun = await beginChange(context, { ...change, standing }, expires_at);
  if (!begun.ok) return begun;
  await holdAnswer(requestAnswerAfter, startedAt);
  return { ok: true, values: { email: change.email, expires_at } };
}

interface AskedChange {
  userId: string;
  sessionId: string;
  email: string;
  emailNorm: EmailAddress;
}

function payForChange({ db, clock }: AppContext, { userId, emailNorm }: AskedChange): Promise<boolean> {
  const now = clock.now();
  return runSteps(db, [
    takingToken({ limit: limits.changesPerUser, key: userId }, now),
    takingToken({ limit: limits.changesPerAddress, key: emailNorm }, now),
  ]);
}

/** A Faroe has no action for this alone: behind it addresses are blocked for sign-ups only. */
async function findBlock(context: AppContext, email_address: string) {
  const checked = await takeStep(context, "check_new_email_address", { email_address });
  return checked.ok || checked.error === "not_taken" ? undefined : whyRefused(checked.error);
}

/**
 * Refuses when the account is gone, closed or another meanwhile. The user's row is locked: of two changes asked for at once
 * one is the newer. For an address that somebody has nothing is mailed, and nobody knows the code.
 */
async function beginChange(
  context: AppContext,
  change: AskedChange & { standing: string | undefined },
  expiresAt: number,
): Promise<Outcome<undefined, WrongPassword["reason"]>> {
  const code = randomCode(8);
  return context.db.transaction().execute(async (trx): Promise<Outcome<undefined, WrongPassword["reason"]>> => {
    const user = await store.lockUser(trx, change.userId);
    if (!user || user.disabled) return refused("invalid_session_token");
    if (user.standing !== change.standing) return refuse("internal_conflict");
    const link = newLink(context, change, { standing: user.standing, code, expiresAt });
    await links.insertChange(trx, link);
    if (await store.findUser(trx, { email: link.email_norm })) return begun;
    await context.mail.enqueue(trx, {
      type: "email_update_verification",
      email: link.email_norm,
      code,
      codeExpiresAt: expiresAt,
      linkId: link.id,
      values: { displayName: nameOf(user) },
    });
    return begun;
  });
}

const begun = { ok: true, values: undefined } as const;

function newLink(
  { credentials, clock, processName }: AppContext,
  { userId, sessionId, email, emailNorm }: AskedChange,
  { standing, code, expiresAt }: { standing: string; code: string; expiresAt: number },
): links.NewChange {
  const id = randomId();
  return {
    id,
    token_hash: credentials.hashToken(credentials.linkToken(id)),
    kind: "email_change",
    email,
    email_norm: emailNorm,
    user_id: userId,
    session_id: sessionId,
    standing,
    code_mac: credentials.codeMac(id, code),
    opened_by: processName,
    request_id: currentRequest()?.id ?? null,
    created_at: clock.now(),
    expires_at: expiresAt,
  };
}

function nameOf({ firstname, lastname }: { firstname: string; lastname: string }): string {
  return `${firstname} ${lastname}`.trim();
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
): Promise<Outcome<Confirmed, "link_not_valid" | "incorrect_code" | "rate_limited" | "address_in_use/change">> {
  const { db, clock, credentials } = context;
  const now = clock.now();
  const named = "token" in by ? { tokenHash: credentials.hashToken(by.token) } : by;
  const link = await links.findLink(db, "email_change", named, now);
  if (!link) return refuse("link_not_valid");
  if (!(await takeToken(db, limits.changeCodeAttempts, link.id, now))) return refused("rate_limited");
  const mac = credentials.codeMac(link.id, code);
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

type Confirmed = { email: string; already: boolean };

/** The user's row is locked first: whoever else shows the same code waits, and then finds it used. */
async function change(
  context: AppContext,
  trx: Transaction<AppDatabase>,
  link: links.AccountLink,
): Promise<Outcome<Confirmed, "link_not_valid"> & { ended?: Ended | undefined }> {
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
      displayName: nameOf(user),
      timestamp: formatTimestamp(now),
      newEmail: link.email,
    },
  });
  const ended = await endForAccount(context, trx, { email: link.email_norm, userId: user.id });
  return { ok: true, values: { email: link.email, already: false }, ended };
}
