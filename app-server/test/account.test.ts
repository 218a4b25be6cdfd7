import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { AUTH_USER_CHECK_INTERVAL: "0s" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

type Session = Record<string, string>;

const info = (session: Session) => client.app.get("/auth/session_info/", session);
const sessionsOf = async (session: Session) => (await client.app.get("/account/sessions/", session)).body.sessions;
const endOthers = (session: Session, body: object = {}) =>
  client.app.post("/account/end_other_sessions/", body, session);
const remove = (session: Session, password = goodPassword) => client.app.post("/account/delete", { password }, session);

/** Signs in as a browser does, through the pages' own way. */
async function signInAs(address: string, userAgent: string): Promise<Session> {
  const act = async (action: string, args: object) =>
    client.app.post("/auth/actions", { action, arguments: args }, { "user-agent": userAgent });
  const { signin_token } = (await act("create_signin", { user_email_address: address })).body.values;
  await act("verify_signin_user_password", { signin_token, password: goodPassword });
  const reply = await act("complete_signin", { signin_token });
  return { cookie: (reply.headers.get("set-cookie") ?? "").split(";")[0] ?? "" };
}

test.concurrent("E-18: names are changed, trimmed and shown; the rest of the account stays", async () => {
  const { session } = await walk.activate("names@example.com");
  const before = (await info(session)).body.user;
  const names = { firstname: "  Augusta Ada ", lastname: "King" };
  const reply = await client.app.post("/account/profile", names, session);
  const after = { ...before, firstname: "Augusta Ada", lastname: "King" };
  expect([reply.status, reply.body]).toEqual([200, after]);
  expect((await info(session)).body.user).toEqual(after);
  for (const firstname of ["a\nb", "x".repeat(101)])
    expect((await client.app.post("/account/profile", { ...names, firstname }, session)).status).toBe(422);
  expect((await client.app.post("/account/profile", { firstname: "", lastname: "King" }, session)).status).toBe(400);
});

test.concurrent("S-34, R33: nothing of an account is shown or changed without a session, nor by a GET", async () => {
  const bodies: Record<string, object> = {
    profile: { firstname: "A", lastname: "B" },
    change_email: { email: "a@example.com", password: "x" },
    cancel_email_change: {},
    "end_session/": { session_id: "x" },
    "end_other_sessions/": {},
    delete: { password: "x" },
  };
  const { session } = await walk.activate("closed@example.com");
  for (const [path, body] of Object.entries(bodies)) {
    expect((await client.app.post(`/account/${path}`, body)).status, path).toBe(401);
    expect((await client.app.get(`/account/${path}`, session)).status, path).toBe(405);
  }
  for (const path of ["sessions/", "export", "email_change/"])
    expect((await client.app.get(`/account/${path}`)).status, path).toBe(401);
});

test.concurrent("R29: one sees where one is signed in, by device and last use, and ends one of them or all others", async () => {
  const address = "devices@example.com";
  await walk.activate(address);
  const [phone, laptop, library] = [
    await signInAs(address, "Phone/1"),
    await signInAs(address, "Laptop/2"),
    await signInAs(address, "Library/3"),
  ];
  const seen = await sessionsOf(laptop);
  const named = Object.fromEntries(seen.map((each: { user_agent: string }) => [each.user_agent, each]));
  expect(named["Laptop/2"]).toEqual({
    id: expect.any(String),
    created_at: expect.any(Number),
    last_active_at: expect.any(Number),
    user_agent: "Laptop/2",
    current: true,
  });
  expect(seen).toHaveLength(4);
  const end = (id: string) => client.app.post("/account/end_session/", { session_id: id }, laptop);
  expect((await end(named["Library/3"].id)).status).toBe(200);
  expect([(await info(library)).status, (await info(phone)).status]).toEqual([401, 200]);
  expect((await end(named["Library/3"].id)).body.code).toBe("not_found");
  expect((await endOthers(laptop)).body).toEqual({ success: true, ended: 2 });
  expect([(await info(phone)).status, (await info(laptop)).status]).toEqual([401, 200]);
});

test.concurrent("S-34: nobody ends a session of somebody else", async () => {
  const one = await walk.activate("mine@example.com");
  const two = await walk.activate("theirs@example.com");
  const [theirs] = await sessionsOf(two.session);
  const reply = await client.app.post("/account/end_session/", { session_id: theirs.id }, one.session);
  expect([reply.status, (await info(two.session)).status]).toEqual([404, 200]);
});

test("R29: who signed in some time ago shows the password before ending others, and a wrong one ends none", async () => {
  const address = "stale@example.com";
  const { session } = await walk.activate(address);
  const other = await signInAs(address, "Other/1");
  await client.advanceClocks(600);
  expect((await endOthers(session)).body.code).toBe("password_needed");
  expect((await endOthers(session, { password: "wrong wrong wrong" })).body.code).toBe("incorrect_password");
  expect((await info(other)).status).toBe(200);
  expect((await endOthers(session, { password: goodPassword })).body.ended).toBe(1);
  expect((await info(other)).status).toBe(401);
  const direct = { action: "end_session", arguments: { session_token: "", session_id: "x" } };
  expect((await client.app.post("/auth/actions", direct, session)).status).toBe(400);
});

test.concurrent("R28, E-20: a changed password ends every session but this one; a wrong old one changes nothing", async () => {
  const address = "rotate@example.com";
  const { session } = await walk.activate(address);
  const other = await signInAs(address, "Other/1");
  const act = async (action: string, args: object) =>
    (await client.app.post("/auth/actions", { action, arguments: { session_token: "", ...args } }, session)).body;
  const begun = await act("create_user_password_update", {});
  const named = { user_password_update_token: begun.values.user_password_update_token };
  const verify = (password: string) => act("verify_user_password_update_user_password", { ...named, password });
  expect((await verify("wrong wrong wrong")).error_code).toBe("incorrect_password");
  expect((await info(other)).status).toBe(200);
  expect((await verify(goodPassword)).ok).toBe(true);
  await act("set_user_password_update_new_password", { ...named, password: "eleven wet umbrellas here" });
  expect((await act("complete_user_password_update", named)).ok).toBe(true);
  expect([(await info(session)).status, (await info(other)).status]).toEqual([200, 401]);
  expect(await client.signIn(address, "eleven wet umbrellas here")).toEqual(expect.any(String));
});

test.concurrent("the export holds what is kept of a person, as a file, and nothing secret", async () => {
  const address = "export@example.com";
  const { session, sessionToken, userId } = await walk.activate(address);
  await client.app.post("/account/preferences/", { language: "nl" }, session);
  await client.app.post("/account/change_email", { email: "export-new@example.com", password: goodPassword }, session);
  await client.drainMail();
  const reply = await client.app.get("/account/export", session);
  expect(reply.headers.get("content-disposition")).toBe('attachment; filename="account.json"');
  const { body } = reply;
  expect(body).toEqual({
    exported_at: expect.any(Number),
    account: expect.objectContaining({ user_id: userId, email: address, language: "nl", firstname: "Ada" }),
    permissions: [],
    preferences: { language: "nl", mail: { signin_notification: true } },
    sessions: [expect.objectContaining({ current: true })],
    pending_email_change: { email: "export-new@example.com", expires_at: expect.any(Number) },
    mails: [
      expect.objectContaining({ type: "email_update_verification", email: "export-new@example.com" }),
      expect.objectContaining({ type: "account_ready" }),
      expect.objectContaining({ type: "signup_verification" }),
    ],
    decisions: [{ at: expect.any(Number), action: "accept", reason: null }],
  });
  const [row] = await stack.sql`select password_hash, password_salt from users where id = ${userId}`;
  const codes = (await walk.mailsTo(address)).flatMap(({ code }) => code ?? []);
  const secrets = [
    sessionToken,
    row?.password_hash.toString("base64"),
    row?.password_salt.toString("base64"),
    ...codes,
  ];
  for (const secret of secrets) expect(JSON.stringify(body)).not.toContain(secret);
});

test.concurrent("R30: deleting an account takes the password, ends every session and leaves no trace of the person", async () => {
  const address = "leaver@example.com";
  const { session, userId } = await walk.activate(address);
  const other = await signInAs(address, "Other/1");
  await client.app.post("/account/request_password_link", { email: address });
  await client.drainMail();
  expect((await remove(session, "wrong wrong wrong")).body.code).toBe("incorrect_password");
  expect((await info(session)).status).toBe(200);
  const reply = await remove(session);
  expect([reply.status, reply.body]).toEqual([200, { success: true }]);
  expect(reply.headers.getSetCookie()[0]).toMatch(/Max-Age=0/);
  expect([(await info(session)).status, (await info(other)).status]).toEqual([401, 401]);
  const [left] = await stack.sql`select (select count(*)::int from users where id = ${userId}) as users,
    (select count(*)::int from mails where email_norm = ${address}) as mails,
    (select count(*)::int from account_links where email_norm = ${address}) as links,
    (select count(*)::int from tokens where key like ${`%:${address}`}) as codes`;
  expect(left).toEqual({ users: 0, mails: 0, links: 0, codes: 0 });
  expect((await walk.open(address)).code).toEqual(expect.any(String));
});

test("E-27: of the last two administrators who leave at once, one stays", async () => {
  const { email, password } = await client.command("app", "get_admin_credentials");
  const alone = await remove(walk.admin, password);
  expect([alone.status, alone.body.code]).toEqual([409, "last_administrator"]);
  const act = (action: string, args: object) =>
    client.app.post("/auth/actions", { action, arguments: { session_token: "", ...args } }, walk.admin);
  const begun = (await act("create_user_deletion", {})).body.values;
  const named = { user_deletion_token: begun.user_deletion_token };
  await act("verify_user_deletion_user_password", { ...named, password });
  expect((await act("complete_user_deletion", named)).body.error_code).toBe("internal_conflict");
  const second = await walk.activate("second-admin@example.com");
  await client.command("app", "grant_admin", { email: "second-admin@example.com" });
  const replies = await Promise.all([remove(walk.admin, password), remove(second.session)]);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
  const [admins] = await stack.sql`select count(*)::int as left from permissions where permission = 'admin'`;
  expect([admins?.left, email]).toEqual([1, expect.any(String)]);
  // The one who left was everybody's.
  walk = await createWalk(stack, client);
});
