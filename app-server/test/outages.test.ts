import { disturbDatabase } from "@anteroom/shared/testing/database";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createClient } from "./support/client.ts";
import { createServer, type RunningServer, readMails, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: ReturnType<typeof createClient>;
let walk: Walk;
let restore: (() => Promise<void>) | undefined;

beforeAll(async () => {
  // Every look at a session is a look at the user too, so that both databases are asked.
  stack = await startStack({ env: { AUTH_USER_CHECK_INTERVAL: "0s" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterEach(async () => {
  await restore?.();
  restore = undefined;
  await waitUntil(ready, (statuses) => statuses.every((status) => status === 200), 30);
});

afterAll(() => stack?.stop());

const ready = () =>
  Promise.all([stack.urls.auth, stack.urls.app].map((url) => fetch(`${url}/ready`).then(({ status }) => status)));

async function disturb(which: "auth" | "app", how: "away" | "read-only") {
  ({ restore } = await disturbDatabase(stack.databases[which], how));
}

for (const which of ["auth", "app"] as const) {
  test(`out 1: while the ${which} server's database is away nobody is signed out`, async () => {
    const { session } = await walk.activate(`stays-${which}@example.com`);
    await disturb(which, "away");
    for (const [cookie, get, path] of [
      [session, true, "/auth/session_info/"],
      [session, true, "/account/preferences/"],
      [walk.admin, true, "/admin/people/"],
      [session, false, "/cookies/clear_session/"],
    ] as const) {
      const reply = await (get ? client.app.get(path, cookie) : client.app.post(path, {}, cookie));
      expect([reply.status, reply.headers.get("retry-after")], path).toEqual([503, "5"]);
      expect(reply.headers.get("set-cookie"), path).toBeNull();
    }
    await restore?.();
    await waitUntil(ready, (statuses) => statuses.every((status) => status === 200), 30);
    expect((await client.app.get("/auth/session_info/", session)).body.user.email).toBe(`stays-${which}@example.com`);
    expect((await client.app.get("/admin/people/", walk.admin)).status).toBe(200);
  });
}

test("out 1: an approval, a status and a new session meet an outage as one, and work when it is over", async () => {
  const token = await client.register("patient@example.com");
  await client.app.post("/admin/accept_user/", { email: "patient@example.com" }, walk.admin);
  await walk.activate("twice@example.com");
  const other = await client.signIn("twice@example.com", goodPassword);
  await disturb("auth", "away");
  expect((await client.status(token)).status).toBe(503);
  expect((await client.app.post("/auth/renew_signup", { registration_token: token })).status).toBe(503);
  expect((await client.app.post("/cookies/set_session/", { session_token: other })).status).toBe(503);
  await restore?.();
  await waitUntil(ready, (statuses) => statuses.every((status) => status === 200), 30);
  expect((await client.status(token)).body.signup_token).not.toBeNull();
  expect((await client.app.post("/cookies/set_session/", { session_token: other })).status).toBe(200);
});

test("out 1, S-F15: what the auth server cannot read is the visitor's fault, not an outage", async () => {
  const reply = await client.app.post("/auth/actions", {
    action: "create_signin",
    arguments: { user_email_address: "\ud800@example.com" },
  });
  expect([reply.status, reply.body.code]).toEqual([400, "invalid_request"]);
});

for (const which of ["auth", "app"] as const) {
  test(`out 4: a ${which} server whose database is read-only is not ready, and says 503 to whoever writes`, async () => {
    await disturb(which, "read-only");
    const url = which === "auth" ? stack.urls.auth : stack.urls.app;
    const seen = await waitUntil(
      () =>
        fetch(`${url}/ready`).then(async (reply) => ({ status: reply.status, parts: (await reply.json()) as object })),
      ({ parts }) => "database" in parts && !parts.database,
    );
    expect(seen).toMatchObject({ status: 503, parts: { migrations: true } });
    if (which === "app") {
      const reply = await client.app.post("/auth/request_registration", { email: `ro@example.com` });
      expect([reply.status, reply.body.code]).toEqual([503, "database_unavailable"]);
    }
  });
}

test("out 2: app servers whose machines' clocks are two minutes apart undo no approval of each other", async () => {
  const ports = await Promise.all([freePort(), freePort()]);
  const ahead = "Date.now = ((real) => () => real() + 120_000)(Date.now)";
  const env = {
    ...stack.env,
    BACKEND_PORT: String(ports[0]),
    BACKEND_PRIVATE_PORT: String(ports[1]),
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(ahead)}`,
  };
  const url = `http://127.0.0.1:${ports[0]}`;
  const second: RunningServer = createServer("app-server", env, `${url}/ready`);
  await second.start();
  try {
    const people = Array.from({ length: 60 }, (_, index) => `clock${index}@example.com`);
    for (const email of people) await client.register(email);
    const statuses = await Promise.all(
      people.map(async (email, index) => {
        const reply = await fetch(`${index % 2 === 0 ? stack.urls.app : url}/admin/accept_user/`, {
          method: "POST",
          headers: { "content-type": "application/json", ...walk.admin },
          body: JSON.stringify({ email }),
        });
        return reply.status;
      }),
    );
    expect(statuses).toEqual(people.map(() => 200));
    const states = await stack.sql`select distinct state from registration_state where email = any(${people})`;
    expect(states.map(({ state }) => state)).toEqual(["OPEN"]);
    await client.drainMail();
    const mailed = (await readMails(stack)).filter(({ to }) => people.includes(to));
    expect(mailed).toHaveLength(people.length);
  } finally {
    await second.stop();
  }
});

test("out 5, set 4: after a newer version has migrated, this one starts again and is ready", async () => {
  await stack.sql`insert into kysely_migration (name, timestamp) values ('999-of-the-next-version', now()::text)`;
  await stack.servers.app.stop();
  await stack.servers.app.start();
  await waitUntil(ready, (statuses) => statuses.every((status) => status === 200));
  const parts = await fetch(`${stack.urls.app}/ready`).then((reply) => reply.json());
  expect(parts).toMatchObject({ migrations: true });
});

test("out 5: with another INTERNAL_SECRET on one side neither server is ready, and an approval fails at once", async () => {
  await stack.servers.auth.stop();
  const other = { ...stack.env, INTERNAL_SECRET: "a secret of forty characters that is another" };
  const stranger = createServer("auth-server", other, `${stack.urls.auth}/alive`);
  await stranger.start();
  try {
    expect(await ready()).toEqual([503, 503]);
    await client.register("mismatch@example.com");
    const startedAt = Date.now();
    const answer = await client.command("app", "accept", { email: "mismatch@example.com" });
    expect(answer).toMatchObject({ error: "Faroe signup failed" });
    expect(Date.now() - startedAt).toBeLessThan(patiently(10_000));
    expect(await walk.states("mismatch@example.com")).toEqual(["REQUESTED"]);
    expect(stack.servers.app.output()).toContain("refuses our INTERNAL_SECRET");
  } finally {
    await stranger.stop();
    await stack.servers.auth.start();
  }
});
