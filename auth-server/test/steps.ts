import { expect } from "vitest";
import type { TestServer } from "./harness.ts";

/** Steps that many tests take before they come to their point. */

export const password = "correct horse battery";
export const noon = 1_790_000_000;

/** Empties both servers and stops the clock at noon. */
export async function startOver({ app, command }: TestServer): Promise<void> {
  await command({ command: "reset" });
  await command({ command: "set_clock", now: noon });
  // Last, so that a notice of the test before, which nobody waited for, is gone too.
  app.reset();
}

export async function advance({ command }: TestServer, seconds: number): Promise<void> {
  await command({ command: "advance_clock", seconds });
}

/** The values of an action that must succeed. */
export async function succeed(t: TestServer, action: string, args: Record<string, string>) {
  const answer = await t.invoke(action, args);
  expect(answer, `${action} ${JSON.stringify(answer)}`).toMatchObject({ ok: true });
  return answer.values;
}

/** The outcome of an action: `ok`, or its error code. */
export async function outcome(t: TestServer, action: string, args: Record<string, string>): Promise<string> {
  const answer = await t.invoke(action, args);
  return answer.ok ? "ok" : (answer.error_code ?? "");
}

/** Opens a signup and reads its code from the mail. */
export async function openSignup(t: TestServer, email_address: string) {
  const { signup, signup_token } = await succeed(t, "create_signup", { email_address });
  const { mailbox } = t.app;
  const index = mailbox.findIndex(
    ({ type, email }) => type === "signup_verification" && email === signup.email_address,
  );
  const [mail] = index === -1 ? [] : mailbox.splice(index, 1);
  const said = mail?.expiresAt === undefined ? {} : { expiresAt: signup.expires_at };
  expect(mail).toEqual({ type: "signup_verification", email: signup.email_address, code: expect.any(String), ...said });
  return { signup, signup_token: String(signup_token), code: String(mail?.code) };
}

export async function verifyCode(t: TestServer, signup_token: string, email_address_verification_code: string) {
  return outcome(t, "verify_signup_email_address_verification_code", {
    signup_token,
    email_address_verification_code,
  });
}

/** A signup that only needs completing. */
export async function prepareSignup(t: TestServer, address: string, withPassword = password) {
  const opened = await openSignup(t, address);
  expect(await verifyCode(t, opened.signup_token, opened.code)).toBe("ok");
  await succeed(t, "set_signup_password", { signup_token: opened.signup_token, password: withPassword });
  return opened;
}

/** A user with a password, and the session of the sign-up. */
export async function signUp(t: TestServer, address: string, withPassword = password) {
  const { signup_token } = await prepareSignup(t, address, withPassword);
  const { session, session_token } = await succeed(t, "complete_signup", { signup_token });
  const user = t.app.users.find(({ id }) => id === session.user_id);
  if (user === undefined) throw new Error("There is no user after the sign-up.");
  return { user, session, session_token: String(session_token) };
}

/** A signin whose password is verified. */
export async function prepareSignin(t: TestServer, user_email_address: string, withPassword = password) {
  const { signin, signin_token } = await succeed(t, "create_signin", { user_email_address });
  await succeed(t, "verify_signin_user_password", { signin_token, password: withPassword });
  return { signin, signin_token: String(signin_token) };
}

export async function signIn(t: TestServer, address: string, withPassword = password) {
  const { signin_token } = await prepareSignin(t, address, withPassword);
  const { session, session_token } = await succeed(t, "complete_signin", { signin_token });
  return { session, session_token: String(session_token) };
}

/** No more than may wait for a hash, of one network, where the queue has its usual length: of more some would be told to wait. */
const mostAtOnce = 20;

/** How often each outcome came when `count` callers did the same, twenty at once. */
export async function countOutcomes(count: number, call: (index: number) => Promise<string>) {
  const counts: Record<string, number> = {};
  let next = 0;
  const callInTurn = async () => {
    while (next < count) {
      const outcome = await call(next++);
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: mostAtOnce }, callInTurn));
  return counts;
}
