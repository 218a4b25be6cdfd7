import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { measured } from "@anteroom/shared/testing/measured";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./harness.ts";
import {
  countOutcomes,
  openSignup,
  outcome,
  prepareSignin,
  prepareSignup,
  signUp,
  startOver,
  succeed,
  verifyCode,
} from "./steps.ts";

const address = "ada@example.com";

let t: TestServer;

beforeAll(async () => {
  t = await startTestServer({ AUTH_EMAIL_TIMEOUT: "1s", AUTH_INVOKE_TIMEOUT: "1s" });
});
afterAll(() => t?.stop());
beforeEach(() => startOver(t));

function create(email_address = address) {
  return outcome(t, "create_signup", { email_address });
}

/** Whether all five mails to the address are still to be had. */
async function hasAllMails(email_address = address): Promise<boolean> {
  const counts = await countOutcomes(6, () => create(email_address));
  return counts.ok === 5 && counts.rate_limited === 1;
}

test("D-28: /email answers 500: internal_error, no signup is left, and the mail's token is given back", async () => {
  for (let time = 0; time < 6; time++) {
    t.app.faults.push({ target: "email", op: "signup_verification" });
    expect(await create()).toBe("internal_error");
  }
  expect(t.app.mailbox).toEqual([]);
  expect(await hasAllMails()).toBe(true);
});

test("S-9: /email never answers: internal_error after the timeout, and the same", async () => {
  t.app.intercept = ({ path }) => (path === "/email" ? new Promise(() => undefined) : undefined);
  const start = performance.now();
  expect(await create()).toBe("internal_error");
  expect(performance.now() - start).toBeGreaterThan(900);
  expect(performance.now() - start).toBeLessThan(patiently(3_000));
  t.app.intercept = undefined;
  expect(await hasAllMails()).toBe(true);
});

test("/email drops the connection: internal_error", async () => {
  t.app.intercept = ({ path }) => {
    if (path === "/email") throw new Error("drop it");
  };
  expect(await create()).toBe("internal_error");
});

test("a code that cannot be sent again: internal_error, the signup stays, and the mail's token is given back", async () => {
  const { signup_token, code } = await openSignup(t, address);
  for (let time = 0; time < 6; time++) {
    t.app.faults.push({ target: "email", op: "signup_verification" });
    expect(await outcome(t, "send_signup_email_address_verification_code", { signup_token })).toBe("internal_error");
  }
  expect(await outcome(t, "send_signup_email_address_verification_code", { signup_token })).toBe("ok");
  expect(await verifyCode(t, signup_token, code)).toBe("ok");
});

test("a repeated mail that may have been taken has cost its token", async () => {
  const { signup_token } = await openSignup(t, address);
  const send = () => outcome(t, "send_signup_email_address_verification_code", { signup_token });
  t.app.intercept = async ({ path }) => {
    if (path === "/email") await sleep(1_500);
  };
  expect(await send()).toBe("internal_error");
  t.app.intercept = undefined;
  for (let mail = 3; mail <= 5; mail++) expect(await send()).toBe("ok");
  expect(await send()).toBe("rate_limited");
  await expect.poll(() => t.app.mailbox.length, { timeout: patiently(3_000) }).toBe(4);
});

test("S-9: /invoke never answers: internal_error after the timeout, nothing is mailed", async () => {
  t.app.intercept = ({ path }) => (path === "/invoke" ? new Promise(() => undefined) : undefined);
  const start = performance.now();
  expect(await create()).toBe("internal_error");
  expect(performance.now() - start).toBeLessThan(patiently(3_000));
  t.app.intercept = undefined;
  expect(t.app.mailbox).toEqual([]);
  expect(await hasAllMails()).toBe(true);
});

test("a sign-in notice that cannot be sent, or hangs, neither fails nor delays the sign-in", async () => {
  await signUp(t, address);
  const { signin_token } = await prepareSignin(t, address);
  t.app.faults.push({ target: "email", op: "signin_notification" });
  expect(await outcome(t, "complete_signin", { signin_token })).toBe("ok");
  await measured(async () => {
    const next = await prepareSignin(t, address);
    t.app.intercept = ({ path }) => (path === "/email" ? new Promise(() => undefined) : undefined);
    const start = performance.now();
    expect(await outcome(t, "complete_signin", { signin_token: next.signin_token })).toBe("ok");
    expect(performance.now() - start).toBeLessThan(900);
  });
});

const proper = {
  id: "x",
  email_address: address,
  password_hash: "AA==",
  password_hash_algorithm_id: "argon2id.1.64.1.32",
  password_salt: "AA==",
  disabled: false,
  display_name: "",
  email_address_counter: 0,
  password_hash_counter: 0,
  disabled_counter: 0,
  sessions_counter: 0,
};
const wrap = (user: unknown) => JSON.stringify({ ok: true, action_invocation_id: "x", values: { user } });

test.each([
  ["no JSON", "hello"],
  ["nothing", ""],
  ["no ok", '{"action_invocation_id":"x","values":{}}'],
  ["no action_invocation_id", JSON.stringify({ ok: true, values: { user: proper } })],
  ["no values", '{"ok":true,"action_invocation_id":"x"}'],
  ["no error_code", '{"ok":false,"action_invocation_id":"x"}'],
  ["an unknown error code", '{"ok":false,"action_invocation_id":"x","error_code":"teapot"}'],
  ["another action's error code", '{"ok":false,"action_invocation_id":"x","error_code":"email_address_already_used"}'],
  ["no user", '{"ok":true,"action_invocation_id":"x","values":{}}'],
  ["a user without a member", wrap({ ...proper, display_name: undefined })],
  ["a user with a null", wrap({ ...proper, display_name: null })],
  ["a counter that is a text", wrap({ ...proper, sessions_counter: "0" })],
  ["a counter that is no whole number", wrap({ ...proper, sessions_counter: 0.5 })],
  ["a counter beyond int32", wrap({ ...proper, sessions_counter: 2_147_483_648 })],
  ["disabled as a number", wrap({ ...proper, disabled: 0 })],
  ["base64 without padding", wrap({ ...proper, password_hash: "AA" })],
  ["base64 of the URL alphabet", wrap({ ...proper, password_salt: "_-8=" })],
])("an improper answer of the user server is internal_error: %s", async (_, raw) => {
  t.app.faults.push({ target: "user_server", op: "get_user_by_email_address", raw });
  expect(await outcome(t, "create_signin", { user_email_address: address })).toBe("internal_error");
});

test("members of a user that Faroe does not know are ignored, arrays too", async () => {
  t.app.faults.push({
    target: "user_server",
    op: "get_user_by_email_address",
    raw: wrap({ ...proper, roles: ["admin", 1, null] }),
  });
  expect(await outcome(t, "create_signin", { user_email_address: address })).toBe("ok");
});

test("the user server answers nothing while a session is looked at: internal_error, and the session stays", async () => {
  const { session_token } = await signUp(t, address);
  for (const fault of [{ transport: true }, { error: "internal_error" }, { raw: "no" }]) {
    t.app.faults.push({ target: "user_server", op: "get_user", ...fault });
    expect(await outcome(t, "get_session", { session_token })).toBe("internal_error");
  }
  expect(await outcome(t, "get_session", { session_token })).toBe("ok");
});

test("create_user took effect but its answer was lost: the next try ends the signup, and the password signs in", async () => {
  const { signup_token } = await prepareSignup(t, address);
  t.app.faults.push({ target: "user_server", op: "create_user", transport: true, after: true });
  expect(await outcome(t, "complete_signup", { signup_token })).toBe("internal_error");
  expect(await outcome(t, "complete_signup", { signup_token })).toBe("invalid_signup_token");
  expect(t.app.users).toHaveLength(1);
  await prepareSignin(t, address);
});

test("U+0000 and lone line breaks in arguments reach no table and no mail", async () => {
  const { signup_token } = await openSignup(t, address);
  expect(await verifyCode(t, signup_token, "\0")).toBe("incorrect_email_address_verification_code");
  expect(await create("a\0@example.com")).toBe("invalid_email_address");
});

describe("with a pool of one connection", () => {
  let one: TestServer;

  beforeAll(async () => {
    one = await startTestServer({ AUTH_DATABASE_POOL: "1", AUTH_EMAIL_TIMEOUT: "5s" });
  });
  afterAll(() => one?.stop());
  beforeEach(() => startOver(one));

  test("D-18: while /email takes its time, create_signup waits and others are answered at once", async () => {
    const { session_token } = await signUp(one, "bob@example.com");
    one.app.intercept = async ({ path, body }) => {
      if (path === "/email" && body.type === "signup_verification") await sleep(1_000);
    };
    const start = performance.now();
    const creating = succeed(one, "create_signup", { email_address: address });
    await sleep(100);
    const latencies: number[] = [];
    for (let time = 0; time < 20; time++) {
      const before = performance.now();
      expect(await outcome(one, "get_session", { session_token })).toBe("ok");
      latencies.push(performance.now() - before);
    }
    expect(latencies.sort((a, b) => a - b)[10]).toBeLessThan(patiently(100));
    await creating;
    expect(performance.now() - start).toBeGreaterThan(1_000);
  });

  test("D-17: the callback can use the signup while create_signup still waits for it", async () => {
    let seen: string | undefined;
    one.app.intercept = async ({ path, body }) => {
      if (path !== "/email") return;
      // What a callback may do: ask the auth server, whose only connection must be free.
      seen = await outcome(one, "create_signin", { user_email_address: String(body.email) });
    };
    expect(await outcome(one, "create_signup", { email_address: address })).toBe("ok");
    expect(seen).toBe("ok");
  });

  test("twenty whole sign-ups and sign-ins at once", async () => {
    const counts = await countOutcomes(20, async (index) => {
      const { session_token } = await signUp(one, `a${index}@example.com`);
      const { signin_token } = await prepareSignin(one, `a${index}@example.com`);
      expect(await outcome(one, "complete_signin", { signin_token })).toBe("ok");
      return outcome(one, "get_session", { session_token });
    });
    expect(counts).toEqual({ ok: 20 });
  });
});

test("GET /ready names the app server when it is down, and a refused connection is internal_error", async () => {
  const port = await freePort();
  const alone = await startTestServer({ AUTH_APP_SERVER_URL: `http://127.0.0.1:${port}` });
  const ready = await alone.public.request({ method: "GET", path: "/ready" });
  expect([ready.statusCode, await ready.body.json()]).toEqual([
    503,
    { database: true, migrations: true, app_server: false },
  ]);
  expect(await outcome(alone, "create_signup", { email_address: address })).toBe("internal_error");
  await alone.stop();
});

test("an address on AUTH_EMAIL_BLOCKLIST, or its domain, cannot sign up; the list is read again when it changes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "anteroom-blocklist-"));
  const file = join(folder, "addresses");
  await writeFile(file, "# nobody\nbad@example.com\n@Evil.example\n");
  const guarded = await startTestServer({ AUTH_EMAIL_BLOCKLIST: file });
  const sign = (email_address: string) => outcome(guarded, "create_signup", { email_address });
  expect(await sign("BAD@example.com")).toBe("email_address_not_allowed");
  expect(await sign("anybody@evil.example")).toBe("email_address_not_allowed");
  expect(await sign("anybody@not-evil.example")).toBe("ok");
  guarded.app.mailbox.length = 0;
  const { signup_token } = await prepareSignup(guarded, "good@example.com");
  await writeFile(file, "good@example.com\n");
  expect(await outcome(guarded, "complete_signup", { signup_token })).toBe("invalid_signup_token");
  expect(guarded.app.users).toEqual([]);
  expect(await sign("bad@example.com")).toBe("ok");
  await guarded.stop();
  await rm(folder, { recursive: true });
});
