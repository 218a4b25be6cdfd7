import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { readMails, type Stack, startStack } from "./support/stack.ts";

let stack: Stack;
let client: Client;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
});

afterAll(() => stack?.stop());

test("D-1 … D-48: a person registers and waits, is approved, gets the mail, activates the account and is signed in", async () => {
  const admin = await client.adminCookie();
  const requested = await client.app.post("/auth/request_registration", {
    email: "ada@example.com",
    firstname: "Ada",
    lastname: "Lovelace",
  });
  expect(requested.status).toBe(200);
  expect(Object.keys(requested.body)).toEqual(["success", "message", "registration_token"]);
  const token = requested.body.registration_token;
  expect(token).toMatch(/^[\w-]{43}$/);
  expect((await client.status(token)).body).toEqual({ email: "ada@example.com", accepted: false, signup_token: null });

  const accepted = await client.app.post("/admin/accept_user/", { email: "ada@example.com" }, admin);
  expect(accepted.body).toEqual({ success: true, message: expect.any(String), signup_token: expect.any(String) });

  await client.drainMail();
  const [mail] = (await readMails(stack)).filter(({ to }) => to === "ada@example.com");
  expect(mail?.link).toBe(`${stack.urls.app}/account/signup?token=${token}&code=${mail?.code}`);

  const status = await client.status(token);
  expect(status.body).toEqual({ email: "ada@example.com", accepted: true, signup_token: expect.any(String) });
  const found = await client.app.post("/auth/lookup_registration", { email: "ada@example.com", code: mail?.code });
  expect(found.body).toEqual({ found: true, token });

  const completed = await client.completeSignup(status.body.signup_token, mail?.code ?? "");
  expect(completed.ok).toBe(true);
  const cookie = await client.setSession(completed.values.session_token);
  const info = await client.app.get("/auth/session_info/", { cookie });
  expect(info.body.user).toMatchObject({
    email: "ada@example.com",
    firstname: "Ada",
    lastname: "Lovelace",
    permissions: [],
  });
  expect((await client.status(token)).status).toBe(404);
});
