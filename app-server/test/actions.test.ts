import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

// What pages call instead of the auth server itself.

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { AUTH_IP_LIMITS: "on", TRUSTED_PROXIES: "127.0.0.1" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const act = (action: string, args: Record<string, unknown>, headers?: Record<string, string>) =>
  client.app.post("/auth/actions", { action, arguments: args }, headers);

async function signIn(address: string, headers: Record<string, string> = {}) {
  const created = await act("create_signin", { user_email_address: address }, headers);
  const { signin_token } = created.body.values;
  await act("verify_signin_user_password", { signin_token, password: goodPassword }, headers);
  return act("complete_signin", { signin_token }, headers);
}

const cookieOf = (headers: Headers) => ({ cookie: (headers.get("set-cookie") ?? "").split(";")[0] ?? "" });

test("R32: signing in through the pages' origin puts the session into the cookie, and its token nowhere else", async () => {
  await walk.activate("ada@example.com");
  const completed = await signIn("ada@example.com");
  expect(Object.keys(completed.body.values)).toEqual(["session"]);
  const [cookie = ""] = completed.headers.getSetCookie();
  expect(cookie).toMatch(
    /^__Host-session=[a-z0-9]{24}\.[a-z0-9]{26}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  );
  const session = cookieOf(completed.headers);
  expect(JSON.stringify(completed.body)).not.toContain(session.cookie.split(".")[1]);
  expect((await client.app.get("/auth/session_info/", session)).body.user.email).toBe("ada@example.com");
});

test("R24: signing in anew ends the session that the browser had", async () => {
  await walk.activate("anew@example.com");
  const first = cookieOf((await signIn("anew@example.com")).headers);
  const second = cookieOf((await signIn("anew@example.com", first)).headers);
  expect((await client.app.get("/auth/session_info/", first)).status).toBe(401);
  expect((await client.app.get("/auth/session_info/", second)).status).toBe(200);
});

test("R32: actions of a session take it from the cookie, whatever the caller names", async () => {
  const ada = await walk.activate("mine@example.com");
  const other = await walk.activate("theirs@example.com");
  const own = await act("get_session", { session_token: other.sessionToken }, ada.session);
  expect(own.body.values.session.user_id).toBe(ada.userId);
  expect((await act("get_session", { session_token: ada.sessionToken })).body.error_code).toBe("invalid_session_token");
  expect((await act("list_sessions", {}, ada.session)).body.values.sessions).toHaveLength(1);
});

test("R26: ending a session clears the cookie too, and a dead one is cleared as soon as it is seen", async () => {
  const { session } = await walk.activate("leaves@example.com");
  const ended = await act("delete_session", {}, session);
  expect(ended.body.ok).toBe(true);
  expect(ended.headers.get("set-cookie")).toMatch(/^__Host-session=; Max-Age=0/);
  const again = await act("get_session", {}, session);
  expect([again.body.error_code, again.headers.get("set-cookie")]).toEqual([
    "invalid_session_token",
    expect.stringMatching(/^__Host-session=; Max-Age=0/),
  ]);
});

test("M-22: a reset ends every session and opens none", async () => {
  const { session } = await walk.activate("resets@example.com");
  const created = await act("create_user_password_reset", { user_email_address: "resets@example.com" });
  const { user_password_reset_token } = created.body.values;
  const mails = await waitUntil(
    () => walk.mailsTo("resets@example.com"),
    (found) => found.at(-1)?.type === "password_reset",
  );
  const temporary_password = mails.at(-1)?.code;
  await act("verify_user_password_reset_temporary_password", { user_password_reset_token, temporary_password });
  await act("set_user_password_reset_new_password", { user_password_reset_token, password: `${goodPassword} new` });
  const completed = await act("complete_user_password_reset", { user_password_reset_token });
  const sessions = completed.headers.getSetCookie().filter((cookie) => cookie.startsWith("__Host-session="));
  expect([completed.body.ok, sessions]).toEqual([true, []]);
  expect(Object.keys(completed.body.values)).toEqual(["session"]);
  expect((await client.app.get("/auth/session_info/", session)).status).toBe(401);
  const looked = await client.authPrivate("get_session", { session_token: session.cookie.split("=")[1] ?? "" });
  expect(looked.error_code).toBe("invalid_session_token");
});

test("S-4: nobody opens a sign-up or a sibling by it; unknown actions and wrong arguments are refused", async () => {
  for (const [action, args] of [
    ["create_signup", { email_address: "stranger@example.com" }],
    ["create_sibling_signup", { signup_token: "x" }],
    ["toString", {}],
    ["create_signin", {}],
    ["create_signin", { user_email_address: 1 }],
  ] as const) {
    const refused = await act(action, args);
    expect([refused.status, refused.body.code], action).toEqual([400, "invalid_request"]);
  }
});

test("S-18: guesses are counted for the visitor who makes them, not for the app server", async () => {
  await walk.activate("guessed@example.com");
  const from = (address: string) => ({ "x-forwarded-for": address });
  const tries = async (address: string, password: string) => {
    const created = await act("create_signin", { user_email_address: "guessed@example.com" }, from(address));
    const { signin_token } = created.body.values;
    return (await act("verify_signin_user_password", { signin_token, password }, from(address))).body;
  };
  for (let guess = 0; guess < 5; guess++)
    expect((await tries("192.0.2.7", `wrong ${guess} wrong wrong`)).error_code).toBe("incorrect_password");
  expect((await tries("192.0.2.7", goodPassword)).error_code).toBe("rate_limited");
  expect((await tries("198.51.100.4", goodPassword)).ok).toBe(true);
  expect((await tries("2001:db8::1", goodPassword)).ok).toBe(true);
});

test("S-25: from another origin it is refused", async () => {
  const { session } = await walk.activate("lured@example.com");
  const foreign = await act("delete_session", {}, { ...session, origin: "https://evil.example" });
  expect(foreign.status).toBe(403);
  expect((await client.app.get("/auth/session_info/", session)).status).toBe(200);
});
