import { afterAll, beforeAll, expect, test } from "vitest";
import { testCommands } from "../src/operations/test-commands.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";

let stack: Stack;
let client: Client;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
});

afterAll(() => stack?.stop());

const body = JSON.stringify({
  command: "reset",
  type: "password_updated",
  email: "x@example.com",
  action: "x",
  arguments: {},
});

const routes = [
  ["POST", "/email"],
  ["POST", "/invoke"],
  ["POST", "/command"],
  ["GET", "/metrics"],
  ["GET", "/nowhere"],
  ["OPTIONS", "/command"],
];

test.each(routes)(
  "S-26: %s %s is 401 without the secret and with a wrong one, and does nothing",
  async (method, path) => {
    await client.register("kept@example.com");
    const secret = stack.env.INTERNAL_SECRET ?? "";
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      `Bearer ${secret}x`,
      `Bearer ${secret.slice(0, -1)}`,
      `bearer ${secret}`,
      `Basic ${secret}`,
      secret,
    ]) {
      const reply = await fetch(stack.urls.appPrivate + path, {
        method: method ?? "",
        headers: authorization === undefined ? {} : { authorization },
        ...(method === "POST" ? { body } : {}),
      });
      expect(reply.status, String(authorization)).toBe(401);
      expect(await reply.text()).not.toContain(secret);
    }
    expect(await stack.sql`select from registration_state where email = 'kept@example.com'`).not.toHaveLength(0);
  },
);

test("S-31: a mail that cannot be queued is 500, without its code in the answer or the log", async () => {
  const code = "SECRETCODE77";
  await stack.sql`alter table mails rename to mails_elsewhere`;
  const reply = await client.email({ type: "password_reset", email: "x@example.com", code });
  await stack.sql`alter table mails_elsewhere rename to mails`;
  expect(reply).toMatchObject({ status: 500, body: { success: false, error: expect.any(String) } });
  expect(JSON.stringify(reply.body)).not.toContain(code);
  expect(stack.servers.app.output()).not.toContain(code);
});

test("S-26: the private listener knows no CORS, and the public one none of its routes", async () => {
  const headers = { authorization: `Bearer ${stack.env.INTERNAL_SECRET}`, origin: stack.urls.app };
  for (const [method, path] of routes) {
    const reply = await fetch(stack.urls.appPrivate + path, { method: method ?? "", headers });
    expect([...reply.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  }
  for (const path of ["/email", "/invoke", "/command", "/metrics"]) {
    expect((await client.app.post(path, {}, { authorization: headers.authorization })).status).toBe(404);
    expect((await client.app.get(path, { authorization: headers.authorization })).status).toBe(404);
  }
});

test("S-26: with the secret, metrics are shown and the process is alive", async () => {
  const headers = { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` };
  const metrics = await fetch(`${stack.urls.appPrivate}/metrics`, { headers });
  expect(metrics.headers.get("content-type")).toContain("text/plain");
  expect(await metrics.text()).toContain("process_cpu_seconds_total");
  for (const url of [stack.urls.app, stack.urls.appPrivate])
    expect(await (await fetch(`${url}/alive`, { headers })).json()).toEqual({ status: "alive" });
  expect((await fetch(`${stack.urls.appPrivate}/alive`)).status).toBe(401);
  expect((await client.app.get("/ready")).body).toEqual({
    database: true,
    migrations: true,
    auth_server: true,
    mail_worker: true,
  });
});

test("S-26: unknown commands and wrong arguments are 400", async () => {
  expect(await client.command("app", "format_disk")).toEqual({ error: "unknown command" });
  for (const name of ["constructor", "__proto__", "toString", ""])
    expect(await client.command("app", name)).toEqual({ error: "unknown command" });
  expect((await client.command("app", "set_clock", { now: "soon" })).error).toContain("now");
  expect((await client.command("app", "accept", {})).error).toContain("email");
});

async function restartApp(testMode: "on" | "off"): Promise<void> {
  stack.env.TEST_MODE = testMode;
  await stack.servers.app.stop();
  await stack.servers.app.start();
}

test("S-26: outside TEST_MODE there is no test command, and the others are", async () => {
  await client.register("lasting@example.com");
  await restartApp("off");
  const names = Object.keys(testCommands(undefined as never, undefined as never));
  expect(names.sort()).toEqual([
    "advance_clock",
    "drain_mail",
    "get_admin_credentials",
    "get_token",
    "prepare_user",
    "release_clock",
    "reset",
    "set_clock",
  ]);
  const args = { now: 1, seconds: 1, action: "signup_verification", email: "x@example.com", names: [] };
  for (const name of names) expect(await client.command("app", name, args), name).toEqual({ error: "unknown command" });
  expect((await client.command("app", "list")).registrations).toEqual(expect.any(Array));
  expect(await stack.sql`select from registration_state`).not.toHaveLength(0);
  await restartApp("on");
});
