import { randomBytes } from "node:crypto";
import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { createTestDatabase, type TestDatabase } from "@anteroom/shared/testing/database";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import { sql } from "kysely";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AppDatabase } from "../src/database/tables.ts";
import { migrate } from "../src/migrate.ts";
import { leaveJob, takeJob } from "../src/operations/job-store.ts";
import { tellApprovers } from "../src/registration/approvers.ts";
import { type AppServer, startAppServer } from "../src/server.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase("app", migrate);
});

afterAll(() => database?.drop());

/** A process is what its connections are called. */
async function startProcess(processName: string) {
  const { db, close } = openDatabase<AppDatabase>({ url: database.url, poolSize: 1, applicationName: processName });
  await sql`select`.execute(db);
  return { db, processName, close };
}

type Process = Awaited<ReturnType<typeof startProcess>>;

const take = (process: Process, name: string) => takeJob(process.db, { ...process, name });

test("of several processes one does a job at a time; when it is done or its process has ended, another one may", async () => {
  const processes = await Promise.all(Array.from({ length: 8 }, (_, index) => startProcess(`process ${index}`)));
  const [first, second] = processes as [Process, Process];
  try {
    const taken = await Promise.all(processes.map((process) => take(process, "contended")));
    expect(taken.filter(Boolean)).toHaveLength(1);

    expect(await take(first, "purge")).toBe(true);
    expect(await take(second, "purge")).toBe(false);
    expect(await take(second, "another")).toBe(true);
    await leaveJob(second.db, { ...second, name: "purge" });
    expect(await take(second, "purge"), "nobody leaves the job of somebody else").toBe(false);
    await leaveJob(first.db, { ...first, name: "purge" });
    expect(await take(second, "purge")).toBe(true);

    expect(await take(first, "abandoned")).toBe(true);
    expect(await take(first, "abandoned"), "its own, which it may have lost sight of").toBe(true);
    await first.close();
    await expect.poll(() => take(second, "abandoned"), { timeout: patiently(3_000) }).toBe(true);
  } finally {
    await Promise.all(processes.map(({ close }) => close()));
  }
});

/** Server processes of one installation, as far as the rules go, all at one time that the test sets. */
async function startServers(count: number) {
  const secrets = { BACKEND_SECRET: randomBytes(32).toString("base64") };
  const start = async () =>
    startAppServer({
      ...secrets,
      TEST_MODE: "on",
      LOG_LEVEL: "silent",
      BACKEND_MAIL_WORKER: "off",
      BACKEND_DATABASE_URL: database.url,
      BACKEND_DATABASE_POOL: "2",
      BACKEND_PORT: String(await freePort()),
      BACKEND_PRIVATE_PORT: String(await freePort()),
      BACKEND_PRIVATE_HOST: "127.0.0.1",
    });
  const servers: AppServer[] = [];
  for (let index = 0; index < count; index++) servers.push(await start());
  const contexts = servers.map(({ context }) => context);
  let now = 2_000_000_000;
  const pass = (seconds: number) => {
    now += seconds;
    for (const { clock } of contexts) (clock as AdjustableClock).set(now);
  };
  pass(0);
  const stop = () => Promise.all(servers.map((server) => server.stop()));
  return { contexts, pass, now: () => now, stop };
}

test("H4: administrators are told of who waits once an hour at most, if somebody new does, and once a week while anybody does", async () => {
  const db = postgres(database.url, { max: 1 });
  const { contexts, pass, now, stop } = await startServers(2);
  const hour = 3_600;
  const week = 7 * 24 * hour;
  let asked = 0;
  const ask = async (count = 1) => {
    for (const id of Array.from({ length: count }, () => `r${String(++asked).padStart(2, "0")}`)) {
      await db`insert into registration_state (id, token_hash, email, state, created_at, expires_at)
        values (${id}, ${id}, ${`${id}@example.com`}, 'REQUESTED', ${now()}, ${now() + 3 * week})`;
      await db`insert into newusers (registration_id, email, firstname, lastname, created_at)
        values (${id}, ${`${id}@example.com`}, 'Ada', ${id}, ${now()})`;
    }
  };
  const administrators = ["told", "chose", "silent"].map((id) => ({ id, email: `${id}@example.com` }));
  for (const { id, email } of administrators) {
    await db`insert into users (id, email, email_norm, firstname, lastname, password_hash, password_hash_algorithm_id, password_salt, created_at)
      values (${id}, ${email}, ${email}, '', '', '', '', '', 0)`;
    await db`insert into permissions (user_id, permission, granted_by, granted_at) values (${id}, 'admin', 'test', 0)`;
  }
  await db`insert into mail_preferences (user_id, type, is_on) values ('chose', 'approval_request', true), ('silent', 'approval_request', false)`;
  /** What the jobs of both processes, at the same time and once more each, mail and to whom. */
  const told = async () => {
    await Promise.all(contexts.map((context) => tellApprovers(context)));
    for (const context of contexts) await tellApprovers(context);
    const mails = await db`delete from mails where type = 'approval_digest' returning email, "values"`;
    expect(mails.map(({ email }) => email).sort()).toEqual(
      mails.length === 0 ? [] : ["chose@example.com", "told@example.com"],
    );
    const { waiting = "[]", more, waitingSince } = mails[0]?.values ?? {};
    const people = (JSON.parse(waiting) as { email: string }[]).map(({ email }) => email.replace("@example.com", ""));
    return { people, ...(more && { more }), ...(waitingSince && { isReminder: true }) };
  };
  const nothing = { people: [] };
  try {
    expect(await told()).toEqual(nothing);
    await ask();
    expect(await told()).toEqual({ people: ["r01"] });
    await ask();
    pass(hour - 1);
    expect(await told(), "less than an hour later").toEqual(nothing);
    pass(1);
    expect(await told(), "an hour later").toEqual({ people: ["r01", "r02"] });
    pass(hour);
    expect(await told(), "nobody new").toEqual(nothing);
    await db`update registration_state set state = 'REJECTED', decided_by = 'test', decided_at = ${now()} where id = 'r02'`;
    pass(week - hour - 1);
    expect(await told(), "less than a week after the last").toEqual(nothing);
    pass(1);
    expect(await told(), "a week after the last").toEqual({ people: ["r01"], isReminder: true });
    pass(week - 1);
    await ask(24);
    expect(await told()).toEqual({
      people: Array.from({ length: 20 }, (_, index) => `r${String(index === 0 ? 1 : index + 2).padStart(2, "0")}`),
      more: "5",
    });
  } finally {
    await Promise.all([stop(), db.end()]);
  }
});
