import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./harness.ts";

let auth: TestServer;

beforeAll(async () => {
  auth = await startTestServer();
});

afterAll(() => auth?.stop());

test("D-35: a code is sent again until anybody has shown it; other siblings may still ask for it", async () => {
  const first = await auth.invoke("create_signup", { email_address: "resend@example.com" });
  const { signup_token } = first.values;
  const owner = (await auth.invoke("create_sibling_signup", { signup_token })).values.signup_token;
  const other = (await auth.invoke("create_sibling_signup", { signup_token })).values.signup_token;
  const send = (token: string) =>
    auth.invoke("send_signup_email_address_verification_code", { signup_token: token }).then(outcomeOf);
  expect(await send(signup_token)).toBe("ok");
  const code = auth.app.mailbox.at(-1)?.code ?? "";
  expect(auth.app.mailbox.map((mail) => mail.code)).toEqual([code, code]);
  const verified = await auth.invoke("verify_signup_email_address_verification_code", {
    signup_token: owner,
    email_address_verification_code: code,
  });
  expect(outcomeOf(verified)).toBe("ok");
  expect(await send(signup_token)).toBe("email_address_already_verified");
  expect(await send(owner)).toBe("email_address_already_verified");
  expect(await send(other)).toBe("ok");
});

function outcomeOf(answer: { ok: boolean; error_code?: string }): string | undefined {
  return answer.ok ? "ok" : answer.error_code;
}
