import type { Cause } from "@anteroom/shared/runtime/http/request-scope";
import type { PasswordReason, Reason } from "@anteroom/shared/wire/app/errors";
import type { AuthAction, AuthError } from "@anteroom/shared/wire/faroe";
import type { AppContext } from "../context.ts";
import { type Refusal, type Refused, refusalOf, refuseWith, tooManyRequests } from "../outcome.ts";

export type Step<A extends AuthAction> =
  | { ok: true; values: Record<string, unknown> }
  | { ok: false; error: AuthError<A> | "busy" | "not_taken" | "internal_error" };

/** One action. `busy`: the auth server has more passwords to hash than it takes on. `not_taken`: it does not know it. */
export async function takeStep<A extends AuthAction>(
  app: AppContext,
  action: A,
  args: Record<string, string>,
  cause: Cause | undefined = undefined,
): Promise<Step<A>> {
  const answer = await app.authServer.relay(action, args, cause);
  if (typeof answer === "string") return { ok: false, error: answer };
  return answer.ok ? answer : { ok: false, error: answer.error_code as AuthError<A> };
}

/** What members are told when the auth server refuses. Any code that is missing here is a fault of ours, not of the member. */
const reasons = {
  busy: "auth_server_unavailable",
  internal_error: "auth_server_unavailable",
  rate_limited: "rate_limited",
  invalid_session_token: "invalid_session",
  incorrect_password: "incorrect_password",
  password_locked: "password_locked",
  invalid_password_length: "invalid_password_length",
  weak_password: "weak_password",
  internal_conflict: "internal_conflict",
  email_address_not_allowed: "email_address_not_allowed/change",
  invalid_email_address: "email_address_not_allowed/change",
  incorrect_temporary_password: "incorrect_code",
  user_first_factor_already_verified: "incorrect_code",
  invalid_user_password_reset_token: "link_not_valid",
  // What another has begun with the same link only they can end; the person may ask for a new link at any time.
  new_password_already_set: "link_not_valid",
} as const satisfies Record<string, Reason>;

type Told = keyof typeof reasons;

/** What a refusal of the auth server comes to; nothing for the codes that are not told. */
export type ReasonOf<Code extends string> = Code extends Told ? (typeof reasons)[Code] : never;

export function whyRefused<Code extends string>(error: Code): Refusal<ReasonOf<Code>> {
  if (!Object.hasOwn(reasons, error)) throw new Error(`The auth server refused with ${error}.`);
  const reason = reasons[error as Told];
  return (reason === "rate_limited" ? tooManyRequests(60) : refusalOf(reason)) as Refusal<ReasonOf<Code>>;
}

export function refused<Code extends string>(error: Code): Refused<ReasonOf<Code>> {
  return refuseWith(whyRefused(error));
}

/** Why a password that was typed is not taken. */
export type WrongPassword = Refusal<PasswordReason | "invalid_session" | "auth_server_unavailable">;

/** Whether the person at the browser knows the password of its session. It costs a try, right or wrong, and leaves nothing behind. */
export async function checkPassword(
  app: AppContext,
  session_token: string,
  password: string,
): Promise<WrongPassword | undefined> {
  const verified = await takeStep(app, "verify_user_password", { session_token, password });
  if (verified.ok) return undefined;
  return verified.error === "not_taken"
    ? checkByPasswordUpdate(app, session_token, password)
    : whyRefused(verified.error);
}

/** The same before a Faroe, which has no action for it alone: the password change that this begins is given up. */
async function checkByPasswordUpdate(
  app: AppContext,
  session_token: string,
  password: string,
): Promise<WrongPassword | undefined> {
  const begun = await takeStep(app, "create_user_password_update", { session_token });
  if (!begun.ok) return whyRefused(begun.error);
  const named = { session_token, user_password_update_token: String(begun.values.user_password_update_token) };
  const verified = await takeStep(app, "verify_user_password_update_user_password", { ...named, password });
  await takeStep(app, "delete_user_password_update", named);
  return verified.ok ? undefined : whyRefused(verified.error);
}

/** Ends a session that nobody will use any more. What was done before it stands, also when this does not succeed. */
export async function endLeftSession({ authServer, log }: AppContext, sessionToken: string): Promise<void> {
  await authServer.deleteSession(sessionToken).catch((error: unknown) => {
    log.warn({ err: error }, "a session that was left could not be ended; it ends by itself");
  });
}

/** What the auth server and its clients know a session by; the other half of the token is the secret. */
export function sessionIdOf(sessionToken: string): string {
  return sessionToken.split(".")[0] ?? "";
}

/** Lets `milliseconds` pass since `startedAt`: how long something took tells nobody what it found. */
export async function holdAnswer(milliseconds: number, startedAt: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedAt + milliseconds - Date.now())));
}
