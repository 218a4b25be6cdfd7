import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measured } from "@anteroom/shared/testing/measured";
import { mannWhitneyP } from "@anteroom/shared/testing/statistics";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let folder: string;
let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "anteroom-addresses-"));
  const blocklist = join(folder, "blocklist");
  await writeFile(blocklist, "@blocked.example\n");
  stack = await startStack({ env: { AUTH_USER_CHECK_INTERVAL: "0s", AUTH_EMAIL_BLOCKLIST: blocklist } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true });
});

type Session = Record<string, string>;

const ask = (session: Session, email: string, password = goodPassword) =>
  client.app.post("/account/change_email", { email, password }, session);
const confirm = (link: object, session: Session = {}) => client.app.post("/account/confirm_email", link, session);
const pending = async (session: Session) =>
  (await client.app.get("/account/email_change/", session)).body.pending?.email ?? null;
const addressOf = async (session: Session) => (await client.app.get("/auth/session_info/", session)).body.user.email;
const codeMails = async (address: string) =>
  (await walk.mailsTo(address)).filter(({ type }) => type === "email_update_verification");

/** What the newest link to the address carries. */
async function newestLink(address: string) {
  const mail = (await codeMails(address)).at(-1);
  const url = new URL(mail?.link ?? "no:link");
  expect([url.origin + url.pathname, url.searchParams.get("code")]).toEqual([`${stack.urls.app}/account`, mail?.code]);
  return { token: url.searchParams.get("change") ?? "", code: mail?.code ?? "" };
}

async function askFor(session: Session, address: string) {
  const reply = await ask(session, address);
  expect([reply.status, reply.body]).toEqual([200, { email: address, expires_at: expect.any(Number) }]);
  return newestLink(address.toLowerCase());
}

const setClocks = (now: number) =>
  Promise.all([
    client.command("auth", "set_clock", { now }),
    client.command("app", "set_clock", { now, purge: false }),
  ]);
const releaseClocks = () =>
  Promise.all([client.command("auth", "release_clock"), client.command("app", "release_clock")]);

test.concurrent("K-14, K-15, K-16, K-17, M-23: the link goes to the new address, the old one holds until it is used and is told then", async () => {
  const { session } = await walk.activate("old@example.com");
  const link = await askFor(session, "New@example.com");
  expect(await pending(session)).toBe("New@example.com");
  expect(await addressOf(session)).toBe("old@example.com");
  expect(await client.signIn("old@example.com", goodPassword)).toEqual(expect.any(String));
  for (let turn = 0; turn < 3; turn++)
    await client.app.get(`/account?change=${link.token}&code=${link.code}`, { accept: "text/html" });
  expect(await addressOf(session)).toBe("old@example.com");
  const reply = await confirm(link);
  expect([reply.status, reply.body]).toEqual([200, { success: true, email: "New@example.com", already: false }]);
  expect([await addressOf(session), await pending(session)]).toEqual(["New@example.com", null]);
  expect(await client.signIn("new@example.com", goodPassword)).toEqual(expect.any(String));
  await expect(client.signIn("old@example.com", goodPassword)).rejects.toThrow("failed");
  const told = (await walk.mailsTo("old@example.com")).filter(({ type }) => type === "email_updated");
  expect(told).toHaveLength(1);
  expect(told[0]?.text).toContain("New@example.com");
  expect(await codeMails("old@example.com")).toEqual([]);
});

test.concurrent("K-5: it works signed in or not, on another device, and after signing out where it was asked for", async () => {
  const { session } = await walk.activate("away@example.com");
  const link = await askFor(session, "away-new@example.com");
  await client.app.post("/cookies/clear_session/", {}, session);
  const reply = await confirm(link);
  expect([reply.status, reply.headers.getSetCookie()]).toEqual([200, []]);
  const other = await walk.activate("there@example.com");
  const theirs = await askFor(other.session, "there-new@example.com");
  expect((await confirm(theirs, other.session)).status).toBe(200);
});

test.concurrent("K-8: using the link again says so, changes nothing and signs nobody in; a wrong code still is one", async () => {
  const { session } = await walk.activate("again@example.com");
  const link = await askFor(session, "again-new@example.com");
  await confirm(link);
  const again = await confirm(link);
  expect([again.status, again.body]).toEqual([200, { success: true, email: "again-new@example.com", already: true }]);
  expect(again.headers.getSetCookie()).toEqual([]);
  expect((await confirm({ ...link, code: "ABCDEFGH" })).body.code).toBe("incorrect_code");
  const told = (await walk.mailsTo("again@example.com")).filter(({ type }) => type === "email_updated");
  expect(told).toHaveLength(1);
});

test.concurrent("K-6: a wrong token, a wrong code and another's link are refused and change nothing", async () => {
  const one = await walk.activate("one@example.com");
  const two = await walk.activate("two@example.com");
  const [first, second] = [
    await askFor(one.session, "one-new@example.com"),
    await askFor(two.session, "two-new@example.com"),
  ];
  expect((await confirm({ token: "x".repeat(43), code: first.code })).body.code).toBe("link_not_valid");
  expect((await confirm({ token: first.token, code: second.code })).body.code).toBe("incorrect_code");
  expect((await confirm({ code: second.code }, one.session)).body.code).toBe("incorrect_code");
  expect((await confirm({ code: first.code })).status).toBe(401);
  expect([await addressOf(one.session), await addressOf(two.session)]).toEqual(["one@example.com", "two@example.com"]);
  const typed = await confirm(
    { code: ` ${first.code.slice(0, 4)}-${first.code.slice(4).toLowerCase()} ` },
    one.session,
  );
  expect(typed.status).toBe(200);
});

test.concurrent("R30, S-42: the password is asked for again, its tries are counted, and without it nobody is mailed", async () => {
  const { session } = await walk.activate("guarded@example.com");
  for (let guess = 0; guess < 5; guess++)
    expect((await ask(session, "stolen@example.com", "wrong wrong wrong")).body.code).toBe("incorrect_password");
  expect((await ask(session, "stolen@example.com")).status).toBe(429);
  expect(await walk.mailsTo("stolen@example.com")).toEqual([]);
  expect((await client.app.post("/account/change_email", { email: "a@example.com", password: "x" })).status).toBe(401);
});

test("R24: a change that was asked for with the password of before does not outlive a new one", async () => {
  const { session } = await walk.activate("changing@example.com");
  const asking = await stack.sql.begin(async (sql) => {
    await sql`select from users where email = 'changing@example.com' for update`;
    const reply = ask(session, "thief@example.com");
    const isWaiting = async () =>
      (await stack.sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`)
        .length;
    await expect.poll(isWaiting).toBeGreaterThan(0);
    await sql`update users set password_hash_counter = password_hash_counter + 1 where email = 'changing@example.com'`;
    return { reply };
  });
  const reply = await asking.reply;
  expect([reply.status, reply.body.code]).toEqual([409, "internal_conflict"]);
  expect(await walk.mailsTo("thief@example.com")).toEqual([]);
});

test.concurrent("R30: Faroe's own action is not handed on, for it asks for no password before it mails; nor are ours beside it", async () => {
  const { session } = await walk.activate("direct@example.com");
  const actions = {
    create_user_email_address_update: { new_email_address: "direct-new@example.com" },
    verify_user_password: { password: goodPassword },
    check_new_email_address: { email_address: "direct-new@example.com" },
  };
  for (const [action, args] of Object.entries(actions)) {
    const body = { action, arguments: { session_token: "", ...args } };
    expect((await client.app.post("/auth/actions", body, session)).status, action).toBe(400);
    expect((await client.auth(action, args)).error_code, action).toBe("invalid_request");
  }
});

test.concurrent("K-18: somebody else's address is answered like a free one, mails nobody, and no code is right", async () => {
  const { session } = await walk.activate("asker@example.com");
  await walk.activate("taken@example.com");
  const mailsBefore = (await walk.mailsTo("taken@example.com")).length;
  const reply = await ask(session, "Taken@example.com");
  expect([reply.status, reply.body]).toEqual([200, { email: "Taken@example.com", expires_at: expect.any(Number) }]);
  expect(await pending(session)).toBe("Taken@example.com");
  expect(await walk.mailsTo("taken@example.com")).toHaveLength(mailsBefore);
  expect((await confirm({ code: "ABCDEFGH" }, session)).body.code).toBe("incorrect_code");
});

test.concurrent("K-18: an address that somebody else took meanwhile is refused at the click, and nothing changes", async () => {
  const one = await walk.activate("racer1@example.com");
  const two = await walk.activate("racer2@example.com");
  const first = await askFor(one.session, "prize@example.com");
  const second = await askFor(two.session, "prize@example.com");
  const replies = await Promise.all([confirm(first), confirm(second)]);
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
  expect(replies.find(({ status }) => status === 409)?.body.code).toBe("address_in_use");
  const [rows] = await stack.sql`select count(*)::int as users from users where email_norm = 'prize@example.com'`;
  expect(rows?.users).toBe(1);
});

test.concurrent("K-18: who asked for a taken address is not given it when it becomes free and another asks", async () => {
  const one = await walk.activate("patient1@example.com");
  const owner = await walk.activate("wanted@example.com");
  const two = await walk.activate("patient2@example.com");
  await ask(one.session, "wanted@example.com");
  await confirm(await askFor(owner.session, "moved@example.com"));
  expect((await confirm(await askFor(two.session, "wanted@example.com"))).status).toBe(200);
  expect([await addressOf(one.session), await addressOf(two.session)]).toEqual([
    "patient1@example.com",
    "wanted@example.com",
  ]);
});

test.concurrent("K-19: only the newest request counts, whatever address it is for; giving it up ends it", async () => {
  const { session } = await walk.activate("fickle@example.com");
  const first = await askFor(session, "fickle1@example.com");
  const second = await askFor(session, "fickle2@example.com");
  const third = await askFor(session, "fickle2@example.com");
  for (const link of [first, second]) expect((await confirm(link)).body.code).toBe("link_not_valid");
  await client.app.post("/account/cancel_email_change", {}, session);
  expect([(await confirm(third)).body.code, await pending(session)]).toEqual(["link_not_valid", null]);
  expect(await addressOf(session)).toBe("fickle@example.com");
});

test.concurrent("K-19: who gives up a change ends nobody else's", async () => {
  const one = await walk.activate("gives-up@example.com");
  const two = await walk.activate("goes-on@example.com");
  await askFor(one.session, "given-up@example.com");
  const theirs = await askFor(two.session, "gone-on@example.com");
  await client.app.post("/account/cancel_email_change", {}, one.session);
  expect((await confirm(theirs)).status).toBe(200);
});

test("K-7: the link works until its last second and not at its end", async () => {
  const { session } = await walk.activate("edge@example.com");
  const now = Math.ceil(Date.now() / 1_000) + 100;
  await setClocks(now);
  const link = await askFor(session, "edge-new@example.com");
  await setClocks(now + 1_200);
  expect((await confirm(link)).body.code).toBe("link_not_valid");
  await setClocks(now + 1_201);
  const next = await askFor(session, "edge-next@example.com");
  await setClocks(now + 2_400);
  expect((await confirm(next)).status).toBe(200);
  await releaseClocks();
});

test("twenty at once confirm: the address changes once and the old one is told once", async () => {
  const { session } = await walk.activate("many@example.com");
  const link = await askFor(session, "many-new@example.com");
  const replies = await Promise.all(Array.from({ length: 20 }, () => confirm(link)));
  const done = replies.filter(({ status }) => status === 200);
  expect(done).toHaveLength(5);
  expect(done.filter(({ body }) => !body.already)).toHaveLength(1);
  expect(replies.filter(({ status }) => status === 429)).toHaveLength(15);
  const told = (await walk.mailsTo("many@example.com")).filter(({ type }) => type === "email_updated");
  expect(told).toHaveLength(1);
});

test("twenty at once ask: no more than the limit are mailed, and the newest link works", async () => {
  const { session } = await walk.activate("eager@example.com");
  await client.advanceClocks(300);
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(session, "eager-new@example.com")));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200, 429]));
  expect((await codeMails("eager-new@example.com")).length).toBeLessThanOrEqual(5);
  expect((await confirm(await newestLink("eager-new@example.com"))).status).toBe(200);
});

test.concurrent("two people ask for the same address at once: each link has its own code", async () => {
  const one = await walk.activate("pair1@example.com");
  const two = await walk.activate("pair2@example.com");
  await Promise.all([ask(one.session, "pair@example.com"), ask(two.session, "pair@example.com")]);
  const links = (await codeMails("pair@example.com")).map(({ link }) => new URL(link ?? "").searchParams);
  expect(links).toHaveLength(2);
  const replies = [];
  for (const link of links) replies.push(await confirm({ token: link.get("change"), code: link.get("code") }));
  expect(replies.map(({ status }) => status)).toEqual([200, 409]);
});

test.concurrent("S-21: a change ends with the password, with the session it was asked for in, and with the account's being disabled", async () => {
  const reset = await walk.activate("ends1@example.com");
  const first = await askFor(reset.session, "ends1-new@example.com");
  await stack.sql`update users set password_hash_counter = password_hash_counter + 1 where id = ${reset.userId}`;
  const ended = await walk.activate("ends2@example.com");
  const elsewhere = await client.setSession(await client.signIn("ends2@example.com", goodPassword));
  const second = await askFor({ cookie: elsewhere }, "ends2-new@example.com");
  const others = await client.app.post("/account/end_other_sessions/", {}, ended.session);
  expect(others.body).toEqual({ success: true, ended: 1 });
  const disabled = await walk.activate("ends3@example.com");
  const third = await askFor(disabled.session, "ends3-new@example.com");
  await stack.sql`update users set disabled = true, disabled_counter = disabled_counter + 1 where id = ${disabled.userId}`;
  for (const link of [first, second, third]) expect((await confirm(link)).body.code).toBe("link_not_valid");
});

test("S-18: the sixth guess is refused, even a right one, for a minute", async () => {
  const { session } = await walk.activate("guess@example.com");
  const link = await askFor(session, "guess-new@example.com");
  for (let guess = 0; guess < 5; guess++)
    expect((await confirm({ ...link, code: "ABCDEFGH" })).body.code).toBe("incorrect_code");
  expect((await confirm(link)).status).toBe(429);
  await client.advanceClocks(60);
  expect((await confirm(link)).status).toBe(200);
});

test("S-18: a member asks for five changes, and an address is asked for five times; then both wait, and nobody is mailed", async () => {
  const one = await walk.activate("covets1@example.com");
  const two = await walk.activate("covets2@example.com");
  for (let turn = 0; turn < 5; turn++) expect((await ask(one.session, "coveted@example.com")).status).toBe(200);
  // The password's own tries are there again.
  await client.advanceClocks(60);
  const sixth = await ask(one.session, "another@example.com");
  expect([sixth.status, sixth.headers.get("retry-after")]).toEqual([429, "1800"]);
  expect((await ask(two.session, "Coveted@example.com")).status).toBe(429);
  expect([await pending(one.session), await pending(two.session)]).toEqual(["coveted@example.com", null]);
  expect(await codeMails("coveted@example.com")).toHaveLength(5);
  expect((await ask(two.session, "another@example.com")).status).toBe(200);
  expect(await codeMails("another@example.com")).toHaveLength(1);
});

test.concurrent("one's own address, what is none, and one that is blocked, are refused", async () => {
  const { session } = await walk.activate("self@example.com");
  const blocked = await ask(session, "self@Blocked.example");
  expect([blocked.status, blocked.body.code]).toEqual([422, "email_address_not_allowed"]);
  expect([await pending(session), await walk.mailsTo("self@blocked.example")]).toEqual([null, []]);
  expect((await ask(session, " SELF@example.com")).body.code).toBe("address_unchanged");
  for (const email of ["no address", "a@b\r\nBcc: c@d", `${"x".repeat(250)}@example.com`])
    expect((await ask(session, email)).status).toBe(422);
});

test("K-18: free and taken addresses are answered after the same time", async () => {
  await measured(async (turn) => {
    const [first, last] = [turn * 20, turn * 20 + 11];
    const times = { free: [] as number[], taken: [] as number[] };
    const people = await Promise.all([1, 2, 3, 4, 5, 6].map((one) => walk.activate(`timer${turn}${one}@example.com`)));
    await stack.sql`insert into users (id, email, email_norm, firstname, lastname, password_hash,
        password_hash_algorithm_id, password_salt, created_at)
      select 'k' || n, 'taken' || n || '@example.com', 'taken' || n || '@example.com', 'A', 'B', '', 'x', '', 0
      from generate_series(${first}::int, ${last}::int) n`;
    for (let number = first; number <= last; number++) {
      const { session } = people[number % 6] ?? { session: {} };
      for (const kind of number % 2 ? (["free", "taken"] as const) : (["taken", "free"] as const)) {
        const start = performance.now();
        expect((await ask(session, `${kind}${number}@example.com`)).status).toBe(200);
        times[kind].push(performance.now() - start);
      }
    }
    expect(mannWhitneyP(times.free, times.taken)).toBeGreaterThan(0.01);
  });
});
