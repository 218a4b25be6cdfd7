import { connect } from "node:net";
import { Readable } from "node:stream";
import { authActions, faroeActions } from "@anteroom/shared/wire/faroe";
import { Pool } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { servedActions } from "../src/http/invoke.ts";
import { internalSecret, post, request, startTestServer, type TestServer } from "./harness.ts";
import { startOver } from "./steps.ts";

const ours = "http://127.0.0.1:12780";
const authorization = `Bearer ${internalSecret}`;

let t: TestServer;

beforeAll(async () => {
  t = await startTestServer();
});
afterAll(() => t?.stop());
beforeEach(() => startOver(t));

function toPublic(body: string | Buffer | null, headers: Record<string, string> = {}) {
  return request(t.public, "POST", "/", body, headers);
}

test("GET /alive and GET /ready say that all is well", async () => {
  const alive = await request(t.public, "GET", "/alive", null, {});
  expect([alive.status, alive.text]).toEqual([200, '{"status":"alive"}']);
  const ready = await request(t.public, "GET", "/ready", null, {});
  expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { database: true, migrations: true, app_server: true }]);
});

test.each([
  ["GET", "/"],
  ["HEAD", "/"],
  ["HEAD", "/openapi.json"],
  ["PUT", "/"],
  ["PATCH", "/"],
  ["DELETE", "/"],
  ["POST", "/alive"],
  ["GET", "/alive/"],
  ["GET", "/metrics"],
  ["POST", "/command"],
  ["POST", "/nope"],
  ["POST", "//"],
])("the public listener has nothing at %s %s", async (method, path) => {
  const { status, text } = await request(t.public, method, path, null, {});
  expect(status).toBe(404);
  if (method !== "HEAD") expect(JSON.parse(text).error_code).toBe("not_found");
});

test("acc F13: load balancers may look by HEAD", async () => {
  for (const path of ["/alive", "/ready"]) {
    const { status, text } = await request(t.public, "HEAD", path, null, {});
    expect([path, status, text]).toEqual([path, 200, ""]);
  }
});

test("S-F15: answers that hold tokens are kept by no cache and taken for nothing else", async () => {
  const body = JSON.stringify({ action: "create_signin", arguments: { user_email_address: "ada@example.com" } });
  const answers = [
    await request(t.public, "POST", "/", body, {}),
    await request(t.public, "POST", "/", "nonsense", {}),
  ];
  for (const { headers } of answers)
    expect(headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
  expect(answers[0]?.headers["strict-transport-security"]).toBeUndefined();
});

test("OPTIONS is answered with 204 everywhere", async () => {
  for (const path of ["/", "/alive", "/nope"]) {
    const { status, text } = await request(t.public, "OPTIONS", path, null, { origin: ours });
    expect([status, text]).toEqual([204, ""]);
  }
});

test("CORS: only configured origins are named, and never with credentials", async () => {
  const body = '{"action":"get_session","arguments":{"session_token":"x"}}';
  const good = await toPublic(body, { origin: ours });
  expect(good.headers).toMatchObject({ "access-control-allow-origin": ours, vary: "Origin" });
  expect(good.headers["access-control-allow-credentials"]).toBeUndefined();
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:12781", `${ours}.evil.example`]) {
    const bad = await toPublic(body, { origin });
    expect(bad.headers["access-control-allow-origin"]).toBeUndefined();
    expect(bad.headers.vary).toBe("Origin");
  }
});

test("an answer is JSON with exactly the members of Faroe's, in its order", async () => {
  const failure = await toPublic('{"action":"get_session","arguments":{"session_token":"x"}}');
  expect(failure.headers["content-type"]).toBe("application/json");
  expect(failure.text).toMatch(
    /^\{"ok":false,"action_invocation_id":"[a-km-np-z2-9]{24}","error_code":"invalid_session_token"\}$/,
  );
  const success = await toPublic('{"action":"create_signin","arguments":{"user_email_address":"a@example.com"}}');
  expect(success.text).toMatch(/^\{"ok":true,"action_invocation_id":"[a-km-np-z2-9]{24}","values":\{"signin":\{/);
});

const token = '"session_token":"x"';
test.each([
  ["nothing", ""],
  ["no JSON", "hello"],
  ["an array", "[]"],
  ["no action", `{"arguments":{${token}}}`],
  ["an action of another type", `{"action":["get_session"],"arguments":{${token}}}`],
  ["an unknown action", `{"action":"get_Session","arguments":{${token}}}`],
  ["a member of Object's prototype as action", `{"action":"constructor","arguments":{${token}}}`],
  ["no arguments", '{"action":"get_session"}'],
  ["arguments of another type", '{"action":"get_session","arguments":"x"}'],
  ["a missing argument", '{"action":"get_session","arguments":{}}'],
  ["an argument that is null", '{"action":"get_session","arguments":{"session_token":null}}'],
  ["an argument that is a number", '{"action":"get_session","arguments":{"session_token":1}}'],
  ["an argument that is an array", '{"action":"get_session","arguments":{"session_token":["x"]}}'],
  ["an argument twice", `{"action":"get_session","arguments":{${token},${token}}}`],
  ["the action twice", `{"action":"get_session","action":"get_session","arguments":{${token}}}`],
  ["a comma too many", `{"action":"get_session","arguments":{${token},}}`],
  ["a byte order mark", `\uFEFF{"action":"get_session","arguments":{${token}}}`],
  ["something behind it", `{"action":"get_session","arguments":{${token}}} x`],
  ["brackets without end", `{"action":"get_session","arguments":{${token}},"x":${"[".repeat(8_000)}`],
])("int 4: not an invocation: %s → 400, in the form of every refusal", async (_, body) => {
  const { status, text } = await toPublic(body);
  expect([status, JSON.parse(text)]).toEqual([
    400,
    { ok: false, action_invocation_id: expect.any(String), error_code: "invalid_request" },
  ]);
  expect(t.app.calls).toEqual([]);
});

test("S-24: a body over 16 kB is refused with 413, announced or not, and one of 16 kB is read", async () => {
  const start = '{"action":"get_session","arguments":{"session_token":"';
  const fill = (size: number) => `${start}${"x".repeat(size - start.length - 3)}"}}`;
  expect((await toPublic(fill(16 * 1024))).status).toBe(200);
  expect((await toPublic(fill(16 * 1024 + 1))).status).toBe(413);
  const streamed = await t.public.request({ method: "POST", path: "/", body: Readable.from(chunks(40)) });
  await streamed.body.dump();
  expect(streamed.statusCode).toBe(413);
  expect((await post(t.private, "/", fill(20_000))).status).toBe(413);
  expect((await post(t.private, "/command", fill(20_000))).status).toBe(413);
  expect((await toPublic(fill(1000))).status).toBe(200);
});

async function* chunks(kilobytes: number) {
  for (let kilobyte = 0; kilobyte < kilobytes; kilobyte++) yield Buffer.alloc(1024, "x");
}

test("bytes that are no HTTP request do not disturb the server", async () => {
  await new Promise<void>((resolve) => {
    const socket = connect(t.server.publicPort, "127.0.0.1", () => socket.end("hello\r\n\r\n"));
    socket.resume().on("close", resolve);
  });
  expect((await request(t.public, "GET", "/alive", null, {})).status).toBe(200);
});

test("S-4: the public listener does not serve create_signup: 400, no mail, no row, no token spent", async () => {
  const body = '{"action":"create_signup","arguments":{"email_address":"a@example.com"}}';
  for (let time = 0; time < 6; time++) expect((await toPublic(body)).status).toBe(400);
  expect(t.app.calls).toEqual([]);
  for (let time = 0; time < 5; time++)
    expect((await t.invoke("create_signup", { email_address: "a@example.com" })).ok).toBe(true);
});

test("our own actions are not on the public listener either", async () => {
  const body = '{"action":"create_sibling_signup","arguments":{"signup_token":"x"}}';
  expect((await toPublic(body)).status).toBe(400);
  expect((await post(t.private, "/", body)).status).toBe(200);
});

test("actions that are not built yet are unknown on both listeners", async () => {
  for (const action of Object.keys(faroeActions).filter((name) => !servedActions.some((served) => served === name))) {
    const args = Object.fromEntries(faroeActions[action as "get_session"].arguments.map((name) => [name, "x"]));
    expect((await post(t.private, "/", { action, arguments: args })).status).toBe(400);
  }
});

test("every served action refuses each missing argument, and tokens that were never issued", async () => {
  for (const action of servedActions) {
    const names: readonly string[] = authActions[action].arguments;
    const args = Object.fromEntries(names.map((name) => [name, "x"]));
    for (const missing of names) {
      const { [missing]: _, ...rest } = args;
      expect((await post(t.private, "/", { action, arguments: rest })).status).toBe(400);
    }
    if (names.length === 0) continue;
    const answer = await t.invoke(action, args);
    expect([action, answer.error_code]).toEqual([action, expect.stringMatching(/^invalid_/)]);
  }
});

const privateRoutes = [
  ["POST", "/"],
  ["POST", "/command"],
  ["GET", "/metrics"],
  ["GET", "/alive"],
  ["GET", "/nope"],
] as const;

test.each(privateRoutes)("S-26: the private listener wants the internal secret at %s %s", async (method, path) => {
  const body = method === "POST" ? "{}" : null;
  for (const header of ["", "Bearer x", internalSecret, `${authorization} x`, `Basic ${internalSecret}`])
    expect((await request(t.private, method, path, body, { authorization: header })).status).toBe(401);
  expect((await request(t.private, method, path, body, {})).status).toBe(401);
  expect((await request(t.private, method, path, body, { authorization })).status).not.toBe(401);
});

test.each(privateRoutes)("S-26: the private listener serves no browser at %s %s", async (method, path) => {
  const body = method === "POST" ? "{}" : null;
  const { status, headers } = await request(t.private, method, path, body, { authorization, origin: ours });
  expect(status).toBe(403);
  expect(headers["access-control-allow-origin"]).toBeUndefined();
});

test("GET /metrics counts invocations by outcome, for Prometheus", async () => {
  await t.invoke("get_session", { session_token: "x" });
  const { status, text, headers } = await request(t.private, "GET", "/metrics", null, { authorization });
  expect(status).toBe(200);
  expect(headers["content-type"]).toContain("text/plain");
  expect(text).toMatch(/auth_invocations_total\{action="get_session",outcome="invalid_session_token"\} \d+/);
  expect(text).toContain('auth_invocation_seconds_count{action="get_session"}');
});

test("POST /command answers 400 to what it does not know", async () => {
  expect(await post(t.private, "/command", "{")).toMatchObject({ status: 400, text: '{"error":"invalid json"}' });
  for (const body of [{}, [], { command: "explode" }, { command: "set_clock" }, { command: "set_clock", now: "x" }])
    expect(await t.command(body)).toMatchObject({ status: 400, text: '{"error":"unknown command"}' });
  expect(await t.command({ command: "release_clock" })).toMatchObject({ status: 200, text: '{"success":true}' });
});

test("S-26: outside of TEST_MODE the test commands are unknown, revoke_user_sessions is not", async () => {
  const plain = await startTestServer({ TEST_MODE: "off", AUTH_PASSWORD_HASH: "argon2id.2.19456.1.32" });
  for (const body of [
    { command: "reset" },
    { command: "set_clock", now: 1 },
    { command: "advance_clock", seconds: 1 },
    { command: "release_clock" },
  ])
    expect(await plain.command(body)).toMatchObject({ status: 400, text: '{"error":"unknown command"}' });
  expect((await plain.command({ command: "revoke_user_sessions", user_id: "x" })).status).toBe(200);
  await plain.stop();
});

test("without an internal secret the private listener serves everybody on this machine", async () => {
  const open = await startTestServer({ INTERNAL_SECRET: "" });
  const pool = new Pool(`http://127.0.0.1:${open.server.privatePort}`);
  const reply = await request(
    pool,
    "POST",
    "/",
    '{"action":"create_signup","arguments":{"email_address":"a@b.c"}}',
    {},
  );
  expect(reply.status).toBe(200);
  expect(open.app.authorizations).toEqual(new Set([undefined]));
  await pool.destroy();
  await open.stop();
});

test("S-9: calls to the app server carry the internal secret", async () => {
  await t.invoke("create_signup", { email_address: "a@example.com" });
  expect(t.app.calls).toEqual(["get_user_by_email_address", "signup_verification"]);
  expect(t.app.authorizations).toEqual(new Set([authorization]));
});
