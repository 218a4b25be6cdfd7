import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { Pool } from "undici";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { startAuthServer } from "../src/server.ts";
import { startTestServer, type TestServer } from "./harness.ts";
import { spawnServer, startServerProcess } from "./server-process.ts";
import { countOutcomes, outcome, signUp, startOver, succeed } from "./steps.ts";

let t: TestServer;

beforeAll(async () => {
  t = await startTestServer();
});
afterAll(() => t?.stop());

async function asAdministrator(statement: string): Promise<void> {
  const sql = postgres(inject("postgresUrl"), { max: 1, onnotice: () => undefined });
  await sql.unsafe(statement);
  await sql.end();
}

async function getStatus(port: number, path: string): Promise<number> {
  const pool = new Pool(`http://127.0.0.1:${port}`);
  const response = await pool.request({ method: "GET", path });
  await response.body.dump();
  await pool.destroy();
  return response.statusCode;
}

test("the process listens, answers, and ends with 0 on SIGTERM and SIGINT", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const server = await startServerProcess({ ...t.environment, LOG_LEVEL: "info" });
    expect(await getStatus(server.publicPort, "/alive")).toBe(200);
    expect(await getStatus(server.publicPort, "/ready")).toBe(200);
    expect(await getStatus(server.privatePort, "/alive")).toBe(401);
    expect(await server.end(signal)).toBe(0);
    for (const line of server.output().trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("message");
  }
});

test("settings that need attention are all named at once, and the process ends with 1", async () => {
  const { exited, output } = spawnServer({
    AUTH_PORT: "no port",
    AUTH_SECRET: "c2hvcnQ=",
    AUTH_PRIVATE_HOST: "0.0.0.0",
    AUTH_PASSWORD_HASH: "argon2id.1.64.1.32",
    AUTH_PASSWORD_MIN_LENGTH: "7",
    AUTH_USER_STORE: "local",
    AUTH_SESSION_EXPIRATION: "90 days",
    AUTH_CORS_ORIGINS: "https://a.example/path",
    TEST_MODE: "on",
    NODE_ENV: "production",
  });
  expect(await exited).toBe(1);
  for (const name of [
    "AUTH_PORT",
    "AUTH_SECRET",
    "AUTH_PRIVATE_HOST",
    "AUTH_PASSWORD_MIN_LENGTH",
    "AUTH_SESSION_EXPIRATION",
    "AUTH_CORS_ORIGINS",
    "AUTH_DATABASE_URL",
    "TEST_MODE",
  ])
    expect(output()).toContain(`- ${name}`);
});

test("a weak password hash is refused outside of TEST_MODE", async () => {
  const { exited, output } = spawnServer({ ...t.environment, TEST_MODE: "off" });
  expect(await exited).toBe(1);
  expect(output()).toContain("AUTH_PASSWORD_HASH is below OWASP's minimum");
});

test("a taken port is one line and exit code 1", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const { exited, output } = spawnServer({ ...t.environment, AUTH_PORT: String(port) });
  expect(await exited).toBe(1);
  expect(output().split("\n")[0]).toContain(`127.0.0.1:${port} is taken by another program; set AUTH_PORT`);
  taken.close();
});

test("a blocklist that is not there stops the start", async () => {
  const starting = startAuthServer({ ...t.environment, AUTH_PASSWORD_BLOCKLIST: "/nonexistent" });
  await expect(starting).rejects.toThrow("AUTH_PASSWORD_BLOCKLIST");
});

test("several instances that start on an empty database at once migrate it once, and wait for it to come up", async () => {
  const name = `late_${Date.now()}`;
  const url = new URL(t.databaseUrl);
  url.pathname = `/${name}`;
  const environment = { ...t.environment, AUTH_DATABASE_URL: url.href };
  const starting = Promise.all([1, 2, 3].map(() => startAuthServer(environment)));
  await sleep(500);
  await asAdministrator(`CREATE DATABASE ${name}`);
  const servers = await starting;
  for (const server of servers) expect(await getStatus(server.publicPort, "/ready")).toBe(200);
  await Promise.all(servers.map((server) => server.stop()));
  await asAdministrator(`DROP DATABASE ${name} WITH (FORCE)`);
});

test("G8: two instances share limits, objects and single use", async () => {
  await startOver(t);
  const second = await startAuthServer(t.environment);
  const pool = new Pool(`http://127.0.0.1:${second.privatePort}`);
  const other: TestServer = { ...t, invoke: async (action, args) => (await call(pool, action, args)) as never };
  await call(pool, "/command", { command: "set_clock", now: 1_790_000_000 });
  const either = (index: number) => (index % 2 ? t : other);
  const counts = await countOutcomes(20, (index) =>
    outcome(either(index), "create_signup", { email_address: "ada@example.com" }),
  );
  expect(counts).toEqual({ ok: 5, rate_limited: 15 });
  const { session_token } = await signUp(t, "bob@example.com");
  expect(await outcome(other, "get_session", { session_token })).toBe("ok");
  const ended = await countOutcomes(20, (index) => outcome(either(index), "delete_session", { session_token }));
  expect(ended).toEqual({ ok: 1, invalid_session_token: 19 });
  await pool.destroy();
  await second.stop();
});

async function call(pool: Pool, action: string, args: object): Promise<unknown> {
  const isCommand = action.startsWith("/");
  const { body } = await pool.request({
    method: "POST",
    path: isCommand ? action : "/",
    headers: { authorization: `Bearer ${t.environment.INTERNAL_SECRET}` },
    body: JSON.stringify(isCommand ? args : { action, arguments: args }),
  });
  return body.json();
}

test("connections to PostgreSQL that are cut cost at most the requests under way", async () => {
  await startOver(t);
  const { session_token } = await signUp(t, "carol@example.com");
  for (let round = 0; round < 3; round++) {
    await asAdministrator(
      // Other files' servers have the same name, on databases of their own.
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'anteroom-auth' AND datname = '${new URL(t.databaseUrl).pathname.slice(1)}'`,
    );
    await expect.poll(() => outcome(t, "get_session", { session_token })).toBe("ok");
  }
  const { signin_token } = await succeed(t, "create_signin", { user_email_address: "carol@example.com" });
  expect(signin_token).toBeTruthy();
});

test("while PostgreSQL cannot be reached, actions are internal_error and GET /ready says why", async () => {
  const name = `gone_${Date.now()}`;
  await asAdministrator(`CREATE DATABASE ${name}`);
  const url = new URL(t.databaseUrl);
  url.pathname = `/${name}`;
  const server = await startAuthServer({ ...t.environment, AUTH_DATABASE_URL: url.href });
  await asAdministrator(`DROP DATABASE ${name} WITH (FORCE)`);
  const pool = new Pool(`http://127.0.0.1:${server.publicPort}`);
  const ready = await pool.request({ method: "GET", path: "/ready" });
  expect([ready.statusCode, await ready.body.json()]).toEqual([
    503,
    { database: false, migrations: false, app_server: true },
  ]);
  const token = `${"a".repeat(24)}.${"b".repeat(24)}`;
  const answer = await call(pool, "get_session", { session_token: token });
  expect(answer).toMatchObject({ ok: false, error_code: "internal_error" });
  await pool.destroy();
  await server.stop();
});
