import { randomId } from "@anteroom/shared/runtime/crypto";
import { CallFailed } from "@anteroom/shared/runtime/http/private-calls";
import { returnToken, takeToken } from "@anteroom/shared/runtime/rate-limits";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { AppContext } from "../context.ts";
import { limits } from "../limits.ts";
import { callbackGrace, openingLease, takeoverDelay } from "../policy/timing.ts";
import { endForAccount, endSignup, endSignupOf } from "./ending.ts";
import * as openings from "./store/openings.ts";
import * as store from "./store/registrations.ts";

/**
 * Opening a sign-up is the one step that spans both servers: create_signup runs, and inside it the auth server calls
 * /email. No transaction stays open meanwhile. A lease on the row says whose attempt it is; whatever happens to this
 * process, when the lease ends the recovery moves the registration on (docs/decisions/006).
 */
export type OpeningResult =
  | { outcome: "opened"; signupToken: string }
  /** The auth server said no; the registration is as it was before. */
  | { outcome: "refused"; error: string }
  /** No answer came; within a minute the recovery completes or undoes the attempt. */
  | { outcome: "unknown" }
  /** Somebody withdrew the registration, or the attempt was given up after a crash. */
  | { outcome: "lost" };

export async function openSignup(context: AppContext, opening: openings.Opening): Promise<OpeningResult> {
  try {
    const result = await context.authServer.createSignup(opening.email);
    if (result.ok) return await keepSignup(context, opening, result.values);
    await openings.storeRefused(context.db, opening, result.error);
    if (result.error === "email_address_already_used") await endTaken(context, opening.email);
    return { outcome: "refused", error: result.error };
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    context.log.error({ err: error, registration: opening.registrationId }, "create_signup brought no answer");
    if (error.delivered === "no") {
      await openings.storeRefused(context.db, opening, "internal_error");
      return { outcome: "refused", error: "internal_error" };
    }
    await openings.shortenLease(context.db, opening, context.clock.now() + callbackGrace);
    return { outcome: "unknown" };
  }
}

/** A registration whose address is an account's meanwhile would wait for ever. */
async function endTaken(context: AppContext, email: EmailAddress): Promise<void> {
  const ended = await context.db.transaction().execute(async (trx) => {
    const userId = await store.findUserId(trx, email);
    return userId === undefined ? undefined : endForAccount(context, trx, { email, userId });
  });
  await endSignupOf(context, ended);
}

async function keepSignup(
  context: AppContext,
  opening: openings.Opening,
  signup: { signupToken: string; expiresAt: number },
): Promise<OpeningResult> {
  const sealedToken = context.credentials.sealSignupToken(opening.registrationId, signup.signupToken);
  const stored = await openings.storeOpened(
    context.db,
    opening,
    { sealedToken, expiresAt: signup.expiresAt },
    context.settings.policy.registrationTtl,
  );
  if (stored) return { outcome: "opened", signupToken: signup.signupToken };
  await endSignup(context, signup.signupToken);
  return { outcome: "lost" };
}

/** Asks the auth server to mail the code of an open sign-up again. */
export type SendCode = (context: AppContext, registrationId: string, send: Sending) => Sent;
type Sending = () => Sent;
type Sent = ReturnType<AppContext["authServer"]["sendCode"]>;

export const sendCode: SendCode = (_context, _registrationId, send) => send();

/** The same for a button that may be pressed twice: the mail of some seconds ago is the answer to this press too. */
export const sendCodeOnce: SendCode = async ({ db, clock }, registrationId, send) => {
  const limit = limits.resendsPerRegistration;
  if (!(await takeToken(db, limit, registrationId, clock.now()))) return { ok: true, values: undefined };
  let isSent = false;
  try {
    const sent = await send();
    isSent = sent.ok;
    return sent;
  } finally {
    if (!isSent) await returnToken(db, limit, registrationId);
  }
};

/** Opens a new sign-up for an approved registration, or waits for the one who is already doing so. */
export async function renewOpening(context: AppContext, registrationId: string): Promise<OpeningResult> {
  const claim = await claimRenewal(context, registrationId);
  if (!claim) return waitForOpening(context, registrationId);
  const result = await openSignup(context, claim);
  // Its mail answers a second press of the button as well.
  if (result.outcome === "opened")
    await takeToken(context.db, limits.resendsPerRegistration, registrationId, context.clock.now());
  return result;
}

function claimRenewal(context: AppContext, registrationId: string) {
  return openings.claimForRenewal(context.db, registrationId, newClaim(context));
}

export function newClaim(context: AppContext): openings.Claim {
  const now = context.clock.now();
  return { openingId: randomId(), by: context.processName, until: now + openingLease, now };
}

/** Waits, holding no connection, until somebody else's attempt has come to an end. */
export async function waitForOpening(context: AppContext, registrationId: string): Promise<OpeningResult> {
  const giveUpAt = Date.now() + context.settings.authTimeout;
  while (Date.now() < giveUpAt) {
    const row = await store.findById(context.db, registrationId);
    if (row?.state === "OPEN" && row.signupToken)
      return { outcome: "opened", signupToken: context.credentials.unsealSignupToken(row.id, row.signupToken) };
    if (row === undefined) return { outcome: "lost" };
    if (row.openingUntil === null)
      return row.openingError === null ? { outcome: "lost" } : { outcome: "refused", error: row.openingError };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { outcome: "unknown" };
}

/** Milliseconds between two looks at whether those who are opening a sign-up are alive. */
const watch = 1_000;

/**
 * Moves on every attempt whose lease has ended: those that never mailed go back to REQUESTED; those that did stay
 * approved and get a sign-up of their own at last, with one more mail. Returns the milliseconds to the next look, while there
 * is any attempt to look at.
 */
export async function recoverOpenings(context: AppContext): Promise<number | undefined> {
  const now = context.clock.now();
  const due = await openings.findNextDue(context.db);
  if (due === null) return undefined;
  if (due > now) return (due - now) * 1_000;
  const takeoverBefore = now + openingLease - takeoverDelay;
  await openings.returnUnmailedToRequested(context.db, now, takeoverBefore);
  await openings.keepMailedAsAccepted(context.db, now, takeoverBefore, context.settings.policy.registrationTtl);
  await openings.releaseRenewalsOfTheDead(context.db, now, takeoverBefore);
  for (const registrationId of await openings.listInterrupted(context.db, now, 100)) {
    const claim = await claimRenewal(context, registrationId);
    if (claim) await finishInterrupted(context, claim);
  }
  return watch;
}

/** Refusals that another try may not meet again; the others wait for a person to look. */
const passing = ["internal_error", "internal_conflict", "rate_limited"];

async function finishInterrupted(context: AppContext, claim: openings.Opening): Promise<void> {
  const result = await openSignup(context, claim);
  context.log.info({ registration: claim.registrationId, outcome: result.outcome }, "finished an interrupted approval");
  if (result.outcome === "refused" && passing.includes(result.error))
    await openings.scheduleAnotherTry(context.db, claim.registrationId, context.clock.now() + openingLease);
}
