import { isProgram } from "@anteroom/shared/wire/app/actors";
import type { DecidedBefore, Reason } from "@anteroom/shared/wire/app/errors";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import { logDecision, type NewDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import { noToken } from "../credentials.ts";
import type { AppDatabase } from "../database/tables.ts";
import { type Outcome, type Refusal, type Refused, refusalOf, refuse, refuseWith } from "../outcome.ts";
import { withdraw } from "./ending.ts";
import { newClaim, type OpeningResult, openSignup, renewOpening, sendCodeOnce, waitForOpening } from "./opening.ts";
import * as decisionStore from "./store/decisions.ts";
import * as openings from "./store/openings.ts";
import * as store from "./store/registrations.ts";

/** What an administrator may decide about a registration. `actor` is a user id, or `cli`. */
export type Decided<R extends Reason> = Outcome<{ message: string }, R>;

/** Somebody else was quicker, or there is no such registration (any more). */
type TooLate = "registration_not_found/address" | "invalid_transition";

/** `signupToken` is null when the mail is out but its sign-up must be opened once more; that happens by itself. */
type Acceptance = { message: string; signup_token: string | null };

type Accepted = Outcome<Acceptance, TooLate | NotOpened | "registration_not_found/newusers" | "registration_rejected">;

/**
 * Approves a registration: opens its sign-up, which mails the code, and keeps the token. However many accept at once, one
 * sign-up is opened and one mail is sent. The others wait for it; who accepts again gets the same answer, and another
 * administrator is told who was quicker.
 *
 * @param registrationId which of several requests for the address is approved; without, the first
 */
export async function acceptRegistration(
  context: AppContext,
  email: EmailAddress,
  actor: string,
  registrationId?: string,
): Promise<Accepted> {
  if (registrationId !== undefined && !(await choose(context, email, registrationId)))
    return refuseWith(await changedSince(context, registrationId));
  const claim = await claimAcceptance(context, email, actor);
  if (claim) return toAcceptance(await openSignup(context, claim), email);
  const row = await decisionStore.findForDecision(context.db, email);
  if (!row) return refuse("registration_not_found/newusers", { values: { email } });
  if (row.state !== "REJECTED" && isAnothers(row, actor)) return afterAnother(context, row, actor);
  switch (row.state) {
    case "REJECTED":
      return refuseWith(await rejectedAlready(context, email));
    case "OPEN":
      return openedAlready(context, row);
    case "ACCEPTED":
      return toAcceptance(await renewOpening(context, row.id), email);
    default:
      return afterOthers(context, row, actor);
  }
}

/** Whether the address has a request that waits for a decision. */
export async function isUndecided({ db }: AppContext, email: EmailAddress): Promise<boolean> {
  return (await decisionStore.findForDecision(db, email))?.state === "REQUESTED";
}

function choose({ db }: AppContext, email: EmailAddress, registrationId: string): Promise<boolean> {
  return db.transaction().execute((trx) => decisionStore.chooseRequest(trx, email, registrationId));
}

async function changedSince(context: AppContext, registrationId: string) {
  const row = await store.findById(context.db, registrationId);
  return row?.state === "REJECTED" ? rejectedAlready(context, row.email) : changed;
}

function claimAcceptance(context: AppContext, email: EmailAddress, actor: string) {
  return openings.claimForAcceptance(context.db, email, { ...newClaim(context), actor });
}

/** Whether another person has approved it. What programs have approved may be approved by anybody once more. */
function isAnothers({ decidedBy, state }: store.Registration, actor: string): boolean {
  return state !== "REQUESTED" && decidedBy !== null && decidedBy !== actor && !isProgram(decidedBy);
}

/** Another administrator was quicker; their attempt may still fail, and then it is everybody's to decide again. */
async function afterAnother(context: AppContext, row: store.Registration, actor: string): Promise<Accepted> {
  if (row.state === "ACCEPTING") {
    const result = await afterOthers(context, row, actor);
    const decided = result.ok ? await decisionStore.findForDecision(context.db, row.email) : row;
    if (!result.ok || (decided && !isAnothers(decided, actor))) return result;
  }
  return refuseTransition(context, row.email, "accepted");
}

async function rejectedAlready(context: AppContext, email: EmailAddress): Promise<Refusal<"registration_rejected">> {
  const found = await decisionStore.findAddressState(context.db, email);
  return refusalOf("registration_rejected", found && { members: decidedBefore(found) });
}

/** Takes over the outcome of whoever is accepting, or accepts anew when they died before anything had happened. */
async function afterOthers(context: AppContext, row: store.Registration, actor: string): Promise<Accepted> {
  const result = await waitForOpening(context, row.id);
  if (result.outcome !== "lost") return toAcceptance(result, row.email);
  const claim = await claimAcceptance(context, row.email, actor);
  return toAcceptance(claim ? await openSignup(context, claim) : result, row.email);
}

async function openedAlready(context: AppContext, row: store.Registration): Promise<Accepted> {
  const isExpired = row.signupExpiresAt !== null && row.signupExpiresAt <= context.clock.now();
  if (!row.signupToken || !isExpired) {
    const signupToken = row.signupToken && context.credentials.unsealSignupToken(row.id, row.signupToken);
    if (signupToken !== noToken)
      return {
        ok: true,
        values: { message: `Registration of ${row.email} was accepted before.`, signup_token: signupToken },
      };
  }
  if (row.signupToken) await openings.storeSignupGone(context.db, row.id, row.signupToken);
  return toAcceptance(await renewOpening(context, row.id), row.email);
}

type NotOpened = CannotOpen | "signup_outcome_unknown" | "registration_changed";

function toAcceptance(result: OpeningResult, email: EmailAddress): Outcome<Acceptance, NotOpened> {
  switch (result.outcome) {
    case "opened":
      return { ok: true, values: { message: `Registration of ${email} accepted.`, signup_token: result.signupToken } };
    case "refused":
      return refuseWith(cannotOpen(result.error));
    case "unknown":
      return refuse("signup_outcome_unknown", { members: { error_code: "internal_error" } });
    case "lost":
      return refuseWith(changed);
  }
}

const changed = refusalOf("registration_changed");

/** Seconds until the auth server sends one more mail to an address that the site has sent many. */
const siteMailInterval = 180;

/** No other try can mend these. */
type Final = "address_in_use" | "email_address_not_allowed";

type CannotOpen = Final | "rate_limited/opening" | "signup_failed";

/** Why no sign-up was opened. */
export function cannotOpen(errorCode: string): Refusal<CannotOpen> {
  const members = { error_code: errorCode };
  switch (errorCode) {
    case "email_address_already_used":
      return refusalOf("address_in_use", { members });
    case "email_address_not_allowed":
    case "invalid_email_address":
      return refusalOf("email_address_not_allowed", { members });
    case "rate_limited":
      return refusalOf("rate_limited/opening", { members, retryAfter: siteMailInterval });
    default:
      return refusalOf("signup_failed", { members });
  }
}

export type NotResent = Final | "resend_failed" | "signup_not_found";

/**
 * Mails the code once more: the same one while its sign-up lives, else a new one.
 *
 * @param send `sendCodeOnce` unless it is known that no mail has arrived
 */
export async function resendSignupEmail(
  context: AppContext,
  email: EmailAddress,
  actor: string,
  send = sendCodeOnce,
): Promise<Decided<NotResent>> {
  const row = await decisionStore.findForDecision(context.db, email);
  const sent = { ok: true, values: { message: `The code for ${email} is on its way again.` } } as const;
  // Before the mail, which the auth server causes and no transaction of ours can hold together with the entry.
  if (row && (row.state === "OPEN" || row.state === "ACCEPTED"))
    await context.db
      .transaction()
      .execute((trx) => log(context, trx, { actor, action: "resend", subject: email, registrationId: row.id }));
  if (row?.state === "OPEN" && row.signupToken) {
    const token = context.credentials.unsealSignupToken(row.id, row.signupToken);
    const result = await send(context, row.id, () => context.authServer.sendCode(token, "site"));
    if (result.ok) return sent;
    if (result.error !== "invalid_signup_token") return refuseWith(cannotResend(result.error));
    await openings.storeSignupGone(context.db, row.id, row.signupToken);
  } else if (row?.state !== "ACCEPTED") {
    return refuse("signup_not_found", { values: { email } });
  }
  const renewed = await renewOpening(context, row.id);
  if (renewed.outcome === "opened") return sent;
  return refuseWith(cannotResend(renewed.outcome === "refused" ? renewed.error : "internal_error"));
}

function cannotResend(errorCode: string): Refusal<Final | "resend_failed"> {
  const { reason, ...more } = cannotOpen(errorCode);
  if (reason === "address_in_use" || reason === "email_address_not_allowed") return refusalOf(reason, more);
  return refusalOf("resend_failed", { members: { error_code: errorCode } });
}

/** REQUESTED → REJECTED, with a reason that is kept and mailed. Everything else is refused and unchanged. */
export async function rejectRegistration(
  context: AppContext,
  decision: { email: EmailAddress; reason: string; actor: string },
): Promise<Decided<TooLate>> {
  const { email } = decision;
  const { policy } = context.settings;
  const now = context.clock.now();
  const isRejected = await context.db.transaction().execute(async (trx) => {
    const rejected = await decisionStore.storeRejected(trx, email, {
      actor: decision.actor,
      reason: decision.reason || null,
      now,
      expiresAt: now + Math.max(policy.retention, policy.rejectCooldown),
    });
    if (rejected && policy.decisionMail)
      await context.mail.enqueue(trx, {
        type: "registration_rejected",
        email,
        registrationId: rejected.id,
        values: {
          displayName: `${rejected.firstname} ${rejected.lastname}`.trim(),
          ...(decision.reason ? { reason: decision.reason } : {}),
        },
      });
    return rejected !== undefined;
  });
  if (isRejected) return { ok: true, values: { message: `Registration of ${email} rejected.` } };
  return refuseTransition(context, email, "rejected");
}

/** REJECTED → REQUESTED. */
export async function reopenRegistration(
  context: AppContext,
  email: EmailAddress,
  actor: string,
): Promise<Decided<TooLate>> {
  const expiresAt = context.clock.now() + context.settings.policy.registrationTtl;
  const isReopened = await context.db.transaction().execute(async (trx) => {
    const registrationId = await decisionStore.storeReopened(trx, email, expiresAt);
    if (registrationId === undefined) return false;
    await log(context, trx, { actor, action: "reopen", subject: email, registrationId });
    return true;
  });
  if (isReopened) return { ok: true, values: { message: `Registration of ${email} is waiting for a decision again.` } };
  return refuseTransition(context, email, "reopened");
}

/** An administrator takes a registration away; the applicant's own way is `withdrawRegistration`. */
export async function deleteRegistration(
  context: AppContext,
  email: EmailAddress,
  actor: string,
): Promise<Decided<TooLate>> {
  const row = await decisionStore.findForDecision(context.db, email);
  const decision = { actor, action: "delete_registration", subject: email } as const;
  if (row && (await withdraw(context, { registrationId: row.id, ending: "remove", decision })))
    return { ok: true, values: { message: `Registration of ${email} deleted.` } };
  return refuseTransition(context, email, "deleted");
}

function log(context: AppContext, trx: Transaction<AppDatabase>, decision: Omit<NewDecision, "now">): Promise<void> {
  return logDecision(trx, { ...decision, now: context.clock.now() });
}

/** Too late: says what became of the registration, and who decided that and when. */
async function refuseTransition(context: AppContext, email: EmailAddress, verb: string): Promise<Refused<TooLate>> {
  const found = await decisionStore.findAddressState(context.db, email);
  if (!found) return refuse("registration_not_found/address", { values: { email } });
  const values = { state: found.state, verb };
  return refuse("invalid_transition", { values, members: decidedBefore(found) });
}

function decidedBefore({ state, ...found }: decisionStore.AddressState) {
  return {
    state,
    decided_by: found.decidedBy,
    decided_by_name: found.decidedByName,
    decided_at: found.decidedAt,
  } satisfies DecidedBefore;
}
