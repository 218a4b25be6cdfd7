import { measured } from "@anteroom/shared/testing/measured";
import { mannWhitneyP } from "@anteroom/shared/testing/statistics";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient, tellTale } from "./support/client.ts";
import { readMails, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({
    env: { AUTH_USER_CHECK_INTERVAL: "0s", AUTH_TEMPORARY_PASSWORD_HASH: "argon2id.1.64.1.32" },
  });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const newPassword = "seven quiet boats at dawn";

const request = (email: string) => client.app.post("/account/request_password_link", { email });
const look = (token: string) => client.app.post("/account/password_link_status", { token });
const use = (link: object, password = newPassword) =>
  client.app.post("/account/use_password_link", { ...link, password });
const resets = async (address: string) => (await walk.mailsTo(address)).filter(({ type }) => type === "password_reset");

function read(link: string | undefined) {
  const url = new URL(link ?? "no:link");
  return {
    page: url.origin + url.pathname,
    token: url.searchParams.get("token") ?? "",
    code: url.searchParams.get("code") ?? "",
  };
}

/** What the link carries that the request brought. The mail may be a moment later than the answer. */
async function askFor(address: string) {
  const before = (await resets(address)).length;
  expect((await request(address)).status).toBe(200);
  const mails = await waitUntil(
    () => resets(address),
    (found) => found.length > before,
  );
  const { token, code } = read(mails.at(-1)?.link);
  return { token, code };
}

async function canSignIn(address: string, password: string): Promise<boolean> {
  const { values } = await client.auth("create_signin", { user_email_address: address });
  const named = { signin_token: values.signin_token };
  const { ok } = await client.auth("verify_signin_user_password", { ...named, password });
  return ok && (await client.auth("complete_signin", named)).ok;
}

const sessionStatus = async (session: Record<string, string>) =>
  (await client.app.get("/auth/session_info/", session)).status;

test.concurrent("M-16, K-21: whoever asks gets one mail with a link and a code; looking at the link changes nothing", async () => {
  const { session } = await walk.activate("ask@example.com");
  await request(" Ask@Example.com ");
  const mails = await waitUntil(
    () => resets("ask@example.com"),
    (found) => found.length > 0,
  );
  expect(mails).toHaveLength(1);
  const { page, token, code } = read(mails[0]?.link);
  expect([page, code]).toEqual([`${stack.urls.app}/account/recover`, mails[0]?.code]);
  expect(token).toMatch(/^[\w-]{43}$/);
  for (let turn = 0; turn < 3; turn++) {
    await client.app.get(`/account/recover?token=${token}&code=${code}`, { accept: "text/html" });
    await client.app.raw(`/account/recover?token=${token}&code=${code}`, { method: "HEAD" });
    expect((await look(token)).body).toEqual({ email: "Ask@Example.com", expires_at: expect.any(Number) });
  }
  expect(await sessionStatus(session)).toBe(200);
  expect((await use({ token, code })).status).toBe(200);
});

test.concurrent("M-19, M-20, M-21, M-22: the link sets the password once, ends every session, opens none, and is told by mail", async () => {
  const address = "twice@example.com";
  const { session } = await walk.activate(address);
  const elsewhere = { cookie: await client.setSession(await client.signIn(address, goodPassword)) };
  const link = await askFor(address);
  const reply = await use(link);
  expect([reply.status, reply.body]).toEqual([200, { success: true }]);
  expect(reply.headers.getSetCookie().filter((cookie) => cookie.startsWith("__Host-session="))).toEqual([]);
  expect([await sessionStatus(session), await sessionStatus(elsewhere)]).toEqual([401, 401]);
  const sessions = await client.authPrivate("list_sessions", {
    session_token: await client.signIn(address, newPassword),
  });
  expect(sessions.values.sessions).toHaveLength(1);
  expect(await canSignIn(address, goodPassword)).toBe(false);
  for (const again of [await use(link, "another good one for later"), await look(link.token)])
    expect([again.status, again.body.code]).toEqual([404, "link_not_valid"]);
  expect(await canSignIn(address, newPassword)).toBe(true);
  await waitUntil(
    async () => (await walk.mailsTo(address)).filter(({ type }) => type === "password_updated"),
    (told) => told.length === 1,
  );
});

test.concurrent("M-18: a link that was made up, belongs to nobody or is incomplete is refused alike", async () => {
  const { code } = await (async () => {
    await walk.activate("stray@example.com");
    return askFor("stray@example.com");
  })();
  for (const token of ["x", "x".repeat(43), "a.b"]) {
    expect([(await look(token)).status, (await look(token)).body.code]).toEqual([404, "link_not_valid"]);
    expect((await use({ token, code })).body.code).toBe("link_not_valid");
  }
  expect((await use({ code })).body.code).toBe("missing_field");
});

test.concurrent("K-10, acc F11: only the newest link works, and the older one says where to look", async () => {
  await walk.activate("newest@example.com");
  const first = await askFor("newest@example.com");
  const second = await askFor("newest@example.com");
  expect(first.token).not.toBe(second.token);
  expect((await use(first)).body.code).toBe("link_superseded");
  const looked = await client.app.post("/account/password_link_status", { token: first.token });
  expect([looked.status, looked.body.code]).toEqual([404, "link_superseded"]);
  expect((await use({ token: second.token, code: first.code })).body.code).toBe("incorrect_code");
  expect((await use(second)).status).toBe(200);
});

test.concurrent("a wrong code or a password that is refused leaves the link alive, and the code is needed each time", async () => {
  await walk.activate("patient@example.com");
  const link = await askFor("patient@example.com");
  expect((await use({ ...link, code: "ABCDEFGHJKLM" })).body.code).toBe("incorrect_code");
  expect((await use(link, "short")).body.code).toBe("invalid_password_length");
  expect((await use(link, "password123456password")).body.code).toBe("weak_password");
  expect((await use({ ...link, code: "ABCDEFGHJKLM" })).body.code).toBe("incorrect_code");
  expect((await use({ ...link, code: ` ${link.code.toLowerCase()} ` })).status).toBe(200);
});

test.concurrent("C1: the code can be typed with the address instead; unknown addresses are answered as wrong codes", async () => {
  await walk.activate("typed@example.com");
  const { code } = await askFor("typed@example.com");
  await request("nobody-typed@example.com");
  const wrong = ["nobody-typed@example.com", "never-asked@example.com", "typed@example.com"].map((email) =>
    use({ email, code: "ABCDEFGHJKLM" }),
  );
  const answers = (await Promise.all(wrong)).map((reply) => JSON.stringify(tellTale(reply)));
  expect(new Set(answers).size).toBe(1);
  expect((await use({ email: "TYPED@example.com", code })).status).toBe(200);
});

test("S-18: the sixth guess is refused, and a minute later the right code works", async () => {
  await walk.activate("guessed@example.com");
  const link = await askFor("guessed@example.com");
  for (let guess = 0; guess < 5; guess++)
    expect((await use({ ...link, code: "ABCDEFGHJKLM" })).body.code).toBe("incorrect_code");
  const sixth = await use(link);
  expect([sixth.status, sixth.body.code]).toEqual([429, "rate_limited"]);
  await client.advanceClocks(60);
  expect((await use(link)).status).toBe(200);
});

test("M-18: a link works until its last second and not at its end; its row is purged", async () => {
  await walk.activate("late@example.com");
  const now = Math.ceil(Date.now() / 1_000) + 1_000;
  const setClocks = (time: number) =>
    Promise.all([
      client.command("auth", "set_clock", { now: time }),
      client.command("app", "set_clock", { now: time, purge: false }),
    ]);
  await setClocks(now);
  const link = await askFor("late@example.com");
  const { expires_at } = (await look(link.token)).body;
  expect(expires_at).toBe(now + 20 * 60);
  await setClocks(expires_at - 1);
  expect((await look(link.token)).status).toBe(200);
  await setClocks(expires_at);
  expect([(await look(link.token)).body.code, (await use(link)).body.code]).toEqual(["link_expired", "link_not_valid"]);
  await setClocks(expires_at + 86_399);
  expect((await look(link.token)).body.code).toBe("link_expired");
  await setClocks(expires_at + 86_400);
  expect((await look(link.token)).body.code).toBe("link_not_valid");
  await client.command("app", "advance_clock", { seconds: 0 });
  const [rows] = await stack.sql`select count(*)::int as rows from account_links where email_norm = 'late@example.com'`;
  expect(rows?.rows).toBe(0);
  await Promise.all([client.command("auth", "release_clock"), client.command("app", "release_clock")]);
});

test("S-11: a request that was cut off by the end of its server stands in nobody's way", async () => {
  await walk.activate("cut@example.com");
  await stack.sql`insert into account_links (id, token_hash, kind, email, email_norm, opened_by, created_at, expires_at)
    select 'cut', 'cut', 'password_reset', email, email_norm, 'anteroom-app gone', extract(epoch from now()) + 1e9,
      extract(epoch from now()) + 2e9 from users where email_norm = 'cut@example.com'`;
  expect((await use(await askFor("cut@example.com"))).status).toBe(200);
});

test("a mail that is late keeps its own link: two codes and two links, and the newer pair works", async () => {
  const address = "slow@example.com";
  await walk.activate(address);
  const now = Math.floor(Date.now() / 1_000) + 3_600;
  await stack.sql`insert into account_links (id, token_hash, kind, email, email_norm, is_open, superseded, opened_by, created_at, expires_at)
    select id, id::bytea, 'password_reset', ${address}, ${address}, is_open, is_open, 'anteroom-app gone', at, at + 1e6
    from (values ('late1', true, ${now - 1}::bigint), ('late2', false, ${now}::bigint)) late (id, is_open, at)`;
  await client.command("app", "set_clock", { now });
  for (const code of ["FIRSTCODE234", "OTHERCODE234"])
    await client.email({ type: "password_reset", email: address, code });
  const rows =
    await stack.sql`select link_id from mails where email_norm = ${address} and type = 'password_reset' order by id`;
  expect(rows.map(({ link_id }) => link_id)).toEqual(["late1", "late2"]);
  // A mail that was lost does not shift the others.
  await stack.sql`update account_links set code_mac = null, created_at = created_at - 60 where id = 'late1'`;
  await stack.sql`update account_links set code_mac = null where id = 'late2'`;
  await client.email({ type: "password_reset", email: address, code: "THIRDCODE234" });
  const [last] =
    await stack.sql`select link_id from mails where email_norm = ${address} and type = 'password_reset' order by id desc limit 1`;
  expect(last?.link_id).toBe("late2");
  await client.command("app", "release_clock");
});

test("S-F16: only the mail of its own request takes a link's place, whoever else has one mailed at that moment", async () => {
  const address = "beside@example.com";
  await walk.activate(address);
  const now = Math.floor(Date.now() / 1_000);
  await stack.sql`insert into account_links (id, token_hash, kind, email, email_norm, opened_by, request_id, created_at, expires_at)
    values ('own', 'own', 'password_reset', ${address}, ${address}, 'anteroom-app gone', 'own-request', ${now}, ${now + 600})`;
  for (const [code, request] of [
    ["FIRSTCODE234", "another-request"],
    ["OTHERCODE234", "own-request"],
  ] as const)
    await client.email({ type: "password_reset", email: address, code }, { "x-request-id": request });
  const rows =
    await stack.sql`select link_id from mails where email_norm = ${address} and type = 'password_reset' order by id`;
  expect(rows.map(({ link_id }) => link_id)).toEqual([null, "own"]);
});

test("G6: whoever holds an expired link has a new one sent with one press, and not twice", async () => {
  await walk.activate("renewed@example.com");
  const link = await askFor("renewed@example.com");
  const renew = (token: string) => client.app.post("/account/request_password_link", { token });
  expect((await renew(link.token)).body.code).toBe("link_not_valid");
  await client.advanceClocks(20 * 60);
  expect((await renew(link.token)).status).toBe(200);
  expect((await renew(link.token)).body.code).toBe("link_not_valid");
  expect((await use(link)).body.code).toBe("link_superseded");
  const mails = await waitUntil(
    () => resets("renewed@example.com"),
    (found) => found.length > 1,
  );
  const { token, code } = read(mails.at(-1)?.link);
  expect((await use({ token, code })).status).toBe(200);
});

test("twenty at once ask: one mail for all who come while it is made, and its link works; twenty at once use it: one password holds", async () => {
  const address = "crowd@example.com";
  await walk.activate(address);
  const asked = await Promise.all(Array.from({ length: 20 }, () => request(address)));
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([200]));
  const mails = await waitUntil(
    () => resets(address),
    (found) => found.length > 0,
  );
  // On a slow machine some come when the first is done.
  expect(mails.length).toBeLessThan(4);
  const { token, code } = read(mails.at(-1)?.link);
  const passwords = Array.from({ length: 5 }, (_, index) => `harbour lantern number ${index}`);
  const used = await Promise.all(passwords.map((password) => use({ token, code }, password)));
  const won = passwords.filter((_, index) => used[index]?.status === 200);
  expect(won).toHaveLength(1);
  expect(await canSignIn(address, won[0] ?? "")).toBe(true);
});

test("D-37, S-F1: the sixth request for an address mails nothing, and the link that was mailed last works; whether anybody has it or not", async () => {
  await walk.activate("flooded@example.com");
  await client.advanceClocks(1_800);
  const ask = async (address: string) => {
    const statuses: number[] = [];
    for (let turn = 0; turn < 6; turn++) statuses.push((await request(address)).status);
    return statuses;
  };
  const [known, unknown] = await Promise.all([ask("flooded@example.com"), ask("unflooded@example.com")]);
  expect(known).toEqual([200, 200, 200, 200, 200, 200]);
  expect(unknown).toEqual(known);
  const mails = await waitUntil(
    () => resets("flooded@example.com"),
    (found) => found.length >= 5,
  );
  expect(mails).toHaveLength(5);
  const { token, code } = read(mails.at(-1)?.link);
  expect((await use({ token, code })).status).toBe(200);
});

test.concurrent("M-22: a link ends when the password is changed by other means", async () => {
  const { sessionToken } = await walk.activate("changed@example.com");
  const link = await askFor("changed@example.com");
  const begun = await client.auth("create_user_password_update", { session_token: sessionToken });
  const named = { session_token: sessionToken, user_password_update_token: begun.values.user_password_update_token };
  await client.auth("verify_user_password_update_user_password", { ...named, password: goodPassword });
  await client.auth("set_user_password_update_new_password", { ...named, password: newPassword });
  expect((await client.auth("complete_user_password_update", named)).ok).toBe(true);
  expect((await look(link.token)).body.code).toBe("link_not_valid");
});

test.concurrent("S-21: nobody who is disabled gets a mail, and the answer is the same", async () => {
  await walk.activate("disabled@example.com");
  await stack.sql`update users set disabled = true, disabled_counter = disabled_counter + 1
    where email_norm = 'disabled@example.com'`;
  const reply = await request("disabled@example.com");
  expect([reply.status, reply.body]).toEqual([200, (await request("nobody@example.com")).body]);
  expect(await resets("disabled@example.com")).toEqual([]);
});

test.concurrent("S-6: neither handle nor code nor the auth server's token can be read in the database", async () => {
  await walk.activate("rest@example.com");
  const { token, code } = await askFor("rest@example.com");
  const [row] = await stack.sql`select t::text as row, auth_token, code_mac from account_links t
    where email_norm = 'rest@example.com'`;
  const raw = [
    row?.row,
    Buffer.from(row?.auth_token).toString("latin1"),
    Buffer.from(row?.code_mac).toString("latin1"),
  ];
  for (const secret of [token, code]) expect(raw.join(" ")).not.toContain(secret);
  expect(raw[1]).not.toMatch(/[a-z2-9]{24}\.[a-z2-9]{26}/);
  const printed = stack.servers.app.output() + stack.servers.auth.output();
  for (const secret of [token, code]) expect(printed).not.toContain(secret);
});

test("M-17, K-22: known and unknown addresses get the same answer, after the same time, and strangers no mail", async () => {
  const shapes = new Set<string>();
  await measured(async (turn) => {
    const [first, last] = [turn * 100, turn * 100 + 19];
    await stack.sql`insert into users (id, email, email_norm, firstname, lastname, password_hash,
        password_hash_algorithm_id, password_salt, created_at)
      select 'u' || n, 'user' || n || '@example.com', 'user' || n || '@example.com', 'A', 'B', '', 'x', '', 0
      from generate_series(${first}::int, ${last}::int) n`;
    const times = { user: [] as number[], none: [] as number[] };
    const sample = async (kind: "user" | "none", number: number) => {
      const start = performance.now();
      const reply = await request(`${kind}${number}@example.com`);
      times[kind].push(performance.now() - start);
      shapes.add(JSON.stringify(tellTale(reply)));
    };
    for (let number = first; number <= last; number++)
      await Promise.all(
        (number % 2 ? (["user", "none"] as const) : (["none", "user"] as const)).map((kind) => sample(kind, number)),
      );
    expect(mannWhitneyP(times.user, times.none)).toBeGreaterThan(0.01);
    expect(Math.min(...times.user, ...times.none)).toBeGreaterThan(158);
  });
  expect([...shapes]).toEqual([expect.any(String)]);
  await waitUntil(
    () => resets("user100@example.com"),
    (found) => found.length === 1,
  );
  const told = (await readMails(stack)).map(({ to }) => to);
  expect(told.filter((address) => address.startsWith("none"))).toEqual([]);
});
