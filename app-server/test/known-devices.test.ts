import { randomBytes } from "node:crypto";
import { createClock } from "@anteroom/shared/runtime/clock";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDevices } from "../src/http/device.ts";
import { type Client, createClient, type Reply, tellTale } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({
    env: { AUTH_IP_LIMITS: "on", BACKEND_IP_LIMITS: "off", TRUSTED_PROXIES: "127.0.0.1" },
  });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const act = (action: string, args: object, headers: Record<string, string>): Promise<Reply> =>
  client.app.post("/auth/actions", { action, arguments: args }, headers);

/** As the pages do it. The last answer, whatever it is. */
async function signIn(email: string, password: string, headers: Record<string, string>): Promise<Reply> {
  const created = await act("create_signin", { user_email_address: email }, headers);
  if (!created.body.ok) return created;
  const { signin_token } = created.body.values;
  const verified = await act("verify_signin_user_password", { signin_token, password }, headers);
  return verified.body.ok ? act("complete_signin", { signin_token }, headers) : verified;
}

const deviceOf = (reply: Reply): string =>
  reply.headers
    .getSetCookie()
    .map((cookie) => decodeURIComponent(cookie.split(";")[0] ?? ""))
    .find((cookie) => cookie.startsWith("__Host-device=")) ?? "";

const at = (address: string, cookie = "") => ({ "x-forwarded-for": address, ...(cookie ? { cookie } : {}) });

/** Wrong passwords from as many addresses as it takes; a busy server may not have looked at every one. */
async function lock(email: string): Promise<void> {
  for (let index = 0; index < 60; index++) {
    const guesses = Array.from({ length: 4 }, (_, guess) =>
      signIn(email, `wrong password ${guess}`, at(`203.0.113.${index}`)),
    );
    const codes = (await Promise.all(guesses)).map(({ body }) => body.error_code);
    if (codes.includes("password_locked")) break;
  }
  expect((await signIn(email, goodPassword, at("192.0.2.200"))).body.error_code).toBe("password_locked");
}

test("S-F2, R10, G8: a browser in which the right password was shown goes on when strangers have locked it", async () => {
  await walk.activate("known@example.com");
  await walk.activate("other@example.com");
  const device = deviceOf(await signIn("known@example.com", goodPassword, at("198.51.100.1")));
  const others = deviceOf(await signIn("other@example.com", goodPassword, at("198.51.100.2")));
  expect(device).toMatch(/^__Host-device=[a-z2-9]{24}:[\w-]+@0@\d+\.[\w-]{43}$/);
  await lock("known@example.com");
  const forged = device.replace(/.$/, (last) => (last === "A" ? "B" : "A"));
  const [, userId = ""] = /:([\w-]+)@/.exec(device) ?? [];
  const altered = others.replace(/:[\w-]+@/, `:${userId}@`);
  for (const cookie of [forged, altered, others, `__Host-device=x:${userId}@0@9999999999`, "__Host-device="])
    expect((await signIn("known@example.com", goodPassword, at("192.0.2.201", cookie))).body.ok, cookie).toBe(false);
  const signedIn = await signIn("known@example.com", goodPassword, at("192.0.2.202", device));
  expect(signedIn.body.ok).toBe(true);
});

test("S-F2: a device is known for half a year from each user's last right password, for five users at most", () => {
  const clock = createClock();
  clock.set(1_000_000_000);
  const devices = createDevices(randomBytes(32), clock);
  const remember = (before: string, user: string, counter = 0) =>
    `__Host-device=${devices.remember(before || undefined, user, counter)}`;
  const first = remember("", "ada");
  const id = devices.read(first)?.split(":")[0];
  clock.advance(100 * 86_400);
  const second = remember(first, "bob", 7);
  expect(devices.read(second)).toBe(`${id}:bob@7,ada@0`);
  clock.advance(80 * 86_400 - 1);
  expect(devices.read(first)).toBe(`${id}:ada@0`);
  clock.advance(1);
  expect(devices.read(first)).toBeUndefined();
  expect(devices.read(second)).toBe(`${id}:bob@7`);
  expect(devices.read(remember(second, "ada", 1))).toBe(`${id}:ada@1,bob@7`);
  const full = ["c", "d", "e", "f"].reduce((before, user) => remember(before, user), second);
  expect(devices.read(full)).toBe(`${id}:f@0,e@0,d@0,c@0,bob@7`);
  expect(devices.read(remember(full, "g"))).toBe(`${id}:g@0,f@0,e@0,d@0,c@0`);
});

test("S-F2: a device that has shown a former password only is none, and one that chose the new one is", async () => {
  const { session } = await walk.activate("changing@example.com");
  const former = deviceOf(await signIn("changing@example.com", goodPassword, at("198.51.100.3")));
  const chosen = "yet another good password of mine";
  const update = (action: string, args: object, cookie = session.cookie) =>
    act(action, args, at("198.51.100.3", cookie));
  const { user_password_update_token } = (await update("create_user_password_update", {})).body.values;
  await update("verify_user_password_update_user_password", { user_password_update_token, password: goodPassword });
  await update("set_user_password_update_new_password", { user_password_update_token, password: chosen });
  const done = await update("complete_user_password_update", { user_password_update_token });
  expect(done.body.ok).toBe(true);
  const current = deviceOf(done);
  await lock("changing@example.com");
  expect((await signIn("changing@example.com", chosen, at("192.0.2.221", former))).body.ok).toBe(false);
  expect((await signIn("changing@example.com", chosen, at("192.0.2.221", current))).body.ok).toBe(true);
});

test("S-F2, acc F5: at the hundred the owner is mailed what happened, and by itself a link that works", async () => {
  await walk.activate("locked-out@example.com");
  await walk.mailsTo("locked-out@example.com");
  await lock("locked-out@example.com");
  const mails = await waitUntil(
    () => walk.mailsTo("locked-out@example.com"),
    (list) => ["password_locked", "password_reset"].every((wanted) => list.some(({ type }) => type === wanted)),
  );
  expect(mails.filter(({ type }) => type === "password_locked")).toHaveLength(1);
  const mail = mails.findLast(({ type }) => type === "password_reset");
  const token = new URL(mail?.link ?? "").searchParams.get("token");
  const chosen = await client.app.post(
    "/account/use_password_link",
    { token, code: mail?.code, password: "another good password of mine" },
    at("192.0.2.203"),
  );
  expect(chosen.status).toBe(200);
  // The browser in which a new password was chosen is known from then on.
  const cookie = deviceOf(chosen);
  const back = await signIn("locked-out@example.com", "another good password of mine", at("192.0.2.203", cookie));
  expect(back.body.ok).toBe(true);
});

test("acc F5: an address without an account is locked in the same way, and nobody is mailed", async () => {
  await lock("nobody-here@example.com");
  expect(await walk.mailsTo("nobody-here@example.com")).toEqual([]);
});

test("out: a link that is owed outlives the death of the process that owes it", async () => {
  await walk.activate("owed@example.com");
  await stack.servers.app.stop();
  await stack.sql`insert into owed_links (email, owed_at) values ('owed@example.com', 1)`;
  await stack.servers.app.start();
  await waitUntil(
    () => walk.mailsTo("owed@example.com"),
    (list) => list.some(({ type }) => type === "password_reset"),
  );
  expect(await stack.sql`select from owed_links`).toHaveLength(0);
});

test("S-F6: no answer to a code that is typed tells that a link was sent to an account by itself", async () => {
  await walk.activate("linked@example.com");
  await stack.sql`insert into owed_links (email, owed_at) values ('linked@example.com', 1)`;
  await waitUntil(
    () => walk.mailsTo("linked@example.com"),
    (list) => list.some(({ type }) => type === "password_reset"),
  );
  const guessed = [];
  for (const email of ["linked@example.com", "not-linked@example.com"]) {
    // Where the auth server refuses this caller's guesses already, only an account with a link could show that.
    const { body } = await act("create_user_password_reset", { user_email_address: email }, at("192.0.2.210"));
    const { user_password_reset_token } = body.values;
    const wrong = { user_password_reset_token, temporary_password: "ABCDEFGHJKLM" };
    for (let guess = 0; guess < 6; guess++)
      await act("verify_user_password_reset_temporary_password", wrong, at("192.0.2.210"));
    const replies = [];
    for (let guess = 0; guess < 7; guess++)
      replies.push(
        await client.app.post(
          "/account/use_password_link",
          { email, code: "ABCDEFGHJKLM", password: "another good password of mine" },
          at("192.0.2.210"),
        ),
      );
    guessed.push(JSON.stringify(replies.map(tellTale)));
    expect(replies.map(({ status }) => status)).toEqual([422, 422, 422, 422, 422, 429, 429]);
  }
  expect(new Set(guessed).size).toBe(1);
});

test("S-F6: nor does the answer to who asks for a link, whatever that caller has used up", async () => {
  await walk.activate("sent@example.com");
  await stack.sql`insert into owed_links (email, owed_at) values ('sent@example.com', 1)`;
  await waitUntil(
    () => walk.mailsTo("sent@example.com"),
    (list) => list.some(({ type }) => type === "password_reset"),
  );
  const from = at("192.0.2.212");
  for (let turn = 0; turn < 11; turn++)
    await act("create_user_password_reset", { user_email_address: `junk-${turn}@example.com` }, from);
  const ask = (email: string) => client.app.post("/account/request_password_link", { email }, from);
  const answers = [await ask("sent@example.com"), await ask("not-sent@example.com")];
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(new Set(answers.map((reply) => JSON.stringify(tellTale(reply)))).size).toBe(1);
});

test("S-F9: whoever holds the mailed link has tries of their own, also behind the address of a stranger who guesses", async () => {
  await walk.activate("neighbour@example.com");
  const from = at("192.0.2.213");
  await client.app.post("/account/request_password_link", { email: "neighbour@example.com" }, from);
  const mails = await waitUntil(
    () => walk.mailsTo("neighbour@example.com"),
    (list) => list.some(({ type }) => type === "password_reset"),
  );
  const { body } = await act("create_user_password_reset", { user_email_address: "neighbour@example.com" }, from);
  const wrong = {
    user_password_reset_token: body.values.user_password_reset_token,
    temporary_password: "ABCDEFGHJKLM",
  };
  const codes = [];
  for (let guess = 0; guess < 6; guess++)
    codes.push((await act("verify_user_password_reset_temporary_password", wrong, from)).body.error_code);
  expect(codes.at(-1)).toBe("rate_limited");
  const mail = mails.findLast(({ link }) => link !== undefined);
  const token = new URL(mail?.link ?? "").searchParams.get("token");
  const choice = { token, code: mail?.code, password: "another good password of mine" };
  expect((await client.app.post("/account/use_password_link", choice, from)).status).toBe(200);
});

test("S-F1: resets that strangers ask for as actions take neither the mails of links nor a link's place", async () => {
  await walk.activate("aimed-at@example.com");
  const resets = async () =>
    (await walk.mailsTo("aimed-at@example.com")).filter(({ type }) => type === "password_reset");
  const attack = (turn: number) =>
    act("create_user_password_reset", { user_email_address: "aimed-at@example.com" }, at(`198.51.100.${turn}`));
  for (let turn = 0; turn < 12; turn++) expect((await attack(turn)).body.ok).toBe(true);
  const [asked] = await Promise.all([
    client.app.post("/account/request_password_link", { email: "aimed-at@example.com" }, at("192.0.2.211")),
    ...Array.from({ length: 8 }, (_, turn) => attack(100 + turn)),
  ]);
  expect(asked.status).toBe(200);
  const linked = await waitUntil(
    async () => (await resets()).filter(({ link }) => link !== undefined),
    (mails) => mails.length > 0,
  );
  expect(linked).toHaveLength(1);
  const token = new URL(linked[0]?.link ?? "").searchParams.get("token");
  const choice = { token, code: linked[0]?.code, password: "another good password of mine" };
  expect((await client.app.post("/account/use_password_link", choice, at("192.0.2.211"))).status).toBe(200);
});

test("S-F2: a link that is owed waits while a stranger's request for the same address is under way", async () => {
  const email = "meanwhile@example.com";
  await walk.activate(email);
  await stack.sql`insert into account_links (id, token_hash, kind, email, email_norm, opened_by, created_at, expires_at)
    select 'strange', 'strange', 'password_reset', ${email}, ${email}, application_name,
      extract(epoch from now())::bigint, extract(epoch from now())::bigint + 600
    from pg_stat_activity where application_name like 'anteroom-app%' limit 1`;
  await stack.sql`insert into owed_links (email, owed_at) values (${email}, 1)`;
  await client.drainMail();
  expect(await stack.sql`select from owed_links where email = ${email}`).toHaveLength(1);
  await stack.sql`delete from account_links where id = 'strange'`;
  const mails = await waitUntil(
    () => walk.mailsTo(email),
    (list) => list.some(({ type }) => type === "password_reset"),
  );
  expect(mails.findLast(({ type }) => type === "password_reset")?.link).toBeDefined();
});
