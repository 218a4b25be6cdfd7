import { openDatabase } from "@anteroom/shared/runtime/database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrations } from "../src/migrations/all.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

/** What belongs to a person stays theirs, whoever has the address before or after. */

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { AUTH_USER_CHECK_INTERVAL: "0s" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack.stop());

type Session = { cookie: string };

const exportOf = async (session: Session) => (await client.app.get("/account/export", session)).body;
const typesOf = ({ mails }: { mails: { type: string }[] }) => mails.map(({ type }) => type).sort();
const byAdmin = (route: string, body: object) => client.app.post(`/admin/${route}/`, body, walk.admin);

async function moveTo(session: Session, address: string): Promise<void> {
  await client.app.post("/account/change_email", { email: address, password: goodPassword }, session);
  const code = (await walk.mailsTo(address)).at(-1)?.code;
  const moved = await client.app.post("/account/confirm_email", { code }, session);
  if (moved.status !== 200) throw new Error(JSON.stringify(moved.body));
}

test("S-F11: the next holder of an address sees nothing of the former: no mail, no decision, no reason", async () => {
  const address = "former@example.com";
  await client.register(address);
  await walk.decide("reject_user", address, { reason: "Private: dismissed for theft, see file 77" });
  await walk.decide("reopen_registration", address);
  await walk.decide("delete_registration", address);
  const former = await walk.activate(address);
  await byAdmin("add_permission", { user_id: former.userId, permission: "editor" });
  await byAdmin("disable_user", { user_id: former.userId });
  await byAdmin("delete_user", { user_id: former.userId });
  const next = await walk.activate(address);
  const exported = await exportOf(next.session);
  expect(typesOf(exported)).toEqual(["account_ready", "signup_verification"]);
  expect(exported.decisions.map(({ action }: { action: string }) => action)).toEqual(["accept"]);
  expect(JSON.stringify(exported)).not.toContain("theft");
});

test("S-F11: who changed the address exports all their mails and decisions; the next holder of the old one none", async () => {
  const old = "mover@example.com";
  const mover = await walk.activate(old);
  await byAdmin("send_reset_link", { user_id: mover.userId });
  await moveTo(mover.session, "moved@example.com");
  await byAdmin("end_sessions", { user_id: mover.userId });
  const session = { cookie: await client.setSession(await client.signIn("moved@example.com", goodPassword)) };
  await client.drainMail();
  const all = [
    "account_ready",
    "email_update_verification",
    "email_updated",
    "password_reset",
    "signin_notification",
    "signup_verification",
  ];
  const exported = await exportOf(session);
  expect(typesOf(exported)).toEqual(all);
  expect(exported.decisions.map(({ action }: { action: string }) => action)).toEqual([
    "accept",
    "send_reset_link",
    "end_sessions",
  ]);
  const next = await walk.activate(old);
  expect(typesOf(await exportOf(next.session))).toEqual(["account_ready", "signup_verification"]);
  const { body } = await client.app.get("/admin/people/?search=moved@example.com", walk.admin);
  expect(body.rows[0].mail.type).toBe("signin_notification");

  await client.app.post("/account/delete", { password: goodPassword }, session);
  await client.drainMail();
  const left = await stack.sql`select type from mails where user_id = ${mover.userId} or
    registration_id not in (select registration_id from users where registration_id is not null)
      and email in (${old}, 'moved@example.com')`;
  expect(left).toEqual([]);
  expect(typesOf(await exportOf(next.session))).toEqual(["account_ready", "signup_verification"]);
});

test("S-F11: what was kept before by the address goes to the person where it is certain, and else to nobody", async () => {
  const staying = await walk.activate("staying@example.com");
  const moving = await walk.activate("moving@example.com");
  await moveTo(moving.session, "moving-on@example.com");
  await byAdmin("add_permission", { user_id: staying.userId, permission: "editor" });
  await stack.sql`insert into mails (id, type, email, email_norm, values, status, try_until, created_at, updated_at)
    select gen_random_uuid(), 'signin_notification', email, email_norm, '{}', 'accepted', 0, created_at - 1000, 0
    from users where id in (${staying.userId}, ${moving.userId})`;
  const before = await exportOf(staying.session);
  await stack.sql.unsafe(`
    drop index registration_state_decoys;
    alter table users drop column registration_id; alter table mails drop column user_id;
    alter table decisions drop column user_id; drop index decisions_registration_id;
    alter table setup_links drop column only_first`);
  await applyAgain("005-people");
  expect({ ...(await exportOf(staying.session)), exported_at: 0 }).toEqual({ ...before, exported_at: 0 });
  expect(typesOf(await exportOf(moving.session))).toEqual([]);
});

/** Straight, as kysely would. */
async function applyAgain(name: string): Promise<void> {
  const database = openDatabase<unknown>({ url: stack.databases.app.url, poolSize: 1, applicationName: "test" });
  await migrations[name]?.up(database.db);
  await database.close();
}
