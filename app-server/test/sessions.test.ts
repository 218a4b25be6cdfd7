import { afterAll, beforeAll, expect, test } from "vitest";
import { publicRoutes } from "../src/http/app.ts";
import { readSettings } from "../src/settings.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

const partners = "https://club.example, https://shop.club.example:8443";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { BACKEND_TRUSTED_ORIGINS: partners } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const setSession = (token: unknown, headers?: Record<string, string>) =>
  client.app.post("/cookies/set_session/", { session_token: token }, headers);

const info = (session: Record<string, string> = {}) => client.app.get("/auth/session_info/", session);

/** The attributes of the one cookie that a reply sets. */
function cookieOf(headers: Headers): Record<string, string> {
  const cookies = headers.getSetCookie();
  expect(cookies).toHaveLength(1);
  const parts = (cookies[0] ?? "").split(";").map((part) => part.trim().split("="));
  return Object.fromEntries(parts.map(([name = "", value = ""]) => [name, value]));
}

test("D-47, S-25: the cookie is host-only, unreadable for scripts, same-site, and lives as long as the session", async () => {
  const { sessionToken } = await walk.activate("cookie@example.com");
  await client.advanceClocks(1_000);
  const reply = await setSession(sessionToken);
  expect(reply.status).toBe(200);
  const cookie = cookieOf(reply.headers);
  expect(Object.keys(cookie).sort()).toEqual(["HttpOnly", "Max-Age", "Path", "SameSite", "Secure", "__Host-session"]);
  expect(cookie).toMatchObject({ "__Host-session": sessionToken, Path: "/", SameSite: "Lax" });
  const left = Number(cookie["Max-Age"]);
  expect(left).toBeGreaterThan(30 * 86_400 - 1_010);
  expect(left).toBeLessThanOrEqual(30 * 86_400 - 1_000);
});

test("D-47: a token that opens no session is 401 and sets no cookie; a missing one is 400", async () => {
  const right = (await walk.activate("nearly@example.com")).sessionToken;
  const [id = ""] = right.split(".");
  const wrong = ["nonsense", `${id}.${"a".repeat(24)}`, id, `${right}x`, right.toUpperCase()];
  for (const token of wrong) {
    const reply = await setSession(token);
    expect([reply.status, reply.headers.getSetCookie()], token).toEqual([401, []]);
  }
  for (const token of [undefined, "", null]) expect((await setSession(token)).status).toBe(400);
  for (const token of [1, {}, "a\r\nSet-Cookie: b=c", "a".repeat(201)])
    expect((await setSession(token)).status).toBe(422);
});

test("S-25: who comes from elsewhere is 403, for every POST there is, and changes nothing", async () => {
  const { sessionToken, session } = await walk.activate("lured@example.com");
  await client.register("bystander@example.com");
  const before = await walk.rows("bystander@example.com");
  for (const headers of [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: stack.urls.app.replace("http:", "https:") },
    { origin: `${stack.urls.app}.evil.example` },
    { "sec-fetch-site": "cross-site" },
  ]) {
    const reply = await setSession(sessionToken, headers as Record<string, string>);
    expect([reply.status, reply.body.error, reply.headers.getSetCookie()]).toEqual([403, "Invalid origin!", []]);
    expect(reply.headers.get("access-control-allow-origin")).toBeNull();
  }
  // The link in a mail is not used with a session: it is itself what allows it.
  const posts = publicRoutes.filter(({ method, path }) => method === "POST" && path !== "/mail/unsubscribe");
  for (const { path } of posts) {
    const reply = await client.app.post(
      path,
      { email: "bystander@example.com" },
      { ...walk.admin, origin: "https://evil.example" },
    );
    expect(reply.status, path).toBe(403);
  }
  expect(await walk.rows("bystander@example.com")).toEqual(before);
  expect((await info(session)).status).toBe(200);
});

test("S-25, S-36: an origin that is named may call with the cookie, and one that looks like it may not", async () => {
  const { sessionToken } = await walk.activate("partner@example.com");
  for (const origin of partners.split(", ")) {
    const reply = await setSession(sessionToken, { origin });
    expect([reply.status, reply.headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    expect(reply.headers.get("access-control-allow-credentials")).toBe("true");
  }
  for (const origin of ["http://club.example", "https://shop.club.example", "https://x.club.example", partners])
    expect((await setSession(sessionToken, { origin })).status, origin).toBe(403);
});

test("S-36: this server's own address may call wherever the pages are", () => {
  const originsOf = (changes: Record<string, string>) => readSettings({ ...stack.env, ...changes }).trustedOrigins;
  const pages = { BACKEND_FRONTEND_ORIGIN: "https://people.example", BACKEND_PORT: "12780" };
  expect(originsOf(pages).slice(0, 2)).toEqual(["https://people.example", "http://127.0.0.1:12780"]);
  expect(originsOf({ ...pages, BACKEND_HOST: "::1" })).toContain("http://[::1]:12780");
});

test("S-25: CORS is for trusted origins alone", async () => {
  const path = "/auth/session_info/";
  const own = await client.app.get(path, { origin: stack.urls.app });
  expect(own.headers.get("access-control-allow-origin")).toBe(stack.urls.app);
  expect(own.headers.get("access-control-allow-credentials")).toBe("true");
  expect(own.headers.get("vary")).toContain("Origin");
  const preflight = await client.app.raw(path, { method: "OPTIONS", headers: { origin: stack.urls.app } });
  expect(preflight.headers.get("access-control-allow-headers")).toBe("Authorization, Content-Type, X-Acting-As");
  for (const method of ["GET", "OPTIONS"]) {
    const foreign = await client.app.raw(path, { method, headers: { origin: "https://evil.example" } });
    expect([...foreign.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  }
});

test("S-25: no route answers with the cookie's token, and only the one cookie counts", async () => {
  const { cookie } = walk.admin;
  const [, token = ""] = cookie.split("=");
  for (const { method, path } of publicRoutes.filter((route) => route.path !== "/cookies/clear_session/")) {
    const reply = await client.app.raw(path, {
      method,
      headers: { cookie },
      ...(method === "POST" ? { body: JSON.stringify({ email: "x@example.com", user_id: "x", permission: "x" }) } : {}),
    });
    expect(JSON.stringify([reply.body, ...reply.headers]), path).not.toContain(token);
  }
  for (const name of ["session", "__Secure-session", "__Host-session_admin", "admin", "__host-session"]) {
    const reply = await client.app.get("/admin/list_newusers/", { cookie: `${name}=${token}` });
    expect(reply.body.error, name).toBe("Unauthorized: No session");
  }
});

test("D-11, S-25: no session is said so; a bad one is 401 and its cookie is cleared", async () => {
  const none = await info();
  expect([none.status, none.body]).toEqual([200, { error: "no_session" }]);
  const bad = await info({ cookie: "__Host-session=nonsense" });
  expect([bad.status, bad.body]).toEqual([401, { error: "invalid_session" }]);
  expect(cookieOf(bad.headers)).toMatchObject({ "__Host-session": "", "Max-Age": "0", Path: "/" });
});

test("R24: a session in a header is the caller's, whatever the cookie says: a bad one leaves the cookie as it is", async () => {
  const { sessionToken, session } = await walk.activate("shows@example.com");
  const bearer = (token: string) => ({ ...walk.admin, authorization: `Bearer ${token}` });
  expect((await info(bearer(sessionToken))).body.user.email).toBe("shows@example.com");
  const bad = await info(bearer("nonsense"));
  expect([bad.status, bad.headers.get("set-cookie")]).toEqual([401, null]);
  const foreign = { ...bearer(sessionToken), "sec-fetch-site": "cross-site", origin: stack.urls.app };
  const kept = await client.app.post("/cookies/set_session/", { session_token: sessionToken }, foreign);
  expect([kept.status, kept.body.code, kept.headers.get("set-cookie")]).toEqual([403, "cookie_not_kept", null]);
  const signin = { action: "complete_signin", arguments: { signin_token: "x" } };
  expect((await client.app.post("/auth/actions", signin, foreign)).body.code).toBe("cookie_not_kept");
  const left = await client.app.post("/cookies/clear_session/", {}, bearer(sessionToken));
  expect([left.status, left.headers.get("set-cookie")]).toEqual([200, null]);
  expect((await info(session)).status).toBe(401);
  expect((await info(walk.admin)).status).toBe(200);
});

test("H6: signing out leaves no way back to a request behind", async () => {
  const { session } = await walk.activate("shares@example.com");
  const both = { cookie: `${session.cookie}; __Host-request=${"x".repeat(43)}` };
  const reply = await client.app.post("/cookies/clear_session/", {}, both);
  expect(reply.headers.get("set-cookie")).toMatch(/__Host-request=; Max-Age=0/);
});

test("R26: signing out ends the session everywhere: the kept cookie and token are worth nothing", async () => {
  const { session, sessionToken } = await walk.activate("leaving@example.com");
  const second = await client.signIn("leaving@example.com", goodPassword);
  const reply = await client.app.post("/cookies/clear_session/", {}, session);
  expect(reply.status).toBe(200);
  expect(cookieOf(reply.headers)).toMatchObject({ "__Host-session": "", "Max-Age": "0" });
  expect((await info(session)).status).toBe(401);
  expect((await setSession(sessionToken)).status).toBe(401);
  expect((await client.auth("get_session", { session_token: sessionToken })).error_code).toBe("invalid_session_token");
  expect((await info({ cookie: await client.setSession(second) })).status).toBe(200);
});

test("R26: signing out without a session, or twice, is no fault", async () => {
  expect((await client.app.post("/cookies/clear_session/", {})).status).toBe(200);
  const { session } = await walk.activate("twice.left@example.com");
  expect((await client.app.post("/cookies/clear_session/", {}, session)).status).toBe(200);
  expect((await client.app.post("/cookies/clear_session/", {}, session)).status).toBe(200);
});

test("R26: a session ends by itself: idle after 14 days", async () => {
  const { session } = await walk.activate("idle@example.com");
  await client.advanceClocks(14 * 86_400 - 60);
  expect((await info(session)).status).toBe(200);
  await client.advanceClocks(14 * 86_400);
  expect((await info(session)).status).toBe(401);
  await Promise.all([client.command("auth", "release_clock"), client.command("app", "release_clock")]);
});

test("S-21: a disabled user's session is not accepted, not even while the auth server still knows it", async () => {
  const { session, userId } = await walk.activate("disabled@example.com");
  await stack.sql`update users set disabled = true, disabled_counter = disabled_counter + 1 where id = ${userId}`;
  expect((await info(session)).status).toBe(401);
});

test("S-25: when the auth server is away, signing out fails and says so, and the session can still be ended", async () => {
  const { session } = await walk.activate("patient@example.com");
  await stack.servers.auth.stop();
  const reply = await client.app.post("/cookies/clear_session/", {}, session);
  expect([reply.status, reply.body.code, reply.headers.getSetCookie()]).toEqual([503, "auth_server_unavailable", []]);
  expect((await info(session)).status).toBe(503);
  expect((await client.app.get("/ready")).body).toMatchObject({ database: true, auth_server: false });
  await stack.servers.auth.start();
  expect((await client.app.post("/cookies/clear_session/", {}, session)).status).toBe(200);
});
