import type { ListedBatch } from "@anteroom/shared/wire/app/oversight";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { readMails, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  // Five hundred mails of rejection would cost more than the decisions; what becomes of one is shown elsewhere.
  stack = await startStack({ env: { LOG_LEVEL: "warn", BACKEND_DECISION_MAIL: "off" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

/** People who wait, without asking the server for each. */
async function insertWaiting(prefix: string, count: number): Promise<string[]> {
  const { sql } = stack;
  await sql`insert into registration_state (id, token_hash, email, state, created_at, expires_at)
    select ${prefix} || '-' || n, sha256((${prefix} || n)::bytea), ${prefix} || n || '@example.com', 'REQUESTED',
      extract(epoch from now())::bigint - n, extract(epoch from now())::bigint + 864000
    from generate_series(1, ${count}::int) as n`;
  await sql`insert into newusers (registration_id, email, firstname, lastname, created_at)
    select id, email, 'First' || id, 'Last' || id, created_at from registration_state where id like ${`${prefix}-%`}`;
  return Array.from({ length: count }, (_, index) => `${prefix}${index + 1}@example.com`);
}

async function decideMany(decision: string, emails: string[], reason?: string): Promise<string> {
  const { status, body } = await client.app.post("/admin/decide_many/", { decision, emails, reason }, walk.admin);
  expect([status, JSON.stringify(body)]).toEqual([200, expect.any(String)]);
  return body.batch_id;
}

const readBatch = async (id: string): Promise<ListedBatch> =>
  (await client.app.get(`/admin/batches/?id=${id}`, walk.admin)).body;

const finished = (id: string, seconds = 10) =>
  waitUntil(
    () => readBatch(id),
    (batch) => batch.finished_at !== null,
    seconds,
  );

const statesOf = async (prefix: string) =>
  (await stack.sql`select state, count(*)::int from registration_state where email like ${`${prefix}%`}
    group by state order by state`) as unknown as { state: string; count: number }[];

const loggedFor = async (prefix: string) =>
  (await stack.sql`select action, count(*)::int, count(distinct subject)::int as subjects from decisions
    where subject like ${`${prefix}%`} group by action`) as unknown as object[];

test("G17: five hundred in one action: progress can be read, each is decided once, a second wish changes nothing", async () => {
  const emails = await insertWaiting("reject", 500);
  const id = await decideMany("reject", [...emails, "REJECT1@example.com"], "The course is full.");
  const seen = await waitUntil(
    () => readBatch(id),
    ({ done }) => done > 0,
  );
  expect(seen).toMatchObject({ id, decision: "reject", total: 500, reason: "The course is full." });
  const again = await decideMany("reject", emails.slice(0, 3));
  expect(await finished(id, 20)).toMatchObject({
    done: 500,
    failed: [],
    actor_name: "Test Administrator",
    finished_at: expect.any(Number),
  });
  expect(await statesOf("reject")).toEqual([{ state: "REJECTED", count: 500 }]);
  expect(await loggedFor("reject")).toEqual([{ action: "reject", count: 500, subjects: 500 }]);
  const late = await finished(again);
  expect(late.done).toBe(0);
  expect(late.failed).toEqual(
    emails.slice(0, 3).map((email) => ({
      email,
      error: "invalid_transition",
      decided_by_name: "Test Administrator",
      decided_at: expect.any(Number),
    })),
  );
  const { body } = await client.app.get("/admin/batches/", walk.admin);
  const listed = body.batches.map((batch: ListedBatch) => batch.id);
  expect(listed.filter((each: string) => each === id || each === again)).toHaveLength(2);
});

test("G17: what cannot be decided is named with the reason, and who was quicker; the rest goes on", async () => {
  const emails = await insertWaiting("mixed", 4);
  const other = (await walk.activate("other.admin@example.com")).session;
  await client.command("app", "grant_admin", { email: "other.admin@example.com" });
  await client.app.post("/admin/accept_user/", { email: emails[0] }, other);
  await walk.decide("reject_user", emails[1] ?? "");
  const batch = await finished(await decideMany("accept", [...emails, "nobody@example.com"]));
  expect([batch.total, batch.done]).toEqual([5, 2]);
  expect(batch.failed).toEqual([
    { email: emails[0], error: "invalid_transition", decided_by_name: "Ada Lovelace", decided_at: expect.any(Number) },
    {
      email: emails[1],
      error: "registration_rejected",
      decided_by_name: "Test Administrator",
      decided_at: expect.any(Number),
    },
    { email: "nobody@example.com", error: "registration_not_found", decided_by_name: null, decided_at: null },
  ]);
  expect(await statesOf("mixed")).toEqual([
    { state: "OPEN", count: 3 },
    { state: "REJECTED", count: 1 },
  ]);
});

test("G17: an app server that is killed in the middle leaves nothing undone and nothing done twice", async () => {
  const emails = await insertWaiting("killed", 40);
  const id = await decideMany("accept", emails);
  await waitUntil(
    () => readBatch(id),
    ({ done }) => done >= 5,
  );
  await stack.servers.app.kill();
  const [row] = await stack.sql`select count(*)::int from batch_items where batch_id = ${id} and state = 'waiting'`;
  expect(row?.count).toBeGreaterThan(0);
  await stack.servers.app.start();
  expect(await finished(id, 20)).toMatchObject({ total: 40, done: 40, failed: [] });
  expect(await statesOf("killed")).toEqual([{ state: "OPEN", count: 40 }]);
  expect(await loggedFor("killed")).toEqual([{ action: "accept", count: 40, subjects: 40 }]);
  await client.drainMail();
  const mailed = (await readMails(stack)).filter(({ to }) => to.startsWith("killed")).map(({ to }) => to);
  expect(new Set(mailed).size).toBe(40);
  // Of the four under way when it was killed the first mail may lead nowhere, and a second one is sent.
  expect(mailed.length).toBeLessThanOrEqual(40 + 4);
});

/** As if somebody had asked for it who may, whoever they are now. */
async function insertBatch(id: string, actor: string, emails: string[]): Promise<void> {
  const items = emails.map((email, position) => ({ batch_id: id, position, email, due_at: 0 }));
  const batch = { id, decision: "accept", actor, created_at: Math.floor(Date.now() / 1_000) };
  await stack.sql.begin(async (sql) => {
    await sql`insert into batches ${sql(batch)}`;
    await sql`insert into batch_items ${sql(items)}`;
  });
}

test("R39: the batch of somebody who is no administrator any more goes no further", async () => {
  const emails = await insertWaiting("orphan", 3);
  const { userId } = await walk.activate("demoted@example.com");
  await insertBatch("orphan", userId, emails);
  const { done, failed } = await finished("orphan");
  expect([done, ...failed.map(({ error }) => error)]).toEqual([0, ...emails.map(() => "missing_permission")]);
  expect(await statesOf("orphan")).toEqual([{ state: "REQUESTED", count: 3 }]);
});

test("a batch waits for the auth server and goes on when it is back", async () => {
  const emails = await insertWaiting("patient", 6);
  await stack.servers.auth.stop();
  const [admin] = await stack.sql`select user_id from permissions where permission = 'admin' limit 1`;
  await insertBatch("patient", admin?.user_id, emails);
  await waitUntil(
    async () => (await stack.sql`select from batch_items where batch_id = 'patient' and attempts > 0`).length,
    (count) => count === 6,
  );
  await stack.servers.auth.start();
  expect(await finished("patient", 15)).toMatchObject({ done: 6, failed: [] });
  expect(await loggedFor("patient")).toEqual([{ action: "accept", count: 6, subjects: 6 }]);
});

test("a batch is of one to a thousand addresses", async () => {
  const send = (emails: unknown) =>
    client.app.post("/admin/decide_many/", { decision: "accept", emails }, walk.admin).then(({ status }) => status);
  const address = `${"x".repeat(230)}@nowhere.example.com`;
  expect(await send([])).toBe(422);
  expect(await send(Array.from({ length: 1_001 }, () => address))).toBe(422);
  expect(await send([1])).toBe(422);
  expect(await send(Array.from({ length: 1_000 }, () => address))).toBe(200);
  const unknown = await client.app.get("/admin/batches/?id=unknown", walk.admin);
  expect([unknown.status, unknown.body.code]).toEqual([404, "batch_not_found"]);
});

const hold = (email: string, id: string) =>
  client.app.post("/admin/approve_after_hold/", { email, registration_id: id }, walk.admin);
const undo = (batch_id: string, cookie = walk.admin) => client.app.post("/admin/undo_batch/", { batch_id }, cookie);

test("H1: an approval that is held back is undone by whoever asked for it, until it is made; nothing has left before", async () => {
  await restartWith({ BACKEND_APPROVAL_HOLD: "60s" });
  const [undone = "", made = ""] = await insertWaiting("held", 2);
  const { body } = await hold(undone, "held-1");
  expect(body).toEqual({ success: true, batch_id: expect.any(String), hold: 60 });
  expect(await statesOf("held")).toEqual([{ state: "REQUESTED", count: 2 }]);
  const { userId, session: other } = await walk.activate("held.other@example.net");
  await stack.sql`insert into permissions (user_id, permission, granted_by, granted_at) values (${userId}, 'admin', 'test', 0)`;
  const again = await Promise.all([hold(undone, "held-1"), hold(undone, "held-1")]);
  expect(
    again.map((reply) => reply.body.batch_id),
    "whose answer was lost",
  ).toEqual([body.batch_id, body.batch_id]);
  expect((await undo(body.batch_id, other)).body.code).toBe("batch_not_found");
  expect((await undo(body.batch_id)).body).toEqual({ success: true, undone: 1 });
  expect((await undo(body.batch_id)).status).toBe(404);

  const { batch_id } = (await hold(made, "held-2")).body;
  await client.advanceClocks(61);
  expect(await finished(batch_id)).toMatchObject({ done: 1, failed: [] });
  const late = await undo(batch_id);
  expect([late.status, late.body.code]).toEqual([409, "invalid_transition"]);
  expect(await walk.states(undone)).toEqual(["REQUESTED"]);
  expect(await walk.states(made)).toEqual(["OPEN"]);
  expect((await hold(made, "held-2")).body, "what is decided is answered at once").toMatchObject({ batch_id: null });
  await restartWith({ BACKEND_APPROVAL_HOLD: "0s" });
});

async function restartWith(env: Record<string, string>): Promise<void> {
  Object.assign(stack.env, env);
  await stack.servers.app.stop();
  await stack.servers.app.start();
}
