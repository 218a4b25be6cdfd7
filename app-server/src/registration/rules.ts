import { randomId } from "@anteroom/shared/runtime/crypto";
import { takeToken } from "@anteroom/shared/runtime/rate-limits";
import type { OwnRequest, RegistrationStatus } from "@anteroom/shared/wire/app/registration";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import { isVerificationCode } from "@anteroom/shared/wire/mailed-code";
import type { Transaction } from "kysely";
import { findUsualHours } from "../audit/log-store.ts";
import { guessCode } from "../code-guesses.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { limits } from "../limits.ts";
import { isMailedCode } from "../mail/codes.ts";
import type { MailRequest } from "../mail/request.ts";
import {
  missingFields,
  type Outcome,
  type Refusal,
  refusalOf,
  refuse,
  refuseWith,
  tooManyRequests,
} from "../outcome.ts";
import { approvalRequests, listToldOfEach } from "./approvers.ts";
import { cannotOpen } from "./decisions.ts";
import { withdraw } from "./ending.ts";
import { renewOpening, sendCodeOnce } from "./opening.ts";
import * as openings from "./opening-store.ts";
import type { RegistrationState } from "./states.ts";
import * as store from "./store.ts";

export interface RegistrationRequest {
  email: EmailAddress;
  firstname: string;
  lastname: string;
  /** Undefined: the site's. */
  language?: Language | undefined;
  /** To those who decide. */
  message?: string | undefined;
  /** Random, the client's own: a request that is repeated with it is the same request. */
  requestKey?: string | undefined;
}

/**
 * Every kind of address takes the same statements. What is left, the rows they store, is covered by an answer that waits
 * until this many milliseconds have passed.
 */
const answerAfter = 40;

/** Further milliseconds for every administrator who is told, known address or not. */
const answerAfterPerApprover = 5;

/**
 * Registers a person who now waits for a decision. For an address that is a user's, already waiting or was rejected
 * lately the answer looks the same and carries the token of a decoy, which behaves like a registration that waits;
 * a user is told by mail, once a day at most. A further request for a waiting address is shown beside the first to
 * administrators, who may approve either, and takes its place should the first end: who came first may be anybody.
 */
export async function requestRegistration(
  context: AppContext,
  { message: written, ...request }: RegistrationRequest,
): Promise<Outcome<{ message: string; registration_token: string }, "already_registered" | "missing_field">> {
  const startedAt = Date.now();
  const asking = context.settings.policy.message;
  if (asking === "required" && !written) return missingFields(["message"]);
  const person = { ...request, message: asking === "off" ? undefined : written };
  const approvers = await listToldOfEach(context);
  const outcome = await context.db.transaction().execute((trx) => register(context, trx, person, approvers));
  const answerAt = startedAt + answerAfter + answerAfterPerApprover * approvers.length;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, answerAt - Date.now())));
  if (outcome.duplicate) return refuse("already_registered", { values: { table: outcome.duplicate } });
  const message = "Your registration waits for an administrator. You will get a mail when it was approved.";
  const registration_token = context.credentials.registrationToken(outcome.registrationId);
  return { ok: true, values: { message, registration_token } };
}

async function register(
  context: AppContext,
  trx: Transaction<AppDatabase>,
  person: RegistrationRequest,
  approvers: readonly string[],
) {
  const now = context.clock.now();
  const { policy } = context.settings;
  const registrationId = idOf(context, person);
  // Whose answer got lost asks once more and is answered as before.
  if (person.requestKey !== undefined && (await store.findById(trx, registrationId))) return { registrationId };
  const row = {
    id: registrationId,
    token_hash: context.credentials.hashToken(context.credentials.registrationToken(registrationId)),
    email: person.email,
    created_at: now,
    expires_at: now + policy.registrationTtl,
  };
  const known = await store.findUsesOfAddress(trx, person.email, now - policy.rejectCooldown);
  const isFree = !known.isUser && !known.isRejected && !known.isWaiting;
  // Of several at the same moment one is first.
  const isFirst = isFree && (await store.insertRequest(trx, { ...row, state: "REQUESTED" }, person));
  if (!isFirst && policy.duplicateReply === "dodeka_400")
    return { registrationId, duplicate: known.isUser ? "user" : "newuser" };
  if (!isFirst) await store.insertRequest(trx, { ...row, state: "DECOY" }, person);
  const mayHint = await takeToken(trx, limits.hintsPerAddress, hintKey(person.email, known.isUser), now);
  if (isFirst) await context.mail.enqueueAll(trx, approvalRequests(approvers, person));
  else await context.mail.enqueueAll(trx, known.isUser && mayHint ? [hint(person, known.isDisabled)] : []);
  return { registrationId };
}

/** Only users get hints; the others' bucket is one that nothing depends on. */
function hintKey(email: EmailAddress, isUser: unknown): string {
  return isUser ? email : `no user ${email}`;
}

/** Whose account is closed can neither sign in nor have a new password: they are not sent round in circles. */
function hint({ email }: RegistrationRequest, isClosed: unknown): MailRequest {
  return { type: isClosed ? "closed_account_hint" : "registration_hint", email, values: {} };
}

function idOf({ credentials }: AppContext, { email, requestKey }: RegistrationRequest): string {
  return requestKey === undefined ? randomId() : credentials.requestId(email, requestKey);
}

const unknownToken = refusalOf("registration_not_found");
const rejectedAlready = refusalOf("invalid_transition/rejected", { members: { state: "REJECTED" } });

/**
 * What the holder of a registration token may know. Every call for an open sign-up gets a sign-up token of its own
 * (behaviour S-13): whoever cannot show the mailed code with it gets no further, whatever others do with theirs.
 *
 * @param code lets the mailbox's owner have a token even when others have used up the number given out without one
 */
export async function registrationStatus(
  context: AppContext,
  token: string,
  code: string | undefined,
): Promise<Outcome<RegistrationStatus, "registration_not_found" | "address_in_use/own_request">> {
  const row = await store.findByToken(context.db, context.credentials.hashToken(token));
  switch (row?.state) {
    case "REQUESTED":
    case "DECOY":
    case "ACCEPTING":
      return { ok: true, values: { email: row.email, accepted: false, signup_token: null } };
    case "ACCEPTED":
      return { ok: true, values: { email: row.email, accepted: true, signup_token: null } };
    case "OPEN":
      return {
        ok: true,
        values: { email: row.email, accepted: true, ...(await ownToken(context, row, code)) },
      };
    case "REJECTED":
      return { ok: true, values: { email: row.email, accepted: false, signup_token: null, state: "rejected" } };
    default:
      if (row && code !== undefined && (await isTaken(context, row, code))) return refuse("address_in_use/own_request");
      return refuseWith(unknownToken);
  }
}

const standsOf: { [State in RegistrationState]?: OwnRequest["stands"] } = {
  REQUESTED: "waiting",
  DECOY: "waiting",
  ACCEPTING: "waiting",
  ACCEPTED: "approved",
  OPEN: "approved",
  REJECTED: "rejected",
};

/** What the browser shows that remembers a request; undefined once it is over. It opens nothing. */
export async function ownRequest(
  { db, credentials, clock }: AppContext,
  token: string,
): Promise<OwnRequest | undefined> {
  const row = await store.findByToken(db, credentials.hashToken(token));
  const stands = row && standsOf[row.state];
  if (!stands) return undefined;
  const usual = stands === "waiting" ? usualWaitOf(await findUsualHours(db, clock.now())) : null;
  return { email: row.email, created_at: row.createdAt, stands, usual_wait: usual };
}

/** Told in steps, so that nobody learns from it when whoever decides is there. */
function usualWaitOf(hours: number | null): OwnRequest["usual_wait"] {
  if (hours === null) return null;
  if (hours <= 1) return "hour";
  if (hours <= 24) return "day";
  if (hours <= 72) return "days";
  return hours <= 7 * 24 ? "week" : "weeks";
}

/** Told to nobody but the owner of the mailbox, who shows the code. */
async function isTaken(context: AppContext, { email }: store.Registration, code: string): Promise<boolean> {
  if (!(await isRightCode(context, email, code))) return false;
  return Boolean((await store.findUsesOfAddress(context.db, email, context.clock.now())).isUser);
}

function guessMailedCode(context: AppContext, email: EmailAddress, code: string) {
  return guessCode(context, email, async () => (await isMailedCode(context, email, code)) || undefined);
}

async function isRightCode(context: AppContext, email: EmailAddress, code: string | undefined): Promise<boolean> {
  return code !== undefined && isVerificationCode(code) && (await guessMailedCode(context, email, code)).is === "right";
}

/**
 * A sign-up token for the holder of an open registration, or what they have to do for one. Without the code so many are
 * given out and no more; with the right one, which is compared here first, there always is one.
 */
async function ownToken(
  context: AppContext,
  row: store.Registration,
  code: string | undefined,
): Promise<Pick<RegistrationStatus, "signup_token" | "state">> {
  if (!row.signupToken) return { signup_token: null };
  const shared = context.credentials.unsealSignupToken(row.id, row.signupToken);
  const isRight = await isRightCode(context, row.email, code);
  const sibling = await context.authServer.createSiblingSignup(shared, isRight ? code : undefined);
  if (sibling.ok) return { signup_token: sibling.values.signupToken };
  // Faroe knows no siblings: all holders share one token there, so it is for those alone who show the code.
  if (sibling.error === "unknown_action") return isRight ? { signup_token: shared } : codeNeededForToken;
  if (sibling.error !== "invalid_signup_token") return codeNeededForToken;
  await openings.storeSignupGone(context.db, row.id, row.signupToken);
  return { signup_token: null };
}

const codeNeededForToken = { signup_token: null, state: "code_needed" } as const;

/** Finds the registration token for somebody who has the address and the mailed code, and tells nobody else anything. */
export async function lookupRegistration(
  context: AppContext,
  email: EmailAddress,
  code: string,
): Promise<Outcome<{ found: true; token: string } | { found: false }, "rate_limited">> {
  // No guess, so nothing to pay for.
  if (!isVerificationCode(code)) return { ok: true, values: { found: false } };
  const guess = await guessCode(context, email, () => findByCode(context, email, code));
  if (guess.is === "refused") return refuseWith(guess.refusal);
  if (guess.is === "wrong") return { ok: true, values: { found: false } };
  return { ok: true, values: { found: true, token: context.credentials.registrationToken(guess.value) } };
}

/**
 * The registration whose newest code this is. Both are looked up whatever is wrong, so that a wrong code, an unknown address
 * and an expired code cannot be told apart.
 */
async function findByCode(context: AppContext, email: EmailAddress, code: string): Promise<string | undefined> {
  const [isRight, id] = await Promise.all([isMailedCode(context, email, code), store.findLiveId(context.db, email)]);
  return isRight ? id : undefined;
}

/**
 * A new mail for somebody whose code expired or was lost. While the sign-up lives its code is mailed again, so that a
 * stranger with the token cannot invalidate the owner's mail; after that a new sign-up with a new code is opened.
 */
export async function renewSignup(
  context: AppContext,
  token: string,
): Promise<Outcome<{ signup_token: string | null; email: string }, NotRenewed | "registration_not_accepted">> {
  const row = await store.findByToken(context.db, context.credentials.hashToken(token));
  if (!row || row.state === "WITHDRAWN" || row.state === "EXPIRED") return refuseWith(unknownToken);
  if (row.state !== "OPEN" && row.state !== "ACCEPTED") return refuse("registration_not_accepted");
  const failure = await mailAgain(context, row);
  if (failure) return refuseWith(failure);
  const renewed = await store.findById(context.db, row.id);
  const signup_token = renewed ? (await ownToken(context, renewed, undefined)).signup_token : null;
  return { ok: true, values: { signup_token, email: row.email } };
}

type NotRenewed =
  | "registration_not_found"
  | "email_address_not_allowed"
  | "rate_limited"
  | "signup_failed"
  | "auth_server_unavailable";

async function mailAgain(context: AppContext, row: store.Registration): Promise<Refusal<NotRenewed> | undefined> {
  if (row.state === "OPEN" && row.signupToken) {
    const signup = context.credentials.unsealSignupToken(row.id, row.signupToken);
    const sent = await sendCodeOnce(context, row.id, () => context.authServer.sendCode(signup));
    if (sent.ok || sent.error === "email_address_already_verified") return undefined;
    if (sent.error !== "invalid_signup_token") return renewalRefusal(sent.error);
    await openings.storeSignupGone(context.db, row.id, row.signupToken);
  }
  const result = await renewOpening(context, row.id);
  switch (result.outcome) {
    case "opened":
      return undefined;
    case "refused":
      return renewalRefusal(result.error);
    case "unknown":
      return refusalOf("auth_server_unavailable");
    case "lost":
      return unknownToken;
  }
}

function renewalRefusal(errorCode: string): Refusal<NotRenewed> {
  const { reason, ...more } = cannotOpen(errorCode);
  switch (reason) {
    case "rate_limited/opening":
      return tooManyRequests(1_800);
    // That an account has the address is told to whoever shows the code, and not to everybody with the token.
    case "address_in_use":
      return unknownToken;
    default:
      return refusalOf(reason, more);
  }
}

/**
 * The applicant changes their mind. Decoys can be withdrawn too, so that nothing gives them away. What was approved
 * belongs to the owner of the mailbox, who may not be the one who registered: from then on it takes the mailed code.
 */
export async function withdrawRegistration(
  context: AppContext,
  token: string,
  code: string | undefined,
): Promise<Outcome<{ message: string }, NotWithdrawn>> {
  const row = await store.findByToken(context.db, context.credentials.hashToken(token));
  if (!row) return refuseWith(unknownToken);
  if (await withdraw(context, { registrationId: row.id, ending: "withdraw" })) return withdrawn;
  const state = (await store.findById(context.db, row.id))?.state;
  if (state !== "ACCEPTING" && state !== "ACCEPTED" && state !== "OPEN")
    return refuseWith(state === "REJECTED" ? rejectedAlready : unknownToken);
  const refusal = await refuseCode(context, row.email, code);
  if (refusal) return refuseWith(refusal);
  const isWithdrawn = await withdraw(context, { registrationId: row.id, ending: "withdrawByCode" });
  return isWithdrawn ? withdrawn : refuseWith(unknownToken);
}

const withdrawn = { ok: true, values: { message: "Your registration was withdrawn." } } as const;

type WrongCode = "code_needed" | "incorrect_code" | "rate_limited";
type NotWithdrawn = WrongCode | "registration_not_found" | "invalid_transition/rejected";

async function refuseCode(
  context: AppContext,
  email: EmailAddress,
  code: string | undefined,
): Promise<Refusal<WrongCode> | undefined> {
  if (code === undefined) return refusalOf("code_needed");
  const guess = await guessMailedCode(context, email, code);
  if (guess.is === "refused") return guess.refusal;
  return guess.is === "right" ? undefined : refusalOf("incorrect_code");
}
