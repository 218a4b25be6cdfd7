import { afterAll, beforeAll, expect, test } from "vitest";
import type { Crossing, Gate } from "./support/crossings.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { readMails } from "./support/stack.ts";
import { createWalk, goodPassword } from "./support/walk.ts";

let stack: ProxiedStack;

beforeAll(async () => {
  // Every session is looked at with its user, so that the calls are always the same ones.
  stack = await startProxiedStack({ env: { AUTH_USER_CHECK_INTERVAL: "0s" } });
});

afterAll(() => stack?.stop());

const person = { email: "ada@example.com", firstname: "Ada", lastname: "Lovelace" };

test("C7, D-13, D-17, D-18, D-19, D-20, D-25: the whole run, each step in its place and none skipped", async () => {
  const { client, recorder } = stack;
  const admin = await client.adminCookie();
  await client.drainMail();
  const mailsBefore = (await readMails(stack)).length;
  recorder.reset();

  // 1, 2: a person registers and waits; nobody is mailed and the auth server hears nothing of it.
  const requested = await client.app.post("/auth/request_registration", person);
  expect(requested.status).toBe(200);
  const token = requested.body.registration_token;
  const waiting = { email: person.email, accepted: false, signup_token: null };
  expect((await client.status(token)).body).toEqual(waiting);
  await client.drainMail();
  expect(await readMails(stack)).toHaveLength(mailsBefore);
  expect(recorder.seen).toEqual([]);

  // 3, 4, 5, 6: an administrator accepts. The call back is looked at before and after the app server has taken it.
  const during = { code: "", statuses: [] as unknown[], jobsBefore: -1, jobsAfter: -1 };
  recorder.gate = watchCallback(async (crossing) => {
    during.statuses.push((await client.status(token)).body);
    const jobs = await countMails();
    if (crossing.phase === "answer") during.jobsAfter = jobs;
    else {
      during.code = JSON.parse(crossing.text).code;
      during.jobsBefore = jobs;
    }
  });
  const accepted = await client.app.post("/admin/accept_user/", { email: person.email }, admin);
  recorder.gate = undefined;
  expect(during.statuses, "nothing is approved before create_signup has returned").toEqual([waiting, waiting]);
  expect(during.jobsAfter, "the mail's job is committed before /email is answered").toBe(during.jobsBefore + 1);

  // 7, 8, 9: one create_signup, with the call back inside it, gives the token that the administrator gets.
  expect(accepted.status).toBe(200);
  expect(accepted.body).toEqual({
    success: true,
    message: expect.any(String),
    signup_token: expect.stringMatching(/^[a-z2-9]{24}\.[a-z2-9]{26}$/),
  });
  expect(recorder.seen.map(({ link, what, phase }) => `${link}: ${what} ${phase}`)).toEqual([
    "app → auth: get_session call",
    "auth → app: get_user call",
    "auth → app: get_user answer",
    "app → auth: get_session answer",
    "app → auth: create_signup call",
    "auth → app: get_user_by_email_address call",
    "auth → app: get_user_by_email_address answer",
    "auth → app: /email call",
    "auth → app: /email answer",
    "app → auth: create_signup answer",
  ]);
  const [createSignup] = recorder.calls("create_signup");
  const [email] = recorder.calls("/email");
  expect(JSON.parse(createSignup?.text ?? "")).toEqual({
    action: "create_signup",
    arguments: { email_address: person.email },
  });
  expect(JSON.parse(email?.text ?? "")).toEqual({
    type: "signup_verification",
    email: person.email,
    code: expect.stringMatching(/^[A-HJ-NP-Z2-9]{8}$/),
    expiresAt: expect.any(Number),
  });
  const answer = answerOf(recorder.seen.at(-1));
  expect(answer.values.signup_token).toBe(accepted.body.signup_token);

  // 10: the mail holds the code and the link with the token of step 1.
  await client.drainMail();
  const mails = await readMails(stack, person.email);
  expect(mails).toHaveLength(1);
  expect(mails[0]).toMatchObject({
    code: during.code,
    link: `${stack.urls.app}/account/signup?token=${token}&code=${during.code}`,
  });

  // 11, 12: status shows the approval, with a token of this caller's own; address and code find the same registration.
  const status = (await client.status(token)).body;
  expect(status).toEqual({ email: person.email, accepted: true, signup_token: expect.any(String) });
  expect(status.signup_token).not.toBe(accepted.body.signup_token);
  const found = await client.app.post("/auth/lookup_registration", { email: person.email, code: during.code });
  expect(found.body).toEqual({ found: true, token });

  // 13, 14, 15: the account is activated, the person is signed in, and the registration is no more.
  const completed = await client.completeSignup(status.signup_token, during.code);
  expect(completed).toMatchObject({ ok: true, values: { session_token: expect.any(String) } });
  const cookie = await client.setSession(completed.values.session_token);
  expect((await client.app.get("/auth/session_info/", { cookie })).body.user).toMatchObject(person);
  expect((await client.status(token)).status).toBe(404);
  expect(recorder.calls("create_signup")).toHaveLength(1);
  expect(recorder.calls("/email")).toHaveLength(1);
});

function watchCallback(look: (crossing: Crossing) => Promise<void>): Gate {
  return (crossing) => (crossing.what === "/email" ? look(crossing).then(() => undefined) : undefined);
}

async function countMails(): Promise<number> {
  const [row] = await stack.sql`select count(*)::int as mails from mails`;
  return row?.mails;
}

// biome-ignore lint/suspicious/noExplicitAny: an answer of any shape.
function answerOf(crossing: Crossing | undefined): any {
  return JSON.parse(crossing?.text.split("\n").at(-1) ?? "");
}

test("acc F1: a password that was changed is told so, though whose browser this is cannot be looked up any more", async () => {
  const walk = await createWalk(stack, stack.client);
  const { session } = await walk.activate("half@example.com");
  const act = async (action: string, args: object) =>
    (await stack.client.app.post("/auth/actions", { action, arguments: args }, session)).body;
  const { user_password_update_token } = (await act("create_user_password_update", {})).values;
  await act("verify_user_password_update_user_password", { user_password_update_token, password: goodPassword });
  const password = "another good password of mine";
  await act("set_user_password_update_new_password", { user_password_update_token, password });
  stack.recorder.gate = async ({ what, phase }) =>
    what === "get_session" && phase === "call" ? { status: 500, body: {} } : undefined;
  const completed = await act("complete_user_password_update", { user_password_update_token });
  stack.recorder.gate = undefined;
  expect(completed.ok).toBe(true);
  expect(await stack.client.signIn("half@example.com", password)).toEqual(expect.any(String));
});
