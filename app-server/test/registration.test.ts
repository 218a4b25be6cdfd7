import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const request = (body: unknown, headers?: Record<string, string>) =>
  client.app.post("/auth/request_registration", body, headers);

async function countRows(): Promise<number> {
  const [row] = await stack.sql`select count(*)::int as rows from registration_state`;
  return row?.rows;
}

async function listed(address: string) {
  const { body } = await client.app.get("/admin/list_newusers/", walk.admin);
  return body.filter((row: { email: string }) => row.email === address);
}

test("D-1, D-3, D-10: a request stores a pending row, answers with exactly three keys and mails nobody", async () => {
  const reply = await request({ email: "one@example.com", firstname: "Ada", lastname: "Lovelace" });
  expect(reply.status).toBe(200);
  expect(Object.keys(reply.body)).toEqual(["success", "message", "registration_token"]);
  expect(await listed("one@example.com")).toEqual([
    expect.objectContaining({ email: "one@example.com", firstname: "Ada", lastname: "Lovelace", accepted: false }),
  ]);
  expect(await walk.mailsTo("one@example.com")).toEqual([]);
});

test("D-1: names may be left out and are empty then", async () => {
  await request({ email: "nameless@example.com" });
  expect(await listed("nameless@example.com")).toEqual([
    expect.objectContaining({ firstname: "", lastname: "", accepted: false }),
  ]);
});

test("D-2: a thousand requests bring a thousand different tokens of 43 characters", async () => {
  const tokens = new Set<string>();
  for (let round = 0; round < 10; round++) {
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, index) => request({ email: `many${round}-${index}@example.com` })),
    );
    for (const { body } of replies) tokens.add(body.registration_token);
  }
  expect(tokens.size).toBe(1000);
  expect([...tokens].every((token) => /^[\w-]{43}$/.test(token))).toBe(true);
});

test("D-6: malformed requests are 400, unknown paths 404, other methods 405, OPTIONS 204; no row appears", async () => {
  const before = await countRows();
  const invalid = /^Invalid request: /;
  const path = "/auth/request_registration";
  for (const body of ["", "{", "[]", "null", '"text"', "1", '{"email": "a@example.com",}']) {
    const reply = await client.app.raw(path, { method: "POST", body });
    expect([reply.status, reply.body.error], body).toEqual([400, expect.stringMatching(invalid)]);
  }
  for (const body of [{}, { email: "" }, { email: null }, { mail: "a@example.com" }]) {
    const reply = await request(body);
    expect([reply.status, reply.body.error]).toEqual([400, "Missing email"]);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
  }
  for (const method of ["GET", "PUT", "PATCH", "DELETE"])
    expect((await client.app.raw(path, { method })).status, method).toBe(405);
  expect((await client.app.raw("/auth/request_registration/", { method: "POST" })).status).toBe(404);
  expect((await client.app.raw("/nowhere", { method: "POST" })).body).toMatchObject({ code: "not_found" });
  expect((await client.app.raw(path, { method: "OPTIONS" })).status).toBe(204);
  expect(await countRows()).toBe(before);
});

test.each([
  ["no address at all", { email: "somebody" }],
  ["a second @", { email: "a@b@example.com" }],
  ["nothing before the @", { email: "@example.com" }],
  ["a space inside", { email: "a b@example.com" }],
  ["a header behind it", { email: "a@example.com\r\nBcc: b@example.com" }],
  ["a line end behind it", { email: "a@example.com\n" }],
  ["a NUL", { email: "a\u0000@example.com" }],
  ["letters beyond ASCII", { email: "ä@example.com" }],
  ["101 characters", { email: `${"a".repeat(89)}@example.com` }],
  ["255 characters", { email: `${"a".repeat(243)}@example.com` }],
  ["a number as address", { email: 5 }],
  ["an object as address", { email: { $ne: "" } }],
  ["a first name of 101", { email: "long@example.com", firstname: "n".repeat(101) }],
  ["a last name of 101", { email: "long@example.com", lastname: "n".repeat(101) }],
  ["a line break in a name", { email: "long@example.com", firstname: "Ada\r\nBcc: b@example.com" }],
  ["a NUL in a name", { email: "long@example.com", lastname: "a\u0000" }],
  ["a list as name", { email: "long@example.com", lastname: ["a"] }],
])("S-24: %s is refused with 422 and names the field", async (_, body) => {
  const before = await countRows();
  const reply = await request(body);
  expect(reply.status).toBe(422);
  const field = Object.keys(body).at(-1);
  expect(reply.body).toMatchObject({
    code: "invalid_field",
    errors: expect.arrayContaining([expect.objectContaining({ field })]),
  });
  expect(await countRows()).toBe(before);
});

test("S-24: 100 characters fit, for address and names", async () => {
  const email = `${"a".repeat(88)}@example.com`;
  const reply = await request({ email, firstname: "n".repeat(100), lastname: "é".repeat(100) });
  expect(reply.status).toBe(200);
});

test("S-24: a body over 16 kB is 413, with and without a stated length; nothing is stored", async () => {
  const before = await countRows();
  const body = JSON.stringify({ email: "big@example.com", firstname: "n", padding: "x".repeat(16 * 1024) });
  const path = "/auth/request_registration";
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.from(body));
      controller.close();
    },
  });
  const replies = [
    await client.app.raw(path, { method: "POST", body }),
    await client.app.raw(path, { method: "POST", body: stream, duplex: "half" } as RequestInit),
  ];
  for (const reply of replies) {
    expect(reply.status).toBe(413);
    expect(reply.body).toMatchObject({ code: "body_too_large" });
  }
  expect(await countRows()).toBe(before);
});

test("D-8: a second request for a waiting address changes nothing", async () => {
  await client.register("twice@example.com", { firstname: "First", lastname: "Asker" });
  const before = await walk.rows("twice@example.com");
  const second = await request({ email: "twice@example.com", firstname: "Second", lastname: "Asker" });
  expect(second.status).toBe(200);
  expect(await walk.rows("twice@example.com")).toEqual(expect.arrayContaining(before));
  expect(await walk.states("twice@example.com")).toEqual(["DECOY", "REQUESTED"]);
  expect(await listed("twice@example.com")).toEqual([expect.objectContaining({ firstname: "First" })]);
});

test("D-8: a second request for an approved address leaves approval, sign-up and code as they are", async () => {
  const { token, code } = await walk.open("approved@example.com");
  const before = await walk.rows("approved@example.com");
  const second = await client.register("approved@example.com");
  expect(await walk.rows("approved@example.com")).toEqual(expect.arrayContaining(before));
  expect((await client.status(second)).body).toMatchObject({ accepted: false, signup_token: null });
  const { body } = await client.status(token);
  expect((await client.completeSignup(body.signup_token, code)).ok).toBe(true);
});

test("D-7: for a user's address the answer is the same, the token a decoy's, and the owner gets one mail", async () => {
  await walk.activate("member@example.com");
  const before = (await walk.mailsTo("member@example.com")).length;
  const first = await request({ email: "member@example.com", firstname: "X", lastname: "Y" });
  const second = await request({ email: "Member@Example.com" });
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(Object.keys(first.body)).toEqual(["success", "message", "registration_token"]);
  expect((await client.status(first.body.registration_token)).body).toEqual({
    email: "member@example.com",
    accepted: false,
    signup_token: null,
  });
  expect(await listed("member@example.com")).toEqual([]);
  const mails = (await walk.mailsTo("member@example.com")).slice(before);
  expect(mails.map(({ type, code, link }) => [type, code, link])).toEqual([
    ["registration_hint", undefined, undefined],
  ]);
});

test.each([
  [" A.Variant@Example.com ", "a.variant@example.COM"],
  ["\u00a0tab@example.com\u00a0", "TAB@example.com"],
])("D-9, S-23: %j and %j are one address, on every endpoint", async (first, second) => {
  const address = first.trim().toLowerCase();
  const token = await client.register(first);
  await client.register(second);
  expect(await walk.states(address)).toEqual(["DECOY", "REQUESTED"]);
  expect((await client.status(token)).body.email).toBe(address);
  expect((await walk.decide("accept_user", second)).status).toBe(200);
  const [mail] = await walk.mailsTo(address);
  const found = await client.app.post("/auth/lookup_registration", { email: first, code: mail?.code });
  expect(found.body).toEqual({ found: true, token });
  expect((await walk.decide("resend_signup_email", second)).status).toBe(200);
  expect((await walk.decide("reject_user", second)).status).toBe(409);
  expect((await client.command("app", "get_token", { action: "signup_verification", email: second })).found).toBe(true);
});

test("S-8, S-23: the database itself allows one live registration and one user for an address", async () => {
  await client.register("unique@example.com");
  await expect(
    stack.sql`insert into registration_state (id, token_hash, email, state, created_at, expires_at)
      select 'another', 'another'::bytea, email, state, created_at, expires_at from registration_state
      where email = 'unique@example.com'`,
  ).rejects.toThrow("registration_state_live_email");
  await expect(
    stack.sql`insert into users select 'another', email, email_norm, firstname, lastname, password_hash,
      password_hash_algorithm_id, password_salt, disabled, 0, 0, 0, 0, created_at from users limit 1`,
  ).rejects.toThrow("users_email_norm_key");
});

test("S-49: ids are random; neither ids nor tokens say anything about the person or the order", async () => {
  const one = await walk.activate("grace.hopper@example.com");
  const two = await walk.activate("grace.hopper2@example.com");
  for (const id of [one.userId, two.userId]) expect(id).toMatch(/^[a-z2-9]{24}$/);
  const rows = await stack.sql<{ id: string }[]>`select id from registration_state`;
  for (const { id } of rows) expect(id).toMatch(/^[a-z2-9]{24}$/);
  expect(one.userId.slice(0, 4)).not.toBe(two.userId.slice(0, 4));
  expect(`${one.token}${two.token}`.toLowerCase()).not.toMatch(/grace|hopper|lovelace/);
});

test("D-7: with the compatible switch a known address is told so, as the Dodeka backend did, and nothing is kept", async () => {
  await client.register("waiting@example.com");
  const user = (await stack.sql`select email from users limit 1`)[0]?.email;
  await restartApp({ BACKEND_DUPLICATE_REPLY: "dodeka_400" });
  const before = await countRows();
  for (const [email, table] of [
    ["waiting@example.com", "newuser"],
    [user, "user"],
  ]) {
    const reply = await request({ email });
    expect([reply.status, reply.body.error]).toEqual([400, `User with e-mail already exists in ${table} table`]);
  }
  expect(await countRows()).toBe(before);
  await restartApp({ BACKEND_DUPLICATE_REPLY: "neutral" });
});

test("H6: what a browser remembers stands for the token it leaves out; it opens nothing else, and is cleared once it is over", async () => {
  const asked = await request({ email: "remembers@example.com" });
  const cookie = (asked.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  expect(cookie).toBe(`__Host-request=${asked.body.registration_token}`);
  const own = async () => client.app.get("/auth/own_request/", { cookie });
  expect((await own()).body).toEqual({
    request: { email: "remembers@example.com", created_at: expect.any(Number), stands: "waiting", usual_wait: null },
  });
  expect((await client.app.get("/auth/own_request/")).body).toEqual({ request: null });
  const bare = await client.app.post("/auth/registration_status", {});
  expect([bare.status, bare.body.error]).toEqual([400, "Missing registration_token"]);
  const decoy = await request({ email: "remembers@example.com" }, { cookie });
  expect([decoy.status, decoy.headers.get("set-cookie")]).toEqual([200, null]);
  const other = await request({ email: "others@example.com" }, { cookie });
  expect(other.headers.get("set-cookie")).toContain("__Host-request=");
  // Decided by people often enough, it tells in steps how long that takes.
  await stack.sql`insert into decisions (at, actor, actor_name, action, subject, requested_at)
    select extract(epoch from now())::int, 'x', 'x', 'accept', 'x@example.com', extract(epoch from now())::int - 7200
    from generate_series(1, 10)`;
  expect((await own()).body.request.usual_wait).toBe("day");
  expect((await client.app.post("/auth/withdraw_registration", {}, { cookie })).status).toBe(200);
  const over = await own();
  expect(over.body).toEqual({ request: null });
  expect(over.headers.get("set-cookie")).toMatch(/^__Host-request=; Max-Age=0/);
});

test("H8: a message to those who decide is kept where it is asked for, needed where it must be, and gone with the request", async () => {
  const waiting = async () => {
    const { body } = await client.app.get("/admin/registrations/?search=writes", walk.admin);
    return body.rows.map((row: { email: string; message: string }) => [row.email, row.message]);
  };
  await request({ email: "writes0@example.com", message: "Nobody asked." });
  await restartApp({ BACKEND_MESSAGE: "required" });
  const refused = await request({ email: "writes1@example.com", message: " \u200b\n " });
  expect([refused.status, refused.body.code, refused.body.errors[0].field]).toEqual([400, "missing_field", "message"]);
  expect((await request({ email: "writes1@example.com", message: "x".repeat(2_001) })).status).toBe(422);
  expect((await request({ email: "writes1@example.com", message: "a\u0000b" })).status).toBe(422);
  const { body } = await request({ email: "writes1@example.com", message: "  I know Ada.\nAnd <b>Grace</b>.  " });
  await request({ email: "writes1@example.com", message: "So do I." });
  expect(await waiting()).toEqual([
    ["writes0@example.com", null],
    ["writes1@example.com", "I know Ada.\nAnd <b>Grace</b>."],
  ]);
  const { rows } = (await client.app.get("/admin/registrations/?search=writes1", walk.admin)).body;
  expect(rows[0].alternatives).toEqual([expect.objectContaining({ message: "So do I." })]);
  const withdrawn = await client.app.post("/auth/withdraw_registration", {
    registration_token: body.registration_token,
  });
  expect(withdrawn.status).toBe(200);
  expect(await stack.sql`select 1 from newusers where message like 'I know%'`).toHaveLength(0);
  await restartApp({ BACKEND_MESSAGE: "off" });
});

async function restartApp(settings: Record<string, string>): Promise<void> {
  Object.assign(stack.env, settings);
  await stack.servers.app.stop();
  await stack.servers.app.start();
}
