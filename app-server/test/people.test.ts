import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrations } from "../src/database/migrations/all.ts";
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

afterAll(() => stack?.stop());

type Session = { cookie: string };

const exportOf = async (session: Session) => (await client.app.get("/account/export", session)).body;
const typesOf = ({ mails }: { mails: { type: string }[] }) => mails.map(({ type }) => type).sort();
const byAdmin = (route: string, body: object) => client.app.post(`/admin/${route}/`, body, walk.admin);

async function moveTo(session: Session, address: string): Promise<void> {
  const asked = await client.app.post("/account/change_email", { email: address, password: goodPassword }, session);
  if (asked.status !== 200) throw new Error(JSON.stringify(asked.body));
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
  await walk.newestMail(old, "password_reset");
  await moveTo(mover.session, "moved@example.com");
  await byAdmin("end_sessions", { user_id: mover.userId });
  const session = { cookie: await client.setSession(await client.signIn("moved@example.com", goodPassword)) };
  // The auth server lets nobody wait for a notice or for the mail of a reset.
  await walk.newestMail("moved@example.com", "signin_notification");
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

const request = (email: string, more: object = {}) => client.app.post("/auth/request_registration", { email, ...more });
const withdraw = (registration_token: string, code?: string) =>
  client.app.post("/auth/withdraw_registration", { registration_token, ...(code ? { code } : {}) });
const waitingAt = async (address: string) =>
  (await client.app.get(`/admin/registrations/?search=${address}`, walk.admin)).body.rows[0];

test("S-F10: a second request is kept beside the first, shown to administrators, and either can be approved", async () => {
  const address = "squatted@example.com";
  const [evil, owner] = [
    await client.register(address, { firstname: "Evil", lastname: "Name" }),
    await client.register(address, { firstname: "True", lastname: "Owner" }),
  ];
  const row = await waitingAt(address);
  expect(row).toMatchObject({
    firstname: "Evil",
    requests: 2,
    alternatives: [{ firstname: "True", lastname: "Owner" }],
  });
  const { registration_id } = row.alternatives[0];
  expect((await walk.decide("accept_user", address, { registration_id })).status).toBe(200);
  const mail = (await walk.mailsTo(address)).at(-1);
  expect(mail?.link).toContain(`token=${owner}`);
  expect((await client.status(evil)).body).toEqual({ email: address, accepted: false, signup_token: null });
  const { signup_token } = (await client.status(owner)).body;
  const { session_token } = (await client.completeSignup(signup_token, mail?.code ?? "")).values;
  const session = { cookie: await client.setSession(session_token) };
  expect((await client.app.get("/auth/session_info/", session)).body.user).toMatchObject({ firstname: "True" });
  expect(await stack.sql`select from newusers where email = ${address}`).toEqual([]);
});

test("S-F10: without a choice the first is approved, and only a request that waits can be chosen", async () => {
  const address = "chosen@example.com";
  const first = await client.register(address, { firstname: "First", lastname: "One" });
  await client.register(address, { firstname: "Second", lastname: "One" });
  const { id, alternatives } = await waitingAt(address);
  for (const registration_id of ["nobody", `${(await waitingAt(address)).id}x`])
    expect((await walk.decide("accept_user", address, { registration_id })).body.code).toBe("registration_changed");
  await client.register("else@example.com");
  const others = await waitingAt("else@example.com");
  expect((await walk.decide("accept_user", address, { registration_id: others.id })).status).toBe(409);
  expect((await walk.decide("accept_user", address, { registration_id: id })).status).toBe(200);
  expect((await client.status(first)).body.accepted).toBe(true);
  const late = await walk.decide("accept_user", address, alternatives[0]);
  expect([late.status, late.body.code]).toEqual([409, "registration_changed"]);
});

test("S-F10: when the first is withdrawn, expires or is taken away, the next takes its place", async () => {
  const ends = {
    withdrawn: (_: string, first: string) => withdraw(first),
    "taken-away": (address: string) => walk.decide("delete_registration", address),
    expired: async (address: string) => {
      await stack.sql`update registration_state set expires_at = 1 where email = ${address} and state = 'REQUESTED'`;
      await client.command("app", "advance_clock", { seconds: 0 });
    },
  };
  for (const [name, end] of Object.entries(ends)) {
    const address = `${name}@example.com`;
    const first = await client.register(address, { firstname: "First", lastname: "" });
    const second = await client.register(address, { firstname: "Second", lastname: "" });
    await end(address, first);
    expect(await waitingAt(address), name).toMatchObject({ firstname: "Second", requests: 1 });
    await walk.decide("accept_user", address);
    expect((await client.status(second)).body.accepted, name).toBe(true);
  }
});

test("S-F10: of further requests for an address that was rejected none waits when another is withdrawn", async () => {
  const address = "rejected-twice@example.com";
  await client.register(address);
  await walk.decide("reject_user", address);
  const [one] = [await client.register(address), await client.register(address)];
  expect((await withdraw(one)).status).toBe(200);
  expect(await walk.states(address)).toEqual(["DECOY", "REJECTED", "WITHDRAWN"]);
});

test("S-F10: five further requests are shown and all are counted; those of a user's address are on no list", async () => {
  for (let request = 0; request < 8; request++) await client.register("crowd@example.com");
  expect(await waitingAt("crowd@example.com")).toMatchObject({ requests: 8, alternatives: { length: 5 } });
  const { userId } = await walk.activate("known@example.com");
  await client.register("known@example.com", { firstname: "Stranger", lastname: "" });
  expect(await waitingAt("known@example.com")).toBeUndefined();
  expect((await exportOf((await walk.activate("bystander@example.com")).session)).mails).toHaveLength(2);
  expect(userId).toEqual(expect.any(String));
});

test("S-F10: after the approval only the mailed code withdraws, also in the middle of the owner's activation", async () => {
  const address = "approved@example.com";
  const { token, code } = await walk.open(address);
  const refused = await withdraw(token);
  expect([refused.status, refused.body.code]).toEqual([403, "code_needed"]);
  const wrong = await withdraw(token, "ABCDEFGH");
  expect([wrong.status, wrong.body.code]).toEqual([422, "incorrect_code"]);
  const { signup_token } = (await client.status(token)).body;
  await client.auth("verify_signup_email_address_verification_code", {
    signup_token,
    email_address_verification_code: code,
  });
  expect((await withdraw(token)).status).toBe(403);
  expect((await client.completeSignup(signup_token, code)).ok).toBe(true);

  const other = await walk.open("regrets@example.com");
  expect((await withdraw(other.token, other.code)).status).toBe(200);
  expect((await client.status(other.token)).status).toBe(404);
});

test("S-F10: codes for withdrawing are limited", async () => {
  const { token, code } = await walk.open("guessed@example.com");
  for (let guess = 0; guess < 5; guess++) expect((await withdraw(token, "ABCDEFGH")).status).toBe(422);
  expect((await withdraw(token, code)).status).toBe(429);
});

test("out 3: a request repeated with the client's own key is the same request, for new, waiting and known addresses", async () => {
  await walk.activate("has-one@example.com");
  await client.register("waits@example.com");
  for (const address of ["new-one@example.com", "waits@example.com", "has-one@example.com"]) {
    const request_key = `${address.replace(/\W/g, "-")}-0123456789abcdef`;
    const [first, ...again] = await Promise.all(Array.from({ length: 6 }, () => request(address, { request_key })));
    for (const reply of [...again, await request(address, { request_key })]) expect(reply.body).toEqual(first?.body);
    const other = await request(address, { request_key: `${request_key}-other` });
    expect(other.body.registration_token).not.toBe(first?.body.registration_token);
  }
  const [rows] =
    await stack.sql`select count(*)::int as requests from registration_state where email = 'new-one@example.com'`;
  expect(rows?.requests).toBe(2);
  const key = { request_key: "new-one-example-com-0123456789abcdef" };
  const token = (await request("new-one@example.com", key)).body.registration_token;
  await walk.decide("accept_user", "new-one@example.com");
  expect((await client.status(token)).body.accepted).toBe(true);
  for (const request_key of ["short", "x".repeat(101), "has spaces in it and is long enough"])
    expect((await request("new-one@example.com", { request_key })).status).toBe(422);
});

test("acc F8: a member who moves to an address ends the registration that waits there", async () => {
  const address = "wanted@example.com";
  const token = await client.register(address);
  const mover = await walk.activate("wants@example.com");
  await moveTo(mover.session, address);
  expect((await client.status(token)).status).toBe(404);
  expect(await waitingAt(address)).toBeUndefined();
  const { body } = await client.app.get(`/admin/decisions/?search=${address}`, walk.admin);
  expect(body.rows[0]).toMatchObject({ action: "address_taken", actor: mover.userId, subject: address });
  expect((await walk.decide("accept_user", address)).body.code).toBe("registration_not_found");
});

test("acc F8: of an approved one the sign-up ends too; who shows the code is told why, others are not", async () => {
  const address = "approved-first@example.com";
  const { token, code } = await walk.open(address);
  const { signup_token } = (await client.status(token)).body;
  const mover = await walk.activate("second-claim@example.com");
  await moveTo(mover.session, address);
  expect((await client.auth("get_signup", { signup_token })).error_code).toBe("invalid_signup_token");
  const statusWith = (body: object) =>
    client.app.post("/auth/registration_status", { registration_token: token, ...body });
  expect([(await statusWith({})).status, (await statusWith({ code: "ABCDEFGH" })).status]).toEqual([404, 404]);
  const told = await statusWith({ code });
  expect([told.status, told.body.code]).toEqual([409, "address_in_use"]);
  expect((await client.app.post("/auth/renew_signup", { registration_token: token })).status).toBe(404);
  expect((await walk.decide("resend_signup_email", address)).status).toBe(404);
});

test("acc F8: a registration that an account overtook otherwise ends with the first try to approve it, in words", async () => {
  const { userId } = await walk.activate("overtaking@example.com");
  for (const state of ["REQUESTED", "ACCEPTED"]) {
    const address = `overtaken-${state.toLowerCase()}@example.com`;
    if (state === "REQUESTED") await client.register(address);
    else await client.command("app", "prepare_user", { email: address, names: ["A", "B"] });
    await client.register(address);
    await stack.sql`update users set email = ${address}, email_norm = ${address} where id = ${userId}`;
    const refused = await walk.decide("accept_user", address);
    expect([refused.status, refused.body.code]).toEqual([409, "address_in_use"]);
    expect(refused.body.error_code).toBe("email_address_already_used");
    // The further request waits for nothing: nobody could approve it either.
    expect(await walk.states(address)).toEqual(["DECOY", "WITHDRAWN"]);
  }
});

test("acc F8: of further requests for an address that an account has by now none waits when the first expires", async () => {
  const { userId } = await walk.activate("overtaking-late@example.com");
  const address = "overtaken-late@example.com";
  for (const _ of [1, 2]) await client.register(address);
  await stack.sql`update users set email = ${address}, email_norm = ${address} where id = ${userId}`;
  await stack.sql`update registration_state set expires_at = 1 where email = ${address} and state = 'REQUESTED'`;
  await client.command("app", "advance_clock", { seconds: 0 });
  expect(await walk.states(address)).toEqual(["DECOY", "EXPIRED"]);
});

test("acc F16: a disabled person who registers again is told that the account is closed, not sent round in circles", async () => {
  const address = "closed@example.com";
  const { userId } = await walk.activate(address);
  await byAdmin("disable_user", { user_id: userId });
  const answers = [await request(address), await request("nobody-yet@example.com")];
  expect(answers.map(({ status, body }) => [status, Object.keys(body), body.message])[0]).toEqual(
    answers.map(({ status, body }) => [status, Object.keys(body), body.message])[1],
  );
  const mail = (await walk.mailsTo(address)).at(-1);
  expect(mail?.type).toBe("closed_account_hint");
  expect(mail?.text).not.toMatch(/recover|login|https?:/);
});

test("acc F21: a button that is pressed twice mails one code, for the applicant and for administrators", async () => {
  const address = "double-click@example.com";
  const { token } = await walk.open(address);
  const mailed = async () => (await walk.mailsTo(address)).length;
  const renew = () => client.app.post("/auth/renew_signup", { registration_token: token });
  const resend = () => walk.decide("resend_signup_email", address);
  for (const [press, count] of [
    [renew, 2],
    [resend, 3],
  ] as const) {
    const replies = [...(await Promise.all([press(), press()])), await press()];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await mailed()).toBe(count);
    await client.command("app", "advance_clock", { seconds: 10 });
  }
  await renew();
  expect(await mailed()).toBe(4);
});

test("acc F21: a mail that could not be asked for is no answer to the next press", async () => {
  const { token } = await walk.open("not-mailed@example.com");
  const renew = () => client.app.post("/auth/renew_signup", { registration_token: token });
  await stack.servers.auth.stop();
  expect((await renew()).status).toBe(503);
  expect((await renew()).status).toBe(503);
  await stack.servers.auth.start();
  expect((await renew()).status).toBe(200);
  expect(await walk.mailsTo("not-mailed@example.com")).toHaveLength(2);
});

test("M17: a person has a page of facts by the id of the account or of the request: permissions, who approved, decisions, mails", async () => {
  const address = "seen@example.com";
  const seen = await walk.activate(address);
  await byAdmin("add_permission", { user_id: seen.userId, permission: "member" });
  await byAdmin("add_permission", { user_id: seen.userId, permission: "editor" });
  await client.register("asking@example.com");
  const [asking] = await stack.sql`select id from registration_state where email = 'asking@example.com'`;
  const facts = (id: string) => client.app.get(`/admin/person/?id=${id}`, walk.admin);
  const { body } = await facts(seen.userId);
  expect(body).toMatchObject({ user_id: seen.userId, email: address, state: null, disabled: false });
  expect(body.approved).toMatchObject({ by_name: "Test Administrator" });
  expect(body.permissions).toMatchObject([
    { permission: "editor", granted_by_name: "Test Administrator", expires_at: null },
    { permission: "member", expires_at: body.permissions[1].granted_at + 365 * 86_400 },
  ]);
  expect(body.known_permissions).toEqual(["editor", "member"]);
  const [{ registration_id = "" } = {}] = await stack.sql`select registration_id from users where id = ${seen.userId}`;
  expect((await facts(registration_id)).body).toEqual(body);
  expect((await facts(asking?.id)).body).toMatchObject({ user_id: null, state: "REQUESTED", permissions: [] });
  expect((await facts("nobody")).status).toBe(404);

  const decisions = await client.app.get(`/admin/decisions/?about=${seen.userId}`, walk.admin);
  expect(decisions.body.rows.map(({ action }: { action: string }) => action)).toEqual([
    "grant_permission",
    "grant_permission",
    "accept",
  ]);
  const mails = await client.app.get(`/admin/mails/?about=${seen.userId}`, walk.admin);
  expect(typesOf(mails.body)).toEqual(["account_ready", "signup_verification"]);
});

test("M17: people are counted, filtered and handed out as a table that spreadsheets carry nothing out of", async () => {
  const evil = await walk.activate("evil@example.com");
  await stack.sql`update users set firstname = '=cmd|x', lastname = 'say "hi"; =1' where id = ${evil.userId}`;
  await byAdmin("disable_user", { user_id: evil.userId });
  const list = async (query: string) => (await client.app.get(`/admin/people/${query}`, walk.admin)).body;
  const closed = await list("?only=closed");
  expect(closed).toMatchObject({ total: closed.rows.length });
  expect(closed.rows.every(({ disabled }: { disabled: boolean }) => disabled)).toBe(true);
  const administrators = await list("?only=administrators");
  expect(administrators.rows.length).toBeGreaterThan(0);
  for (const { permissions } of administrators.rows) expect(permissions).toContain("admin");
  const first = await list("?limit=1");
  expect(first.total).toBeGreaterThan(2);
  expect((await list(`?limit=1&after=${first.next}`)).total).toBeNull();
  const { body: text } = await client.app.get("/admin/people/export/?search=evil@", walk.admin);
  const [head, row, ...rest] = text.split("\r\n");
  expect(head).toBe('"id","address","firstname","lastname","permissions","closed","since"');
  expect(row).toContain(`"evil@example.com","'=cmd|x","say ""hi"";' =1","","yes"`);
  expect(rest).toEqual([""]);
  expect((await client.app.get("/admin/people/export/")).status).toBe(401);
});

test("M11: mails are found by a part of their address, and counted per state", async () => {
  await walk.activate("findable@example.com");
  await client.drainMail();
  const { body } = await client.app.get("/admin/mails/?search=FINDABLE&status=accepted&limit=1", walk.admin);
  expect(body).toMatchObject({ mails: [{ email: "findable@example.com" }], counts: { accepted: 2, failed: 0 } });
  const next = await client.app.get(
    `/admin/mails/?search=findable&status=accepted&limit=1&after=${body.next}`,
    walk.admin,
  );
  expect([next.body.mails.length, next.body.counts]).toEqual([1, null]);
});
