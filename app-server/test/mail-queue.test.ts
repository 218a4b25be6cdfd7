import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { measured } from "@anteroom/shared/testing/measured";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AppDatabase } from "../src/database/tables.ts";
import { settleMail } from "../src/mail/store.ts";
import { type Client, createClient } from "./support/client.ts";
import { type MailRelay, startMailRelay } from "./support/mail-relay.ts";
import { startMailWorker } from "./support/mail-worker.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { createServer } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";

/** How mails wait, who goes first, and what holds up whom. */

let relay: MailRelay;
let stack: ProxiedStack;
let client: Client;

beforeAll(async () => {
  relay = await startMailRelay();
  stack = await startProxiedStack({
    watchDatabases: true,
    env: {
      BACKEND_SMTP_SEND: "true",
      BACKEND_SMTP_HOST: "127.0.0.1",
      BACKEND_SMTP_PORT: String(relay.port),
      BACKEND_SMTP_TLS: "none",
      BACKEND_SMTP_SENDER_EMAIL: "anteroom@people.example",
      BACKEND_MAILS_PER_DOMAIN_PER_MINUTE: "120",
    },
  });
  client = createClient(stack);
});

afterAll(async () => {
  relay.script = undefined;
  await stack?.stop();
  relay?.close();
});

/** Seconds that the app server's clock is ahead. A server that starts has to be told: time never goes back. */
let ahead = 0;

async function advance(seconds: number): Promise<void> {
  ahead += seconds;
  await client.command("app", "advance_clock", { seconds });
}

const notice = (email: string) => client.email({ type: "password_updated", email });

async function statusOf(email: string) {
  const [row] = await stack.sql`select * from mails where email = ${email}`;
  return row;
}

const arrived = (email: string) => relay.recipients.filter((recipient) => recipient === email).length;

test("M-2, S-9: a relay that hangs holds up neither /email nor the mails to other domains", async () => {
  relay.script = ({ stage, recipient }) =>
    stage === "rcpt" && recipient.endsWith("@hangs.example") ? "hang" : undefined;
  for (let index = 0; index < 8; index++) await notice(`h${index}@hangs.example`);
  await waitUntil(
    async () => relay.steps.filter(({ recipient }) => recipient.endsWith("@hangs.example")).length,
    (steps) => steps > 0,
  );
  // The relay may hang for twenty seconds.
  const startedAt = Date.now();
  for (let index = 0; index < 5; index++) await notice(`o${index}@others.example`);
  expect(Date.now() - startedAt).toBeLessThan(patiently(5_000));
  await waitUntil(
    async () => relay.recipients.filter((recipient) => recipient.endsWith("@others.example")).length,
    (count) => count === 5,
  );
  expect(Date.now() - startedAt).toBeLessThan(patiently(10_000));
  expect(arrived("h0@hangs.example")).toBe(0);
  relay.script = undefined;
  relay.cut();
  // Those under way were dropped, which is a reason to try again.
  await client.drainMail();
  expect(await stack.sql`select from mails where status = 'deferred'`).not.toHaveLength(0);
  await advance(60);
  await client.drainMail();
  for (let index = 0; index < 8; index++) expect(arrived(`h${index}@hangs.example`)).toBe(1);
});

test("codes go before notices, and a domain that is out of pace holds up no other", async () => {
  const now = Date.now() / 1_000;
  await stack.sql`insert into rate_limits (kind, key, full_at) values ('mails', 'busy.example', ${now + 62})`;
  for (let index = 0; index < 6; index++) await notice(`n${index}@busy.example`);
  await client.email({ type: "password_reset", email: "code@busy.example", code: "ABCD2345EFGH" });
  await notice("free@free.example");
  await waitUntil(
    async () => arrived("free@free.example"),
    (count) => count === 1,
  );
  expect(relay.recipients.filter((recipient) => recipient.endsWith("@busy.example"))).toEqual([]);
  expect((await statusOf("n5@busy.example"))?.attempts).toBe(0);
  await client.drainMail();
  const busy = relay.recipients.filter((recipient) => recipient.endsWith("@busy.example"));
  expect(busy.toSorted()).toEqual(["code@busy.example", ...Array.from({ length: 6 }, (_, i) => `n${i}@busy.example`)]);
  expect(busy[0]).toBe("code@busy.example");
});

test("of one domain five are under way at once, over all workers, and the rest wait for them", async () => {
  relay.script = ({ stage, recipient }) =>
    stage === "rcpt" && recipient.endsWith("@slow.example") ? "hang" : undefined;
  const underWay = async () =>
    (await stack.sql`select from mails where claimed_by is not null and email like '%@slow.example'`).length;
  for (let index = 0; index < 9; index++) await notice(`s${index}@slow.example`);
  await waitUntil(underWay, (count) => count === 5);
  await notice("quick@elsewhere.example");
  await waitUntil(
    async () => arrived("quick@elsewhere.example"),
    (count) => count === 1,
  );
  expect(await underWay()).toBe(5);
  relay.script = undefined;
  relay.cut();
  await client.drainMail();
  await client.command("app", "advance_clock", { seconds: 60 });
  await client.drainMail();
  expect(relay.recipients.filter((recipient) => recipient.endsWith("@slow.example"))).toHaveLength(9);
});

test("only the worker that has taken a mail settles it", async () => {
  await notice("claimed@example.com");
  await client.drainMail();
  const { id } = (await statusOf("claimed@example.com")) as { id: string };
  await stack.sql`update mails set status = 'deferred', claimed_by = 'another', next_try_at = 99999999999 where id = ${id}`;
  const database = openDatabase<AppDatabase>({ url: stack.databases.app.url, poolSize: 1, applicationName: "test" });
  const settlement = { id, status: "accepted", reason: "", nextTryAt: null, now: 1 } as const;
  expect(await settleMail(database.db, { ...settlement, processName: "this one" })).toBe(false);
  expect(await statusOf("claimed@example.com")).toMatchObject({ status: "deferred", claimed_by: "another" });
  expect(await settleMail(database.db, { ...settlement, processName: "another" })).toBe(true);
  await database.close();
});

test("the code is sealed in the mail's row alone, bound to it, and gone once the mail is accepted", async () => {
  relay.script = ({ stage }) => (stage === "rcpt" ? { code: 451 } : undefined);
  for (const email of ["sealed@example.com", "other@example.com"])
    await client.email({ type: "password_reset", email, code: "ABCD2345EFGH" });
  await client.drainMail();
  const waiting = await statusOf("sealed@example.com");
  expect(waiting).toMatchObject({ status: "deferred", attempts: 1, sealed_code: expect.any(Uint8Array) });
  expect(JSON.stringify(waiting)).not.toContain("ABCD2345EFGH");
  // A sealed code that is moved to another mail does not open: that mail is not sent with it.
  await stack.sql`update mails set sealed_code = ${waiting?.sealed_code} where email = 'other@example.com'`;
  relay.script = undefined;
  await advance(60);
  await client.drainMail();
  expect(await statusOf("sealed@example.com")).toMatchObject({ status: "accepted", sealed_code: null, attempts: 2 });
  expect(await statusOf("other@example.com")).toMatchObject({ status: "deferred" });
  expect(arrived("other@example.com")).toBe(0);
  await stack.sql`delete from mails where email = 'other@example.com'`;
});

test("mails of a process that has ended are taken over within seconds, those of a living one never", async () => {
  relay.script = ({ stage }) => (stage === "rcpt" ? { code: 451 } : undefined);
  for (const name of ["orphan", "held"]) await notice(`${name}@example.com`);
  await client.drainMail();
  relay.script = undefined;
  const holder = postgres(stack.databases.app.url, { max: 1, connection: { application_name: "a living process" } });
  await holder`select`;
  await stack.sql`update mails set next_try_at = null,
    claimed_by = case email when 'held@example.com' then 'a living process' else 'a dead process' end
    where email in ('orphan@example.com', 'held@example.com')`;
  await notice("rings@example.com");
  await waitUntil(
    async () => arrived("orphan@example.com"),
    (count) => count === 1,
  );
  expect(arrived("held@example.com")).toBe(0);
  expect(await statusOf("held@example.com")).toMatchObject({ status: "deferred", claimed_by: "a living process" });
  await holder.end();
  const taken = await waitUntil(
    () => statusOf("held@example.com"),
    (row) => row?.status === "accepted",
  );
  expect([arrived("held@example.com"), taken?.interruptions]).toEqual([1, 1]);
});

test("nobody asks the database while nothing happens, and whoever waits is told at once", async () => {
  await client.drainMail();
  await stack.settle();
  // What is done once a minute may fall into the time that is looked at, but hardly thrice.
  await measured(async () => {
    stack.recorder.reset();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const asked = stack.recorder.seen.filter(({ link, phase }) => link === "app → database" && phase === "call");
    expect(asked.map(({ what }) => what)).toEqual([]);
  });
  await notice("told@example.com");
  await waitUntil(
    async () => arrived("told@example.com"),
    (count) => count === 1,
    10,
  );
});

test("a mail whose worker ended every time is given up and listed", async () => {
  relay.script = ({ stage }) => (stage === "rcpt" ? { code: 451 } : undefined);
  await notice("deadly@example.com");
  await client.drainMail();
  relay.script = undefined;
  await stack.sql`update mails set next_try_at = null, interruptions = 99, claimed_by = 'a dead process'
    where email = 'deadly@example.com'`;
  await notice("rings again@example.com");
  await waitUntil(
    () => statusOf("deadly@example.com"),
    (row) => row?.interruptions === 100,
  );
  await client.command("app", "advance_clock", { seconds: 0 });
  await client.drainMail();
  expect(await statusOf("deadly@example.com")).toMatchObject({ status: "failed" });
  expect(arrived("deadly@example.com")).toBe(0);
});

test("R45: mails are forgotten when their time is over; bounces that are still counted stay", async () => {
  await stack.sql`insert into mail_suppressions (email_norm, bounces, reason, suppressed_at, updated_at)
    values ('few@example.com', 1, 'x', null, 1), ('many@example.com', 3, 'x', 1, 1)`;
  await notice("old@example.com");
  await client.drainMail();
  await advance(30 * 86_400 + 1);
  expect(await stack.sql`select from mails`).toHaveLength(0);
  const left = await stack.sql`select email_norm from mail_suppressions`;
  expect(left.map(({ email_norm }) => email_norm)).toEqual(["many@example.com"]);
});

test("M-33: web and worker are separate processes: without a worker mails wait, and any two share them", async () => {
  const [port, privatePort] = await Promise.all([freePort(), freePort()]);
  const app = `http://127.0.0.1:${port}`;
  const env = { ...stack.env, BACKEND_PORT: String(port), BACKEND_PRIVATE_PORT: String(privatePort) };
  const web = createServer("app-server", { ...env, BACKEND_MAIL_WORKER: "off" }, `${app}/ready`);
  await stack.servers.app.stop();
  await web.start();
  const workers: ReturnType<typeof startMailWorker>[] = [];
  try {
    const ready = await fetch(`${app}/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([200, { mail_worker: "off" }]);
    const other = createClient({
      ...stack,
      urls: { ...stack.urls, app, appPrivate: `http://127.0.0.1:${privatePort}` },
    });
    const emails = Array.from({ length: 30 }, (_, index) => `m${index}@split${index % 5}.example`);
    for (const email of emails) expect((await other.email({ type: "password_updated", email })).status).toBe(200);
    const mailsThat = (status: string) =>
      stack.sql`select from mails where status = ${status} and email like '%@split%'`;
    expect(await mailsThat("queued")).toHaveLength(30);
    workers.push(startMailWorker(env), startMailWorker(env));
    await waitUntil(
      () => mailsThat("accepted"),
      (rows) => rows.length === 30,
    );
    for (const email of emails) expect(arrived(email), email).toBe(1);
  } finally {
    await Promise.all([web.stop(), ...workers.map((worker) => worker.stop())]);
    await stack.servers.app.start();
    await client.command("app", "advance_clock", { seconds: ahead });
  }
  expect(workers.map((worker) => /"level":50/.test(worker.output()))).toEqual([false, false]);
});
