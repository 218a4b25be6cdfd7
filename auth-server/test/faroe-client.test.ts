import { Client } from "@faroe/client";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { internalSecret, startTestServer, type TestServer } from "./harness.ts";
import { password, startOver } from "./steps.ts";

/** As the client's own documentation sets it up: one POST per action. */
function createClient(port: number, headers: Record<string, string>): Client {
  return new Client({
    sendActionInvocationEndpointRequest: async (body: string) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body, headers });
      if (response.status !== 200) throw new Error(`Unknown response status ${response.status}`);
      return response.text();
    },
  });
}

describe.each(["false", "true"])("@faroe/client, unchanged, with AUTH_FAROE_STRICT=%s", (strict) => {
  let t: TestServer;
  let anyone: Client;
  let backend: Client;

  beforeAll(async () => {
    t = await startTestServer({ AUTH_FAROE_STRICT: strict });
    anyone = createClient(t.server.publicPort, {});
    backend = createClient(t.server.privatePort, { authorization: `Bearer ${internalSecret}` });
  });
  afterAll(() => t?.stop());
  beforeEach(() => startOver(t));

  test("signs up, signs in and out", async () => {
    const created = await backend.createSignup("ada@example.com");
    if (!created.ok) throw new Error(created.errorCode);
    expect(created.signup.emailAddress).toBe("ada@example.com");
    const { signupToken } = created;
    const code = t.app.mailbox[0]?.code ?? "";
    expect(await anyone.verifySignupEmailAddressVerificationCode(signupToken, "AAAAAAAA")).toMatchObject({
      ok: false,
      errorCode: "incorrect_email_address_verification_code",
    });
    expect(await anyone.verifySignupEmailAddressVerificationCode(signupToken, code)).toMatchObject({ ok: true });
    expect(await anyone.setSignupPassword(signupToken, password)).toMatchObject({ ok: true });
    const got = await anyone.getSignup(signupToken);
    expect(got).toMatchObject({ ok: true, signup: { emailAddressVerified: true, passwordSet: true } });
    const completed = await anyone.completeSignup(signupToken);
    if (!completed.ok) throw new Error(completed.errorCode);
    expect(completed.session.createdAt).toBeInstanceOf(Date);

    const signin = await anyone.createSignin("ada@example.com");
    if (!signin.ok) throw new Error(signin.errorCode);
    expect(await anyone.verifySigninUserPassword(signin.signinToken, password)).toMatchObject({ ok: true });
    expect(await anyone.getSignin(signin.signinToken)).toMatchObject({ signin: { userFirstFactorVerified: true } });
    const second = await anyone.completeSignin(signin.signinToken);
    if (!second.ok) throw new Error(second.errorCode);
    expect(second.session.userId).toBe(completed.session.userId);

    expect(await anyone.getSession(second.sessionToken)).toMatchObject({ ok: true });
    expect(await anyone.deleteSession(second.sessionToken)).toMatchObject({ ok: true });
    expect(await anyone.getSession(second.sessionToken)).toMatchObject({ errorCode: "invalid_session_token" });
    expect(await anyone.deleteAllSessions(completed.sessionToken)).toMatchObject({ ok: true });
    expect(await anyone.getSession(completed.sessionToken)).toMatchObject({ errorCode: "invalid_session_token" });
  });

  test("creates signups from the public listener only in strict mode", async () => {
    const creating = anyone.createSignup("ada@example.com");
    if (strict === "true") expect(await creating).toMatchObject({ ok: true });
    else await expect(creating).rejects.toThrow("400");
  });
});
