import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { publicRoutes } from "../src/http/app.ts";
import type { Route } from "../src/http/serve.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;
let before: string;
let logged: number;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
  walk = await createWalk(stack, client);
  await walk.activate("user@example.com");
  await walk.open("open@example.com");
  await client.register("waiting@example.com");
});

afterAll(() => stack?.stop());

beforeEach(async () => {
  before = await everything();
  logged = stack.servers.app.output().length;
});

/** Bad input is the caller's fault: it changes nothing and is no error of the server's to be logged. */
afterEach(async () => {
  expect(await everything()).toBe(before);
  expect(stack.servers.app.output().slice(logged)).not.toMatch(/"level":(50|60)/);
});

/** All that the app server keeps, but for the counting of guesses. */
async function everything(): Promise<string> {
  const [row] = await stack.sql`select
    (select string_agg(t::text, ' ' order by id) from registration_state t) || (select string_agg(t::text, ' ' order by email) from newusers t) ||
    (select string_agg(t::text, ' ' order by id) from users t) || (select string_agg(t::text, ' ' order by key) from tokens t) ||
    (select count(*) from permissions) || (select count(*) from setup_links) || (select count(*) from mails) as rows`;
  expect(row?.rows).toEqual(expect.any(String));
  return row?.rows;
}

const posts = publicRoutes.filter(({ method }) => method === "POST");
const withBody = posts.filter(({ contract }) => contract.body);

const shapeOf = ({ contract }: Route) => contract.body?.shape ?? {};

/** Fields as they should be, but of nobody. */
const plausible: Record<string, unknown> = {
  email: "nobody@example.com",
  code: "ABCDEFGH",
  registration_token: "x".repeat(43),
  registration_id: "x",
  batch_id: "x",
  session_token: "x",
  setup_token: "x",
  token: "x".repeat(43),
  session_id: "x",
  password: "not anybody's password",
  firstname: "x",
  lastname: "x",
  user_id: "x",
  permission: "editor",
  language: "en",
  mail: {},
  id: "x",
  all: undefined,
  action: "get_session",
  arguments: {},
  decision: "accept",
  emails: ["nobody@example.com"],
  request_key: "x".repeat(22),
};

/** Where everything may be odd that is text, something else is made wrong, so that nothing comes of it. */
const spoilt: Record<string, object> = {
  "/auth/request_registration": { email: "no address" },
  "/account/request_password_link": { email: "no address" },
  "/account/preferences/": { language: "xx" },
  "/account/profile": { firstname: {}, lastname: {} },
  "/admin/decide_many/": { emails: [] },
};

const bodyOf = (route: Route, fields: object) => ({
  ...Object.fromEntries(Object.keys(shapeOf(route)).map((name) => [name, name in plausible ? plausible[name] : ""])),
  ...fields,
});

const cases = withBody.flatMap((route) =>
  Object.keys(shapeOf(route)).map((field) => ({ path: route.path, route, field })),
);

test.each(cases)("Bad input: $path refuses a $field of another kind", async ({ path, route, field }) => {
  const accepts = (value: unknown) => shapeOf(route)[field].safeParse(value).success;
  for (const value of [1, 0, true, false, {}, [], ["x"], { toString: "x" }].filter((value) => !accepts(value))) {
    const reply = await client.app.post(path, bodyOf(route, { [field]: value }), walk.admin);
    expect([reply.status, reply.body.code], `${field}: ${JSON.stringify(value)}`).toEqual([422, "invalid_field"]);
    expect(reply.body.errors).toEqual([{ field: expect.stringMatching(`^${field}\\b`), message: expect.any(String) }]);
  }
  const absent = await client.app.post(path, bodyOf(route, { [field]: null }), walk.admin);
  const { either } = route.contract;
  const others = either?.includes(field) ? either.filter((name) => name !== field) : undefined;
  const isNeeded = others ? others.every((name) => plausible[name] === undefined) : !accepts(undefined);
  expect(absent.status).toBe(isNeeded ? 400 : 422);
});

const odd = [
  "\u0000",
  "x\u0000y",
  "x\r\ny",
  "\ud800",
  "\u202etxt.exe",
  "__proto__",
  "' or 1=1 --",
  "%00",
  "{{ code }}",
  "😀".repeat(60),
  "x".repeat(5_000),
];

test.each(cases)("Bad input: $path stands an odd $field", async ({ path, route, field }) => {
  for (const value of odd) {
    const given = bodyOf(route, { ...spoilt[path], [field]: value });
    const reply = await client.app.post(path, given, walk.admin);
    expect(reply.status, JSON.stringify(value)).toBeLessThan(500);
    if (reply.status === 200) expect(reply.body).toEqual({ found: false });
    else expect(reply.headers.get("content-type")).toBe("application/problem+json");
  }
});

test.each(withBody)(
  "Bad input: $path takes nothing but a JSON object of its size",
  async ({ path, maxBody = 16_384 }) => {
    const send = (body: string | Buffer, more = {}) =>
      client.app.raw(path, { method: "POST", headers: { ...walk.admin, ...more }, body });
    for (const body of [
      "",
      " ",
      "{",
      "null",
      "[]",
      '"x"',
      "{'a':1}",
      '{"a":1,}',
      "email=x",
      Buffer.from([0xff, 0xfe, 0x7b]),
      "[".repeat(9_000),
    ]) {
      const reply = await send(body);
      expect([reply.status, reply.body.code], String(body).slice(0, 20)).toEqual([400, "invalid_request"]);
    }
    // The server does not read it to the end, so nothing can follow on this connection.
    const tooLarge = await send(JSON.stringify({ pad: "x".repeat(maxBody) }), { connection: "close" });
    expect(tooLarge.status).toBe(413);
  },
);

test("Bad input: members that belong to objects are not taken for fields", async () => {
  const body = '{"__proto__": {"email": "nobody@example.com"}, "constructor": {"email": "nobody@example.com"}}';
  const reply = await client.app.raw("/auth/request_registration", { method: "POST", body });
  expect([reply.status, reply.body.error]).toEqual([400, "Missing email"]);
});

test("Bad input: unknown paths and methods are 404, whatever they look like", async () => {
  for (const path of [
    "/web/nothing.js",
    "/web/..%2f..%2fpackage.json",
    "/auth",
    "/auth/",
    "//auth/session_info/",
    "/%00",
    "/%ff",
    "/../etc/passwd",
    `/${"x".repeat(4_000)}`,
  ]) {
    const reply = await client.app.get(path);
    expect([reply.status, reply.body.code], path.slice(0, 30)).toEqual([404, "not_found"]);
  }
  const isThere = (path: string, method: string) =>
    publicRoutes.some((route) => route.path === path && route.method === method);
  for (const { path } of publicRoutes)
    for (const other of ["GET", "POST", "PUT", "DELETE", "PATCH"].filter((method) => !isThere(path, method)))
      expect((await client.app.raw(path, { method: other })).status, `${other} ${path}`).toBe(405);
});

test("Bad input: odd cookies and queries are no sessions and no faults", async () => {
  for (const cookie of [
    "__Host-session=",
    "__Host-session=%00",
    "__Host-session=%ff",
    "=;;=",
    `__Host-session=${"x".repeat(4_000)}`,
  ]) {
    const reply = await client.app.get("/auth/session_info/", { cookie });
    expect([200, 401], cookie.slice(0, 30)).toContain(reply.status);
    expect(reply.body.user).toBeUndefined();
  }
  for (const state of ["", "DECOY", "requested", "%00", "' or 1=1", "REQUESTED&state=DECOY"]) {
    const reply = await client.app.get(`/admin/list_newusers/?state=${state}`, walk.admin);
    expect(reply.status === 200 ? state : reply.status, state).toBe(
      reply.status === 200 ? "REQUESTED&state=DECOY" : 422,
    );
  }
});

test("Bad input: what is no HTTP is answered 400 or cut off, and the server goes on", async () => {
  const { port } = new URL(stack.urls.app);
  for (const bytes of [
    "\u0000\u0001\u0002\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    `GET /${"x".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  ]) {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.end(bytes));
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("error", () => resolve(text));
      socket.on("close", () => resolve(text));
    });
    expect(answer, bytes.slice(0, 20)).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
  }
  expect((await client.app.get("/alive")).status).toBe(200);
});
