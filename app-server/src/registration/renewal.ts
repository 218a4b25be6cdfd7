import type { AppContext } from "../context.ts";
import { type Outcome, type Refusal, refusalOf, refuse, refuseWith, tooManyRequests } from "../outcome.ts";
import { cannotOpen } from "./decisions.ts";
import { renewOpening, sendCodeOnce } from "./opening.ts";
import { ownToken, unknownToken } from "./status.ts";
import { storeSignupGone } from "./store/openings.ts";
import * as store from "./store/registrations.ts";

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
    await storeSignupGone(context.db, row.id, row.signupToken);
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
