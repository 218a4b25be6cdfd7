import type { Cause } from "@anteroom/shared/runtime/request-scope";
import type { AuthAction } from "@anteroom/shared/wire/faroe";
import type { AppContext } from "../context.ts";
import { type Refusal, type Refused, refusalOf, refuseWith, tooManyRequests } from "../outcome.ts";

export type Step = { ok: true; values: Record<string, unknown> } | { ok: false; error: string };

/** One action. `busy`: the auth server has more passwords to hash than it takes on. `not_taken`: it does not know it. */
export async function takeStep(
  app: AppContext,
  action: AuthAction,
  args: Record<string, string>,
  cause: Cause | undefined = undefined,
): Promise<Step> {
  const answer = await app.authServer.relay(action, args, cause);
  if (typeof answer === "string") return { ok: false, error: answer };
  return answer.ok ? answer : { ok: false, error: answer.error_code };
}

/** What members are told of a refusal. Codes that no member can cause are a fault of ours. */
export function whyRefused(error: string): Refusal {
  switch (error) {
    case "busy":
    case "internal_error":
      return refusalOf("auth_server_unavailable");
    case "rate_limited":
      return tooManyRequests(60);
    case "invalid_session_token":
      return refusalOf("invalid_session");
    case "incorrect_password":
      return refusalOf("incorrect_password");
    case "password_locked":
      return refusalOf("password_locked");
    case "invalid_password_length":
    case "weak_password":
      return refusalOf(error);
    case "internal_conflict":
      return refusalOf("internal_conflict");
    case "email_address_not_allowed":
    case "invalid_email_address":
      return refusalOf("email_address_not_allowed/change");
    default:
      throw new Error(`The auth server refused with ${error}.`);
  }
}

export function refused(error: string): Refused {
  return refuseWith(whyRefused(error));
}

/** Whether the person at the browser knows the password of its session. It costs a try, right or wrong, and leaves nothing behind. */
export async function checkPassword(
  app: AppContext,
  session_token: string,
  password: string,
): Promise<Refusal | undefined> {
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
): Promise<Refusal | undefined> {
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
export async function answerAfter(milliseconds: number, startedAt: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedAt + milliseconds - Date.now())));
}
