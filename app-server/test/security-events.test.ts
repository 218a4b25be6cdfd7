import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { securityEvents } from "@anteroom/shared/runtime/security-events";
import { patiently } from "@anteroom/shared/testing/patience";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "./support/client.ts";
import { type RunningServer, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

// What an operator sees at the level that servers log at unless told otherwise, of an attack and of what follows it.

let stack: Stack;
let client: ReturnType<typeof createClient>;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({
    env: { LOG_LEVEL: "info", BACKEND_IP_LIMITS: "on", AUTH_IP_LIMITS: "on", TRUSTED_PROXIES: "127.0.0.1" },
  });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

interface Line {
  level: number;
  server: string;
  time: string;
  event?: string;
  request_id?: string;
  [member: string]: unknown;
}

function linesOf(server: RunningServer): Line[] {
  return server
    .output()
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

const servers = () => [stack.servers.app, stack.servers.auth];

/** The events that `work` leaves in the logs of both servers, the app server's first. */
async function eventsOf(work: () => Promise<unknown>): Promise<Line[]> {
  const before = servers().map((server) => linesOf(server).length);
  await work();
  // Lines are written before the answer; they may still be on their way through the pipe.
  await new Promise((resolve) => setTimeout(resolve, patiently(100)));
  return servers().flatMap((server, index) =>
    linesOf(server)
      .slice(before[index])
      .filter(({ event }) => event !== undefined),
  );
}

/** As somebody at an address of their own, by way of the app server as pages do. */
function visitor(address: string, headers: Record<string, string> = {}) {
  const from = { "x-forwarded-for": address, ...headers };
  const act = async (action: string, args: Record<string, string>) =>
    (await client.app.post("/auth/actions", { action, arguments: args }, from)).body;
  const signIn = async (email: string, password: string) => {
    const { values } = await act("create_signin", { user_email_address: email });
    const verified = await act("verify_signin_user_password", { signin_token: values.signin_token, password });
    return verified.ok ? act("complete_signin", { signin_token: values.signin_token }) : verified;
  };
  return { act, signIn, post: (path: string, body: object) => client.app.post(path, body, from) };
}

test("S-F5, R41: each sign-in result leaves one line with user, caller, outcome and request, whoever it was tried for", async () => {
  const { userId } = await walk.activate("watched@example.com");
  const stranger = visitor("192.0.2.1");
  const wrong = await eventsOf(() => stranger.signIn("watched@example.com", "a wrong guess of mine"));
  expect(wrong).toEqual([
    expect.objectContaining({
      level: 30,
      server: "auth-server",
      time: expect.stringMatching(/Z$/),
      event: `authn_login_fail:${userId}`,
      user: userId,
      caller: "192.0.2.1",
      action: "verify_signin_user_password",
      outcome: "incorrect_password",
      request_id: expect.any(String),
    }),
  ]);
  const unknown = await eventsOf(() => stranger.signIn("nobody@example.com", "a wrong guess of mine"));
  const members = (line: Line | undefined) => Object.keys(line ?? {});
  expect(unknown).toEqual([expect.objectContaining({ caller: "192.0.2.1", outcome: "incorrect_password" })]);
  expect(members(unknown[0])).toEqual(members(wrong[0]));
  expect(unknown[0]?.event).toMatch(/^authn_login_fail:[a-z2-9]{24}$/);
  const right = await eventsOf(() => visitor("192.0.2.2").signIn("watched@example.com", goodPassword));
  expect(right).toEqual([
    expect.objectContaining({ event: `authn_login_success:${userId}`, caller: "192.0.2.2", outcome: "ok" }),
  ]);
});

test("S-F5: the wrong try that locks a password is told, for an address without an account too", async () => {
  await walk.activate("guessed@example.com");
  const auth = postgres(stack.databases.auth.url, { max: 1 });
  for (const [index, address] of ["guessed@example.com", "unguessed@example.com"].entries()) {
    const [wrong] = await eventsOf(() => visitor(`192.0.2.${20 + index}`).signIn(address, "a wrong guess of mine"));
    await auth`update guesses set tries = 99 where kind = 'password' and who = '' and subject = ${String(wrong?.user)}`;
    const told = await eventsOf(() => visitor(`192.0.2.${30 + index}`).signIn(address, "a wrong guess of mine"));
    // The owner's link is made when the answer is on its way already.
    const [lock, fail, ...more] = told.filter(({ event }) => !event?.startsWith("authn_token_created:"));
    expect(more).toEqual([]);
    expect([lock, fail].map((line) => line?.event?.split(":")[0])).toEqual(["authn_login_lock", "authn_login_fail"]);
    expect(lock?.user).toBe(fail?.user);
    expect(lock?.user).toEqual(expect.any(String));
  }
  await auth.end();
});

test("S-F5: an exhausted limit is told once a minute for each caller, however often it is met", async () => {
  const stranger = visitor("192.0.2.3");
  const told = await eventsOf(async () => {
    for (let turn = 0; turn < 12; turn++) await stranger.signIn("nobody@example.com", "a wrong guess of mine");
  });
  const maximum = told.filter(({ event }) => event?.startsWith("authn_login_fail_max"));
  expect(maximum).toEqual([expect.objectContaining({ caller: "192.0.2.3", outcome: "rate_limited" })]);
  const registrations = await eventsOf(async () => {
    for (let turn = 0; turn < 14; turn++)
      await stranger.post("/auth/request_registration", { email: `flood${turn}@example.com` });
  });
  expect(registrations).toEqual([
    expect.objectContaining({
      event: "excess_rate_limit_exceeded",
      server: "app-server",
      caller: "192.0.2.3",
      action: "/auth/request_registration",
      outcome: "rate_limited",
    }),
  ]);
});

test("S-F5: denials leave a line: no session, no permission, foreign origin, wrong internal secret; once a minute each", async () => {
  const { userId, session } = await walk.activate("plain@example.com");
  const from = { "x-forwarded-for": "192.0.2.4" };
  const events = await eventsOf(async () => {
    for (let turn = 0; turn < 3; turn++) {
      await client.app.get("/admin/people/", from);
      await client.app.get("/admin/people/", { ...from, ...session });
      await client.app.post("/auth/lookup_registration", {}, { ...from, origin: "https://evil.example" });
      for (const url of [stack.urls.appPrivate, stack.urls.authPrivate])
        await fetch(`${url}/command`, { method: "POST", body: "{}", headers: { ...from, authorization: "Bearer x" } });
    }
  });
  const shown = events.map(({ event, outcome, action, caller }) => [event, outcome, action, caller]);
  expect(shown).toEqual([
    ["authz_fail", "no_session", "/admin/people/", "192.0.2.4"],
    [`authz_fail:${userId}`, "missing_permission", "/admin/people/", "192.0.2.4"],
    ["malicious_cors", "invalid_origin", undefined, "192.0.2.4"],
    // Whoever lacks the secret says for nobody else where they are.
    ["authz_fail", "wrong_internal_secret", "private listener", "127.0.0.1"],
    ["authz_fail", "wrong_internal_secret", "private listener", "127.0.0.1"],
  ]);
});

test("S-F5: changes of password, address, sessions and permissions, set-up links, and what is done to accounts", async () => {
  const { userId, sessionToken } = await walk.activate("changing@example.com");
  const member = visitor("192.0.2.5");
  const events = async (action: string, args: Record<string, string>) =>
    (await eventsOf(() => client.auth(action, args))).map(({ event }) => event);
  const begun = await client.auth("create_user_password_update", { session_token: sessionToken });
  const update = { session_token: sessionToken, user_password_update_token: begun.values.user_password_update_token };
  const wrong = await events("verify_user_password_update_user_password", { ...update, password: "not the right one" });
  expect(wrong).toEqual([`authn_login_fail:${userId}`]);
  await client.auth("verify_user_password_update_user_password", { ...update, password: goodPassword });
  await client.auth("set_user_password_update_new_password", { ...update, password: "harbour lantern wagon 9" });
  expect(await events("complete_user_password_update", update)).toEqual([`authn_password_change:${userId}`]);
  expect(await events("delete_session", { session_token: "x.y" })).toEqual([]);
  expect(await events("delete_session", { session_token: sessionToken })).toEqual([`session_expired:${userId}`]);
  for (const address of ["changing@example.com", "nobody@example.com"])
    expect(await events("create_user_password_reset", { user_email_address: address })).toEqual([
      expect.stringMatching(/^authn_token_created:[\w-]{16}$/),
    ]);
  const admin = async (path: string, body: object) =>
    (await eventsOf(() => client.app.post(path, body, walk.admin))).map(({ event, by, action, outcome }) => ({
      event,
      isByAdmin: by !== undefined && by !== userId,
      what: outcome ?? action,
    }));
  const grant = { user_id: userId, permission: "editor" };
  const expected = (event: string, what: string) => [{ event: `${event}:${userId}`, isByAdmin: true, what }];
  expect(await admin("/admin/add_permission/", grant)).toEqual(expected("authz_change", "editor"));
  expect(await admin("/admin/remove_permission/", grant)).toEqual(expected("authz_change", "editor"));
  const account = { user_id: userId };
  expect((await admin("/admin/disable_user/", account)).slice(0, 1)).toEqual(expected("user_updated", "disable_user"));
  expect(await admin("/admin/enable_user/", account)).toEqual(expected("user_updated", "enable_user"));
  expect((await admin("/admin/end_sessions/", account))[0]).toEqual(expected("session_expired", "end_sessions")[0]);
  const refused = await eventsOf(() =>
    member.post("/auth/setup_administrator", { setup_token: "x", email: "first@example.com" }),
  );
  expect(refused).toEqual([expect.objectContaining({ event: "authz_fail", outcome: "setup_link_not_valid" })]);
  const { url } = await client.command("app", "create_setup_link");
  const used = await eventsOf(() =>
    member.post("/auth/setup_administrator", { setup_token: url.split("#")[1], email: "first@example.com" }),
  );
  expect(used).toEqual([
    expect.objectContaining({
      event: expect.stringMatching(/^authz_change:[\w-]{16}$/),
      by: "setup-link",
      outcome: "admin",
    }),
  ]);
  expect((await admin("/admin/delete_user/", account))[0]).toEqual(expected("user_deleted", "delete_user")[0]);
});

test("R41: an upload that is broken off is no error, and writes nothing at this level", async () => {
  const before = servers().map((server) => server.output());
  for (const url of [stack.urls.app, stack.urls.auth, stack.urls.authPrivate]) {
    const { port } = new URL(url);
    const head = [
      `POST ${url === stack.urls.app ? "/auth/lookup_registration" : "/"} HTTP/1.1`,
      "host: x",
      `authorization: Bearer ${stack.env.INTERNAL_SECRET}`,
      "content-length: 5000",
      "",
      '{"email":"',
    ].join("\r\n");
    const socket = connect(Number(port), "127.0.0.1", () =>
      socket.write(head, () => setTimeout(() => socket.destroy(), 50)),
    );
    await new Promise((resolve) => socket.once("close", resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(servers().map((server) => server.output())).toEqual(before);
});

test("R41: one id leads from the visitor's request through both servers to the mail, and is in the problem's answer", async () => {
  await walk.activate("traced@example.com");
  const asked = await visitor("192.0.2.6").post("/account/request_password_link", { email: "traced@example.com" });
  const id = asked.headers.get("x-request-id");
  await waitUntil(
    async () => linesOf(stack.servers.auth).filter((line) => line.request_id === id),
    (lines) => lines.length > 0,
  );
  const [mail] = await waitUntil(
    () => stack.sql`select request_id from mails where email_norm = 'traced@example.com' and type = 'password_reset'`,
    (rows) => rows.length === 1,
  );
  expect(mail?.request_id).toBe(id);
  const refused = await client.app.get("/admin/people/");
  expect(refused.body.request_id).toBe(refused.headers.get("x-request-id"));
});

test("R41: whatever strangers write stays inside one JSON string, and no address, password or token is in the log", async () => {
  const address = 'evil"},{"event":"authn_login_success:admin"}\n@example.com';
  const stranger = visitor("192.0.2.7", { "user-agent": '","event":"x' });
  await stranger.act("create_user_password_reset", { user_email_address: address });
  await stranger.signIn("secretive@example.com", "an unlikely passphrase");
  const printed = stack.servers.app.output() + stack.servers.auth.output();
  for (const secret of ["secretive@example.com", "an unlikely passphrase", goodPassword, "evil"])
    expect(printed).not.toContain(secret);
  for (const line of printed.split("\n").filter(Boolean)) expect(() => JSON.parse(line)).not.toThrow();
});

test("S-F5: docs/operations.md lists every event, as the code does", async () => {
  const text = await readFile(new URL("../../docs/operations.md", import.meta.url), "utf8");
  const listed = [...text.matchAll(/^\| `([a-z_]+)` \| (.*) \|$/gm)].map(([, name, when]) => [name, when]);
  const kept = Object.entries(securityEvents).map(([name, event]) => [
    name,
    "oncePerMinute" in event ? `${event.when} *` : event.when,
  ]);
  expect(listed).toEqual(kept);
});
