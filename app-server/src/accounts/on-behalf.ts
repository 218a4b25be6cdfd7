import type { Cause } from "@anteroom/shared/runtime/private-calls";
import type { AuthAction } from "@anteroom/shared/wire/faroe";
import type { Context } from "hono";
import type { AppContext } from "../context.ts";
import { authServerUnavailable, type Problem, problem, tooManyRequests } from "../problems.ts";
import { readSessionCookie, writeSessionCookie } from "./session.ts";

export type Outcome<T> = { ok: true; values: T } | { ok: false; problem: Problem };

export type Step = { ok: true; values: Record<string, unknown> } | { ok: false; error: string };

/** Of the session in a visitor's cookie; empty when there is none. */
export function sessionTokenOf(http: Context): string {
  return readSessionCookie(http) ?? "";
}

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
export function problemOf(error: string): Problem {
  switch (error) {
    case "busy":
    case "internal_error":
      return authServerUnavailable;
    case "rate_limited":
      return tooManyRequests(60);
    case "invalid_session_token":
      return problem(401, "invalid_session", "Invalid session");
    case "incorrect_password":
      return problem(403, "incorrect_password", "This password is not right.");
    case "password_locked":
      return problem(
        403,
        "password_locked",
        "Wrong passwords were tried too often. Choose a new one by a mailed link.",
      );
    case "invalid_password_length":
    case "weak_password":
      return problem(422, error, "This password cannot be used. Choose another one.");
    case "internal_conflict":
      return problem(409, "internal_conflict", "Something else changed at the same time. Try again.");
    case "email_address_not_allowed":
    case "invalid_email_address":
      return problem(422, "email_address_not_allowed", "This address cannot be used here.");
    default:
      throw new Error(`The auth server refused with ${error}.`);
  }
}

export function refused(error: string): { ok: false; problem: Problem } {
  return { ok: false, problem: problemOf(error) };
}

/**
 * Whether the person at the browser knows the password of its session. It costs a try, right or wrong, and leaves nothing
 * behind: the password change it begins is given up.
 */
export async function checkPassword(
  app: AppContext,
  session_token: string,
  password: string,
): Promise<Problem | undefined> {
  const begun = await takeStep(app, "create_user_password_update", { session_token });
  if (!begun.ok) return problemOf(begun.error);
  const named = { session_token, user_password_update_token: String(begun.values.user_password_update_token) };
  const verified = await takeStep(app, "verify_user_password_update_user_password", { ...named, password });
  await takeStep(app, "delete_user_password_update", named);
  return verified.ok ? undefined : problemOf(verified.error);
}

/** Ends a session that nobody will use any more. What was done before it stands, also when this does not succeed. */
export async function endLeftSession({ authServer, log }: AppContext, sessionToken: string): Promise<void> {
  await authServer.deleteSession(sessionToken).catch((error: unknown) => {
    log.warn({ err: error }, "a session that was left could not be ended; it ends by itself");
  });
}

/** Keeps a new session in the cookie; what this browser was signed in with before ends (R24). */
export async function replaceSession(
  http: Context,
  app: AppContext,
  token: string,
  { expires_at: expiresAt }: { expires_at: number | null },
): Promise<void> {
  const before = readSessionCookie(http);
  writeSessionCookie(http, token, expiresAt === null ? undefined : expiresAt - app.clock.now());
  if (before !== undefined && before !== token) await endLeftSession(app, before);
}

/** What the auth server and its clients know a session by; the other half of the token is the secret. */
export function sessionIdOf(sessionToken: string): string {
  return sessionToken.split(".")[0] ?? "";
}

/** Lets `milliseconds` pass since `startedAt`: how long something took tells nobody what it found. */
export async function answerAfter(milliseconds: number, startedAt: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedAt + milliseconds - Date.now())));
}
