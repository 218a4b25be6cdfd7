import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";

/**
 * Recordings of the user server that Faroe's author gives as the reference. Ours differs in two points, both on
 * purpose: a user is created only for an approved registration, and addresses are compared without regard to case.
 */
interface Recording {
  users: Record<string, string | number | boolean>[];
  cases: { name: string; steps: { request_body: string; expect: Expectation }[] }[];
}

type Expectation = { ok: boolean; values?: object; error_code?: string } | { invalid_request: true };

const file = new URL("./support/vectors/user-server.json", import.meta.url);
const recording: Recording = JSON.parse(readFileSync(file, "utf8"));

/** By case and step: what is answered here because addresses that differ in case alone are one. */
const caseBlind: Record<string, Expectation | "its user"> = {
  "create_user_used 1": { ok: false, error_code: "email_address_already_used" },
  "create_user_used 2": { ok: false, error_code: "email_address_already_used" },
  "create_user_keeps_case 2": "its user",
  "get_user_by_email_address 2": "its user",
};

let stack: Stack;
let client: Client;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
});

afterAll(() => stack?.stop());

beforeEach(async () => {
  await client.command("app", "reset");
  for (const user of recording.users) await insertUser(user);
});

async function insertUser(user: Recording["users"][number]): Promise<void> {
  const { password_hash, password_salt, email_address, display_name, ...columns } = user;
  const row: Record<string, string | number | boolean | Buffer> = {
    ...columns,
    email: String(email_address),
    email_norm: String(email_address).toLowerCase(),
    firstname: String(display_name),
    lastname: "",
    password_hash: Buffer.from(String(password_hash), "base64"),
    password_salt: Buffer.from(String(password_salt), "base64"),
    created_at: 1_700_000_000,
  };
  await stack.sql`insert into users ${stack.sql(row)}`;
}

/** What the recorded server does not ask for: an approved registration of the address. */
async function approve(body: string): Promise<void> {
  const email = /"create_user".*"email_address": "([^"]+)"/.exec(body)?.[1];
  if (email) await client.command("app", "prepare_user", { email });
}

async function invoke(body: string) {
  const reply = await fetch(`${stack.urls.appPrivate}/invoke`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` },
    body,
  });
  return { status: reply.status, body: await reply.json() };
}

/** `{"$match": "string"}` in a recording stands for any text. */
function toMatchers(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("$match" in value) return expect.any(String);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, toMatchers(member)]));
}

test("the recordings are all there", () => {
  expect(recording.cases).toHaveLength(20);
  expect(recording.cases.flatMap(({ steps }) => steps)).toHaveLength(89);
});

test.each(recording.cases)("D-46: /invoke answers as recorded: $name", async ({ name, steps }) => {
  for (const [index, { request_body, expect: recorded }] of steps.entries()) {
    await approve(request_body);
    const reply = await invoke(request_body);
    const expected = caseBlind[`${name} ${index}`] ?? recorded;
    if (expected === "its user") expect(reply.body, request_body).toMatchObject({ ok: true, values: { user: {} } });
    else if ("invalid_request" in expected) expect(reply.status, request_body).toBe(400);
    else
      expect([reply.status, reply.body], request_body).toEqual([
        200,
        { action_invocation_id: expect.any(String), ...(toMatchers(expected) as object) },
      ]);
  }
});

test("D-46: a user is created with the names of the registration, its counters at zero", async () => {
  await client.command("app", "prepare_user", { email: "new@example.com", names: ["Ada", "Lovelace"] });
  const { body } = await client.invoke("create_user", {
    email_address: "new@example.com",
    password_hash: "AAA=",
    password_hash_algorithm_id: "argon2id.3.65536.1.32",
    password_salt: "AAA=",
  });
  expect(body.values.user).toMatchObject({
    display_name: "Ada Lovelace",
    disabled: false,
    email_address_counter: 0,
    password_hash_counter: 0,
    disabled_counter: 0,
    sessions_counter: 0,
  });
});

test("D-46: twenty create_user at once for one approved address make one user", async () => {
  await client.command("app", "prepare_user", { email: "race@example.com" });
  const args = {
    email_address: "race@example.com",
    password_hash: "AAA=",
    password_hash_algorithm_id: "x",
    password_salt: "AAA=",
  };
  const replies = await Promise.all(Array.from({ length: 20 }, () => client.invoke("create_user", args)));
  expect(replies.filter(({ body }) => body.ok)).toHaveLength(1);
  const codes = new Set(replies.filter(({ body }) => !body.ok).map(({ body }) => body.error_code));
  expect([...codes]).toEqual(["email_address_already_used"]);
  expect(await stack.sql`select from users where email = 'race@example.com'`).toHaveLength(1);
});

test("D-46: twenty updates at once with one counter change one thing once", async () => {
  const replies = await Promise.all(
    Array.from({ length: 20 }, () =>
      client.invoke("increment_user_sessions_counter", { user_id: "u1", user_sessions_counter: 0 }),
    ),
  );
  expect(replies.filter(({ body }) => body.ok)).toHaveLength(1);
  const { body } = await client.invoke("get_user", { user_id: "u1" });
  expect(body.values.user.sessions_counter).toBe(1);
});

test("S-26: /invoke refuses what parsers read differently, NUL and oversized bodies, and changes nothing", async () => {
  const before = await stack.sql`select users::text from users order by id`;
  for (const body of [
    '{"action":"delete_user","action":"get_user","arguments":{"user_id":"u1"}}',
    '{"action":"delete_user","arguments":{"user_id":"u2","user_id":"u1"}}',
    '{"action":"delete_user","arguments":{"user_id":"\\ud800"}}',
    '{"action":"delete_user","arguments":{"user_id":"u1\\u0000"}}',
    '\ufeff{"action":"delete_user","arguments":{"user_id":"u1"}}',
    '{"action":"delete_user","arguments":{"user_id":"u1"}} x',
    '{"action":"constructor","arguments":{}}',
    '{"action":"__proto__","arguments":{}}',
    '{"action":"increment_user_sessions_counter","arguments":{"user_id":"u1","user_sessions_counter":true}}',
    '{"action":"increment_user_sessions_counter","arguments":{"user_id":"u1","user_sessions_counter":-1}}',
    '{"action":"increment_user_sessions_counter","arguments":{"user_id":"u1","user_sessions_counter":2147483648}}',
  ])
    expect((await invoke(body)).status, body).toBe(400);
  expect((await invoke(`{"action":"get_user","arguments":{"user_id":"${"u".repeat(17 * 1024)}"}}`)).status).toBe(413);
  expect(await stack.sql`select users::text from users order by id`).toEqual(before);
});
