import { privateActions } from "@anteroom/shared/wire/faroe";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

/** A stranger and an owner at different addresses, told apart by what the proxy on this machine forwards. */
let stack: ProxiedStack;
let walk: Walk;

const stranger = { "x-forwarded-for": "203.0.113.66" };
const owner = { "x-forwarded-for": "198.51.100.7" };

beforeAll(async () => {
  stack = await startProxiedStack({
    env: { AUTH_IP_LIMITS: "on", BACKEND_IP_LIMITS: "on", TRUSTED_PROXIES: "127.0.0.1" },
  });
  walk = await createWalk(stack, stack.client);
});

afterAll(() => stack?.stop());

const status = (token: string, code: string | undefined, from: Record<string, string>) =>
  stack.client.app.post("/auth/registration_status", { registration_token: token, ...(code ? { code } : {}) }, from);
const lookup = (email: string, code: string, from: Record<string, string>) =>
  stack.client.app.post("/auth/lookup_registration", { email, code }, from);
const times = <T>(count: number, run: () => Promise<T>) => Promise.all(Array.from({ length: count }, run));

test("S-F13, acc F20, S-16, S-18: a stranger's wrong look-ups stop the stranger alone", async () => {
  const { token, code } = await walk.open("looked-up@example.com");
  const guesses = await times(7, () => lookup("looked-up@example.com", "AAAAAAAA", stranger));
  expect(guesses.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 200, 200, 429, 429]);
  expect((await lookup("looked-up@example.com", code, stranger)).status).toBe(429);
  expect((await lookup("looked-up@example.com", code, owner)).body).toEqual({ found: true, token });
  const own = await times(6, () => lookup("looked-up@example.com", "BBBBBBBB", owner));
  expect(own.map((reply) => reply.status).sort()).toEqual([200, 200, 200, 200, 200, 429]);
});

test("R10, S-F3: who guesses wrong waits longer each time, up to an hour, and is told how long", async () => {
  const { token, code } = await walk.open("slow@example.com");
  const guess = () => lookup("slow@example.com", "AAAAAAAA", stranger);
  await times(5, guess);
  for (const wait of [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]) {
    const refused = await guess();
    expect([refused.status, Number(refused.headers.get("retry-after"))]).toEqual([
      429,
      expect.toSatisfy((seconds) => wait - seconds < 20 && seconds <= wait),
    ]);
    await stack.client.advanceClocks(Number(refused.headers.get("retry-after")));
    expect((await guess()).status).toBe(200);
  }
  // A right one begins anew.
  await stack.client.advanceClocks(3_600);
  expect((await lookup("slow@example.com", code, stranger)).body).toEqual({ found: true, token });
  expect((await times(6, guess)).map((reply) => reply.status).sort()).toEqual([200, 200, 200, 200, 200, 429]);
});

test("S-F3, S-F13: callers of one /48 together guess fifty times at once, and the owner of the mailbox does not wait", async () => {
  const { token, code } = await walk.open("besieged@example.com");
  const member = (index: number) => ({ "x-forwarded-for": `2001:db8:7:${index.toString(16)}::1` });
  const replies = [];
  for (let index = 0; index < 80; index++)
    replies.push((await lookup("besieged@example.com", "AAAAAAAA", member(index))).status);
  expect(replies.filter((status) => status === 200)).toHaveLength(50);
  const elsewhere = { "x-forwarded-for": "2001:db8:8:1::1" };
  expect((await lookup("besieged@example.com", code, elsewhere)).body).toEqual({ found: true, token });
});

test("S-F9, S-13, S-18: who registered somebody's address keeps the mailbox's owner from nothing", async () => {
  const { token, code } = await walk.open("owned@example.com");
  await times(25, () => status(token, undefined, stranger));
  await times(8, () => status(token, "AAAAAAAA", stranger));
  const { body } = await status(token, code, owner);
  expect(body).toEqual({ email: "owned@example.com", accepted: true, signup_token: expect.any(String) });
  expect((await stack.client.completeSignup(body.signup_token, code)).ok).toBe(true);
});

test("acc F22: however often the page was loaded without the code, it asks for the code and not for a new one", async () => {
  const { token, code } = await walk.open("reloaded@example.com");
  await times(20, () => status(token, undefined, owner));
  const waiting = { email: "reloaded@example.com", accepted: true, signup_token: null, state: "code_needed" };
  expect((await status(token, undefined, owner)).body).toEqual(waiting);
  expect((await status(token, "AAAAAAAA", owner)).body).toEqual(waiting);
  expect((await status(token, code, owner)).body.signup_token).toEqual(expect.any(String));
});

test("S-F14, R12: a mailed code is guessed at five times, also after its owner has shown it", async () => {
  await walk.activate("forgetful@example.com");
  await stack.client.app.post("/account/request_password_link", { email: "forgetful@example.com" }, owner);
  const mail = await walk.newestMail("forgetful@example.com", "password_reset");
  const token = new URL(mail.link ?? "").searchParams.get("token");
  const choose = (code: string, password: string, from: Record<string, string>) =>
    stack.client.app.post("/account/use_password_link", { token, code, password }, from);
  const code = mail.code ?? "";
  expect((await choose(code, "too short", owner)).body.code).toBe("invalid_password_length");
  const guesses = await times(8, () => choose("AAAAAAAAAAAA", goodPassword, stranger));
  expect(guesses.map((reply) => reply.body.code).sort()).toEqual([
    ...Array(5).fill("incorrect_code"),
    ...Array(3).fill("rate_limited"),
  ]);
  expect((await choose(code, "another good password of mine", owner)).status).toBe(200);
});

/** The auth server answers from now on as the original does to what it does not know. */
function beforeFaroe(): void {
  stack.recorder.gate = async ({ what, phase, link }) =>
    link === "app → auth" && phase === "call" && Object.hasOwn(privateActions, what)
      ? { status: 400, body: undefined }
      : undefined;
}

test("S-F17: before a Faroe that knows no siblings a sign-up token is for those alone who show the code", async () => {
  const { token, code } = await walk.open("plain-faroe@example.com");
  beforeFaroe();
  const refused = { email: "plain-faroe@example.com", accepted: true, signup_token: null, state: "code_needed" };
  for (const guess of [undefined, "AAAAAAAA"])
    expect((await status(token, guess, stranger)).body, String(guess)).toEqual(refused);
  const renewed = await stack.client.app.post("/auth/renew_signup", { registration_token: token }, stranger);
  expect(renewed.body).toEqual({ success: true, signup_token: null, email: "plain-faroe@example.com" });
  const { body } = await status(token, code, owner);
  expect((await stack.client.completeSignup(body.signup_token, code)).ok).toBe(true);
  stack.recorder.gate = undefined;
});

test("S-F17: before a Faroe that checks no password by itself, what asks for one asks all the same", async () => {
  const { session } = await walk.activate("asked@example.com");
  beforeFaroe();
  const post = (path: string, body: object) => stack.client.app.post(path, body, session);
  const preferences = (password: string) =>
    post("/account/preferences/", { mail: { signin_notification: false }, password });
  const change = (password: string) => post("/account/change_email", { email: "asked-new@example.com", password });
  for (const ask of [preferences, change]) {
    expect((await ask("wrong wrong wrong")).body.code).toBe("incorrect_password");
    expect((await ask(goodPassword)).status).toBe(200);
  }
  const link = new URL((await walk.mailsTo("asked-new@example.com")).at(-1)?.link ?? "");
  const shown = { token: link.searchParams.get("change"), code: link.searchParams.get("code") };
  expect((await post("/account/confirm_email", shown)).body).toMatchObject({ email: "asked-new@example.com" });
  stack.recorder.gate = undefined;
});

test("S-F17: before a Faroe that lists no sessions the routes say so, the export does without, and a new password ends all", async () => {
  const { session } = await walk.activate("listed@example.com");
  beforeFaroe();
  await stack.servers.app.stop();
  await stack.servers.app.start();
  const { app } = stack.client;
  const replies = [
    await app.get("/account/sessions/", session),
    await app.post("/account/end_other_sessions/", { password: goodPassword }, session),
    await app.post("/account/end_session/", { session_id: "x", password: goodPassword }, session),
  ];
  for (const { status, body } of replies) expect([status, body.code]).toEqual([501, "not_supported"]);
  const exported = await app.get("/account/export", session);
  expect([exported.status, exported.body.sessions]).toEqual([200, null]);
  const act = async (action: string, args: object) =>
    (await app.post("/auth/actions", { action, arguments: args }, session)).body.values;
  const named = await act("create_user_password_update", {});
  const { user_password_update_token } = named;
  await act("verify_user_password_update_user_password", { user_password_update_token, password: goodPassword });
  const password = "another good password of mine";
  await act("set_user_password_update_new_password", { user_password_update_token, password });
  expect(await act("complete_user_password_update", { user_password_update_token })).toEqual({});
  expect((await app.get("/auth/session_info/", session)).status).toBe(401);
  expect(await stack.client.signIn("listed@example.com", password)).toEqual(expect.any(String));
  stack.recorder.gate = undefined;
});
