import { patiently } from "@anteroom/shared/testing/patience";
import type { LoggedDecision } from "@anteroom/shared/wire/app/oversight";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { LOG_LEVEL: "warn" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const post = (path: string, body: object) => client.app.post(`/admin/${path}/`, body, walk.admin);

async function read(query = ""): Promise<{ rows: LoggedDecision[]; next: string | null }> {
  const { status, body } = await client.app.get(`/admin/decisions/${query}`, walk.admin);
  expect(status).toBe(200);
  return body;
}

/** What was decided about an address, oldest first. */
const actionsOn = async (subject: string) =>
  (await read(`?search=${encodeURIComponent(subject)}`)).rows.map(({ action }) => action).reverse();

test("R41: every decision about a registration is logged with who, what, when and why", async () => {
  const email = "story@example.com";
  const startedAt = Math.floor(Date.now() / 1_000);
  await client.register(email);
  await post("reject_user", { email, reason: "  Not a member. " });
  await post("reopen_registration", { email });
  await post("accept_user", { email });
  await post("accept_user", { email });
  await post("resend_signup_email", { email });
  await post("delete_registration", { email });
  const { rows } = await read("?search=STORY@");
  expect(rows.map(({ action }) => action)).toEqual(["delete_registration", "resend", "accept", "reopen", "reject"]);
  expect(rows.at(-1)).toEqual({
    id: expect.any(Number),
    at: expect.any(Number),
    actor: expect.any(String),
    actor_name: "Test Administrator",
    action: "reject",
    subject: email,
    reason: "Not a member.",
    detail: null,
    // Taken away, with all that was kept of it.
    person: null,
    batch: null,
  });
  for (const { at } of rows) expect(at - startedAt).toBeLessThan(patiently(20));
});

test("R41: what is refused is not logged, nor what people do themselves", async () => {
  const email = "quiet@example.com";
  const token = await client.register(email);
  await post("reopen_registration", { email });
  await post("resend_signup_email", { email });
  await post("delete_registration", { email: "nobody@example.com" });
  await client.app.post("/auth/withdraw_registration", { registration_token: token });
  await post("accept_user", { email });
  expect(await actionsOn(email)).toEqual([]);
  expect(await actionsOn("nobody@example.com")).toEqual([]);
});

test("S-43, R41: every decision about a person is logged, also those of the command line and of setup links", async () => {
  const email = "person@example.com";
  const { userId: user_id } = await walk.activate(email);
  await post("add_permission", { user_id, permission: "editor" });
  await post("remove_permission", { user_id, permission: "editor" });
  await post("remove_permission", { user_id, permission: "editor" });
  await post("end_sessions", { user_id });
  await post("disable_user", { user_id });
  await post("disable_user", { user_id });
  await post("enable_user", { user_id });
  await post("send_reset_link", { user_id });
  await client.command("app", "grant_admin", { email });
  await post("delete_user", { user_id });
  const { rows } = await read("?search=person@");
  expect(rows.map(({ action, detail }) => [action, detail]).reverse()).toEqual([
    ["accept", null],
    ["grant_permission", "editor"],
    ["revoke_permission", "editor"],
    ["end_sessions", null],
    ["disable_user", null],
    ["enable_user", null],
    ["send_reset_link", null],
    ["grant_permission", "admin"],
    ["delete_user", null],
  ]);
  expect(rows.find(({ detail }) => detail === "admin")).toMatchObject({ actor: "cli", actor_name: null });
  const { url } = await client.command("app", "create_setup_link");
  const setup = { setup_token: url.split("#")[1], email: "root@example.com", firstname: "Root" };
  expect((await client.app.post("/auth/setup_administrator", setup)).status).toBe(200);
  expect((await read("?search=root@")).rows).toEqual([
    expect.objectContaining({ actor: "setup-link", action: "grant_permission", detail: "admin" }),
  ]);
});

test("R41: replaying a mail and clearing an address are logged", async () => {
  const email = "bounced@example.com";
  await client.register(email);
  await post("reject_user", { email });
  await walk.mailsTo(email);
  const [mail] = await stack.sql`update mails set status = 'failed' where email = ${email} returning id`;
  await stack.sql`insert into mail_suppressions (email_norm, bounces, reason, suppressed_at, updated_at)
    values (${email}, 3, 'no such user', 1, 1)`;
  expect((await post("mails/replay", { id: mail?.id })).status).toBe(409);
  expect((await post("mails/clear_address", { email })).status).toBe(200);
  expect((await post("mails/replay", { id: mail?.id })).status).toBe(200);
  const { rows } = await read("?search=bounced@");
  expect(rows.map(({ action, detail }) => [action, detail]).reverse()).toEqual([
    ["reject", null],
    ["clear_address", null],
    ["replay_mail", "registration_rejected"],
  ]);
});

test("R36, R41: a decision that cannot be logged is not made", async () => {
  const email = "unlogged@example.com";
  const { userId: user_id, session } = await walk.activate("kept@example.com");
  await client.register(email);
  await client.register("rejected.unlogged@example.com");
  await post("reject_user", { email: "rejected.unlogged@example.com" });
  const before = [await walk.rows(email), await walk.rows("rejected.unlogged@example.com")];
  await stack.sql`alter table decisions add constraint full_disk check (at < 0) not valid`;
  try {
    expect((await post("reject_user", { email })).status).toBe(500);
    expect((await post("delete_registration", { email })).status).toBe(500);
    expect((await post("reopen_registration", { email: "rejected.unlogged@example.com" })).status).toBe(500);
    expect((await post("add_permission", { user_id, permission: "editor" })).status).toBe(500);
    for (const what of ["disable_user", "end_sessions", "send_reset_link", "delete_user"])
      expect((await post(what, { user_id })).status, what).toBe(500);
    expect([await walk.rows(email), await walk.rows("rejected.unlogged@example.com")]).toEqual(before);
    const { user } = (await client.app.get("/auth/session_info/", session)).body;
    expect(user).toMatchObject({ user_id, permissions: [] });
    expect((await walk.mailsTo(email)).length).toBe(0);
    expect((await walk.mailsTo("kept@example.com")).map(({ type }) => type)).not.toContain("password_reset");
    expect((await post("accept_user", { email })).status).toBe(500);
    const [row] = await stack.sql`select accepted from registration_state where email = ${email}`;
    expect(row?.accepted).toBe(false);
  } finally {
    await stack.sql`alter table decisions drop constraint full_disk`;
  }
});

test("S-43, R41: the log is only added to; the database refuses everything else until an entry is old", async () => {
  await stack.sql`insert into decisions (at, actor, action, subject)
    select extract(epoch from now())::bigint - days * 86400, 'cli', 'accept', 'aged' || days || '@example.com'
    from unnest(array[1, 89, 91, 400]) as days`;
  const refused = /only added to/;
  const { sql } = stack;
  await expect(sql`update decisions set actor = 'nobody'`).rejects.toThrow(refused);
  await expect(sql`update decisions set reason = '' where subject like 'aged400%'`).rejects.toThrow(refused);
  await expect(sql`delete from decisions`).rejects.toThrow(refused);
  await expect(sql`delete from decisions where subject = 'aged89@example.com'`).rejects.toThrow(refused);
  await expect(sql`truncate decisions`).rejects.toThrow(refused);
  // The purge keeps entries for a year, and a clock that is wrong cannot make it delete young ones.
  await client.command("app", "advance_clock", { seconds: 0 });
  const aged = async () =>
    (await sql`select subject from decisions where subject like 'aged%' order by at desc`).map(
      ({ subject }) => subject,
    );
  expect(await aged()).toEqual(["aged1@example.com", "aged89@example.com", "aged91@example.com"]);
  await client.command("app", "advance_clock", { seconds: 1_000 * 86_400 });
  expect(await aged()).toEqual(["aged1@example.com", "aged89@example.com"]);
  await client.command("app", "release_clock");
});

test("the log is read in pages, newest first, and searched by who decided and about whom", async () => {
  for (let index = 0; index < 12; index++) {
    const email = `paged${index}@example.com`;
    await client.register(email);
    await (index === 0 ? client.command("app", "reject", { email }) : post("reject_user", { email }));
  }
  const all = (await read("?limit=200")).rows;
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted((one, other) => other - one));
  const paged: LoggedDecision[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const page = await read(`?limit=7${next && `&after=${next}`}`);
    paged.push(...page.rows);
    next = page.next;
  }
  expect(paged).toEqual(all);
  expect((await read("?search=test%20admin")).rows.length).toBeGreaterThan(10);
  const byCommand = (await read("?search=cli")).rows.map(({ actor }) => actor);
  expect(new Set(byCommand)).toEqual(new Set(["cli"]));
  expect((await client.app.get("/admin/decisions/?after=x", walk.admin)).status).toBe(422);
});

test("M9: the log is filtered by action, person and time; a batch is one entry that opens, however many it decided", async () => {
  const emails = ["one", "two", "three"].map((name) => `${name}@batch.example`);
  for (const email of emails) await client.register(email, { firstname: "Björk", lastname: "Lovelace" });
  const { body } = await post("decide_many", { decision: "reject", emails, reason: "=1+1" });
  await waitUntil(
    async () => (await client.app.get(`/admin/batches/?id=${body.batch_id}`, walk.admin)).body,
    ({ finished_at }) => finished_at !== null,
  );
  await post("reopen_registration", { email: "two@batch.example" });
  const [reopened, folded] = (await read("?batches=folded")).rows;
  expect(folded).toMatchObject({ action: "reject", batch: { id: body.batch_id, count: 3 } });
  expect(reopened).toMatchObject({ action: "reopen", batch: null, person: { firstname: "Björk" } });
  const opened = (await read(`?batch=${body.batch_id}`)).rows;
  expect(opened.map(({ subject }) => subject).sort()).toEqual(emails.toSorted());

  const about = `?about=${reopened?.person?.id}`;
  expect((await read(about)).rows.map(({ action }) => action)).toEqual(["reopen", "reject"]);
  expect((await read(`${about}&action=reject`)).rows).toHaveLength(1);
  const { at = 0 } = reopened ?? {};
  expect((await read(`${about}&since=${at + 1}`)).rows).toEqual([]);
  expect((await read(`${about}&until=${at + 1}`)).rows).toHaveLength(2);

  const { status, headers, body: text } = await client.app.get(`/admin/decisions/export/${about}`, walk.admin);
  expect([status, headers.get("content-type")]).toEqual([200, "text/csv; charset=utf-8"]);
  const lines = text.split("\r\n");
  expect(lines[0]).toBe('"when","who","what","detail","address","name","reason","batch"');
  expect(lines[2]).toContain(`"Test Administrator","reject","","two@batch.example","Björk Lovelace","'=1+1"`);
  expect(lines).toHaveLength(4);
});

test("reset under TEST_MODE empties the log and the batches", async () => {
  await post("decide_many", { decision: "accept", emails: ["nobody@example.com"] });
  for (const server of ["app", "auth"] as const) expect((await client.command(server, "reset")).success).toBe(true);
  const [row] = await stack.sql`select (select count(*) from decisions)::int as decisions,
    (select count(*) from batches)::int as batches, (select count(*) from batch_items)::int as items`;
  expect(row).toEqual({ decisions: 0, batches: 0, items: 0 });
  await expect(stack.sql`truncate decisions`).rejects.toThrow(/only added to/);
  walk = await createWalk(stack, client);
});
