import type { OwnRequest, RegistrationStatus } from "@anteroom/shared/wire/app/registration";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { isVerificationCode } from "@anteroom/shared/wire/mailed-code";
import { findUsualHours } from "../audit/log-store.ts";
import { guessCode } from "../code-guesses.ts";
import type { AppContext } from "../context.ts";
import { isMailedCode } from "../mail/codes.ts";
import { type Outcome, refusalOf, refuse, refuseWith } from "../outcome.ts";
import type { RegistrationState } from "./states.ts";
import { storeSignupGone } from "./store/openings.ts";
import * as store from "./store/registrations.ts";

/** Whoever has asked looks where their request stands, and finds it by its mailed code. */

export const unknownToken = refusalOf("registration_not_found");

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

export function guessMailedCode(context: AppContext, email: EmailAddress, code: string) {
  return guessCode(context, email, async () => (await isMailedCode(context, email, code)) || undefined);
}

async function isRightCode(context: AppContext, email: EmailAddress, code: string | undefined): Promise<boolean> {
  return code !== undefined && isVerificationCode(code) && (await guessMailedCode(context, email, code)).is === "right";
}

/**
 * A sign-up token for the holder of an open registration, or what they have to do for one. Without the code so many are
 * given out and no more; with the right one, which is compared here first, there always is one.
 */
export async function ownToken(
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
  await storeSignupGone(context.db, row.id, row.signupToken);
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
