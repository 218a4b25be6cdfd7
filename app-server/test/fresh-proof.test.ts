import { afterAll, beforeAll, expect, test } from "vitest";
import { publicRoutes } from "../src/http/app.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

/** A tab, a link or a session acts only for the person it was made for, and what is grave asks for the password. */

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { AUTH_USER_CHECK_INTERVAL: "0s" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const quarter = 900;

const { post, get } = {
  post: (...args: Parameters<Client["app"]["post"]>) => client.app.post(...args),
  get: (path: string, session: object) => client.app.get(path, { ...session }),
};
const namesOf = async (session: object) => (await get("/auth/session_info/", session)).body.user?.firstname;

async function signIn(address: string) {
  return { cookie: await client.setSession(await client.signIn(address, goodPassword)) };
}

/** An administrator with a password that the test knows. */
async function administrator(address: string) {
  const { userId } = await walk.activate(address);
  await stack.sql`insert into permissions (user_id, permission, granted_by, granted_at)
    values (${userId}, 'admin', 'test', 0)`;
  return signIn(address);
}

test("acc F3: a page that shows Alice changes nothing of Bob's, whose cookie the browser has by now", async () => {
  const alice = await walk.activate("alice@example.com");
  const bob = await walk.activate("bob@example.com");
  const asAlice = { ...bob.session, "x-acting-as": alice.userId };
  const attempts: [string, object][] = [
    ["/account/profile", { firstname: "Alice", lastname: "A" }],
    ["/account/preferences/", { language: "nl" }],
    ["/account/change_email", { email: "alice2@example.com", password: goodPassword }],
    ["/account/cancel_email_change", {}],
    ["/account/confirm_email", { code: "ABCD2345" }],
    ["/account/end_other_sessions/", {}],
    ["/account/delete", { password: goodPassword }],
    ["/cookies/clear_session/", {}],
    ["/auth/actions", { action: "delete_session", arguments: {} }],
    ["/auth/actions", { action: "create_user_password_update", arguments: {} }],
    ["/admin/delete_user/", { user_id: alice.userId }],
  ];
  for (const [path, body] of attempts) {
    const refused = await post(path, body, asAlice);
    expect([path, refused.status, refused.body.code]).toEqual([path, 409, "another_person_signed_in"]);
  }
  expect(await namesOf(bob.session)).toBe("Ada");
  const own = { ...bob.session, "x-acting-as": bob.userId };
  expect((await post("/account/profile", { firstname: "Bob" }, own)).status).toBe(200);
  expect(await namesOf(bob.session)).toBe("Bob");
});

test("S-F15, R24: a session that is put into the cookie ends the one that was there", async () => {
  await walk.activate("twice@example.com");
  const first = await signIn("twice@example.com");
  const token = await client.signIn("twice@example.com", goodPassword);
  await post("/cookies/set_session/", { session_token: token }, first);
  expect((await get("/auth/session_info/", first)).status).toBe(401);
  const again = { cookie: `__Host-session=${token}` };
  expect((await post("/cookies/set_session/", { session_token: token }, again)).status).toBe(200);
  expect((await get("/auth/session_info/", again)).status).toBe(200);
});

test("S-F15, R29: all sessions of a person are ended with the password only", async () => {
  const { session } = await walk.activate("ends@example.com");
  const answer = await post("/auth/actions", { action: "delete_all_sessions", arguments: {} }, session);
  expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
  expect((await get("/auth/session_info/", session)).status).toBe(200);
});

test("S-F15: who switches notices of sign-ins off shows the password, and its owner is told by mail", async () => {
  const { session } = await walk.activate("quiet@example.com");
  const silence = { mail: { signin_notification: false } };
  await client.advanceClocks(quarter);
  const refused = await post("/account/preferences/", silence, session);
  expect([refused.status, refused.body.code]).toEqual([403, "password_needed"]);
  expect((await post("/account/preferences/", { language: "nl" }, session)).status).toBe(200);
  const wrong = await post("/account/preferences/", { ...silence, password: "not the password at all" }, session);
  expect(wrong.body.code).toBe("incorrect_password");
  expect((await walk.mailsTo("quiet@example.com")).some(({ type }) => type === "notices_off")).toBe(false);
  const done = await post("/account/preferences/", { ...silence, password: goodPassword }, session);
  expect(done.body.mail.signin_notification).toBe(false);
  expect((await walk.mailsTo("quiet@example.com")).at(-1)?.text).toContain("uitgezet");
  expect((await post("/account/preferences/", silence, session)).status).toBe(200);
});

test("S-F15: after 15 minutes an administrator shows the password for what destroys or grants, once", async () => {
  const { userId: user_id } = await walk.activate("member@example.com");
  const first = await administrator("grave@example.com");
  await client.advanceClocks(quarter - 60);
  const grant = { user_id, permission: "editor" };
  expect((await post("/admin/add_permission/", grant, first)).status).toBe(200);
  await client.advanceClocks(60);
  const grave = { email: "waiting@example.com", decision: "accept", emails: ["waiting@example.com"], ...grant };
  await client.register("waiting@example.com");
  for (const { path } of graveRoutes)
    expect([path, (await post(path, grave, first)).body.code]).toEqual([path, "password_needed"]);
  expect(await walk.states("waiting@example.com")).toEqual(["REQUESTED"]);
  const wrong = await post("/admin/delete_user/", { user_id, password: "not the password at all" }, first);
  expect([wrong.status, wrong.body.code, wrong.headers.getSetCookie()]).toEqual([403, "incorrect_password", []]);
  const proven = await post("/admin/remove_permission/", { ...grant, password: goodPassword }, first);
  expect(proven.status).toBe(200);
  const proof = (proven.headers.getSetCookie()[0] ?? "").split(";")[0] ?? "";
  const remembered = { cookie: `${first.cookie}; ${proof}` };
  await client.advanceClocks(quarter - 60);
  expect((await post("/admin/disable_user/", { user_id }, remembered)).status).toBe(200);
  // The proof is one session's, for its time.
  await client.advanceClocks(60);
  expect((await post("/admin/delete_user/", { user_id }, remembered)).body.code).toBe("password_needed");
  const second = await signIn("grave@example.com");
  const again = await post("/admin/add_permission/", { ...grant, password: goodPassword }, second);
  const [others = ""] = again.headers.getSetCookie()[0]?.split(";") ?? [];
  const [, at = ""] = /=(\d+)\./.exec(others) ?? [];
  for (const forged of [others, proof.replace(/=\d+/, `=${at}`), `__Host-proof=${at}.`]) {
    const refused = await post("/admin/delete_user/", { user_id }, { cookie: `${first.cookie}; ${forged}` });
    expect([forged, refused.body.code]).toEqual([forged, "password_needed"]);
  }
  expect((await post("/admin/delete_user/", { user_id }, second)).status).toBe(200);
});

const changing = publicRoutes.filter(({ access, method }) => access === "admin" && method !== "GET");
const graveRoutes = changing.filter(({ needsProof }) => needsProof);

test("S-F15, S-50: whatever administrators change needs fresh proof, but for what neither destroys nor grants", () => {
  const harmless: Record<string, string> = {
    "/admin/accept_user/": "the desk's everyday work, one person a press, taken back by another",
    "/admin/delete_registration/": "one request, which may be made again",
    "/admin/approve_after_hold/": "the same some seconds later",
    "/admin/undo_batch/": "what one asked for oneself and nobody has begun with",
    "/admin/resend_signup_email/": "the same code to the same address",
    "/admin/reject_user/": "undone by another press; whoever was rejected is told so",
    "/admin/reopen_registration/": "waits for a decision",
    "/admin/end_sessions/": "the person signs in again",
    "/admin/mails/replay/": "the same mail to the same address",
    "/admin/mails/retry_deferred/": "mails that are on their way",
    "/admin/mails/clear_address/": "lets mails go to their address again",
  };
  const light = changing.filter(({ needsProof }) => !needsProof).map(({ path }) => path);
  expect(light.sort()).toEqual(Object.keys(harmless).sort());
  expect(graveRoutes.length).toBe(7);
});

test("S-50: a reset link that an administrator sends is told to all other administrators", async () => {
  const { userId: user_id } = await walk.activate("helped@example.com");
  const helper = await administrator("helper@example.com");
  await administrator("watcher@example.com");
  await post("/admin/send_reset_link/", { user_id }, helper);
  const told = (await walk.mailsTo("watcher@example.com")).at(-1);
  expect(told?.type).toBe("reset_link_sent");
  expect(told?.text).toContain("helped@example.com");
  expect((await walk.mailsTo("helper@example.com")).map(({ type }) => type)).not.toContain("reset_link_sent");
});
