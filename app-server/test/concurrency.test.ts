import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCredentials } from "../src/credentials.ts";
import { type Client, createClient, type Reply } from "./support/client.ts";
import { startMailRelay } from "./support/mail-relay.ts";
import { activate, readCodeMails, readRows } from "./support/people.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { createServer, type RunningServer, readMails, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";

const twenty = Array.from({ length: 20 }, (_, index) => index);
const atOnce = <T>(run: (index: number) => Promise<T>): Promise<T[]> => Promise.all(twenty.map(run));
/** Many at once take long on a slow machine, and these tests are about something else. */
const patient = { AUTH_INVOKE_TIMEOUT: "25s", AUTH_EMAIL_TIMEOUT: "25s", BACKEND_AUTH_TIMEOUT: "55s" };
const onePool = { AUTH_DATABASE_POOL: "1", BACKEND_DATABASE_POOL: "1" };

let stack: ProxiedStack;
let client: Client;
let admin: { cookie: string };
let authSql: postgres.Sql;

async function start(env: Record<string, string>): Promise<void> {
  stack = await startProxiedStack({ env: { LOG_LEVEL: "warn", ...patient, ...env } });
  client = stack.client;
  admin = await client.adminCookie();
  authSql = postgres(stack.databases.auth.url, { max: 1, onnotice: () => undefined });
}

async function stop(): Promise<void> {
  await authSql.end({ timeout: 1 });
  await stack.stop();
}

const accept = (email: string, by = admin) => client.app.post("/admin/accept_user/", { email }, by);

/** People who wait, without asking the server hundreds of times. */
async function insertRegistrations(stack: Stack, emails: string[]): Promise<void> {
  const credentials = createCredentials(Buffer.from(stack.env.BACKEND_SECRET ?? "", "base64"));
  const now = Math.floor(Date.now() / 1_000);
  const rows = emails.map((email) => ({ email, id: randomUUID(), created_at: now }));
  const states = rows.map((row) => ({
    ...row,
    token_hash: credentials.hashToken(credentials.registrationToken(row.id)),
    state: "REQUESTED",
    expires_at: now + 86_400,
  }));
  const people = rows.map(({ id, ...row }) => ({ ...row, registration_id: id, firstname: "Ada", lastname: "L" }));
  await stack.sql`insert into registration_state ${stack.sql(states)}`;
  await stack.sql`insert into newusers ${stack.sql(people)}`;
}

describe.each([
  { name: "the usual pools", env: {} },
  { name: "one database connection each", env: onePool },
])("with $name", ({ env }) => {
  beforeAll(() => start(env));
  afterAll(stop);
  beforeEach(() => stack.recorder.reset());

  test("D-33, S-11, S-12, G17: twenty administrators accept one person at once: one create_signup, one mail, the others are told who was first", async () => {
    const administrators = await atOnce((index) => makeAdministrator(`admin-${index}@example.com`));
    await client.register("wanted@example.com");
    stack.recorder.reset();
    const startedAt = performance.now();
    const replies = await atOnce((index) => accept("wanted@example.com", administrators[index]));
    expect(performance.now() - startedAt).toBeLessThan(patiently(3_000));
    expect(replies.map(({ status }) => status).toSorted()).toEqual(twenty.map((index) => (index === 0 ? 200 : 409)));
    const winner = `admin-${replies.findIndex(({ status }) => status === 200)}@example.com`;
    const [decision] = await stack.sql`select users.id as decided_by, decided_at from users
      join registration_state on decided_by = users.id
      where users.email = ${winner} and registration_state.email = 'wanted@example.com'`;
    for (const { body } of replies.filter(({ status }) => status === 409))
      expect(body).toMatchObject({
        code: "invalid_transition",
        state: "OPEN",
        decided_by: decision?.decided_by,
        decided_by_name: "Ada Lovelace",
        decided_at: Number(decision?.decided_at),
      });
    expect(stack.recorder.calls("create_signup")).toHaveLength(1);
    expect(stack.recorder.calls("/email")).toHaveLength(1);
    await client.drainMail();
    expect(await readCodeMails(stack, "wanted@example.com")).toHaveLength(1);
    expect(await activate(stack, client, "wanted@example.com")).toMatchObject({ ok: true });
  });
});

/** Straight, without the proxies that the others watch through: they would cost more than the servers do. */
describe.each([
  { name: "the usual pools", env: {} },
  { name: "one database connection each", env: onePool },
])("hundreds, with $name", ({ env }) => {
  let plain: Stack;

  beforeAll(async () => {
    // Hundreds of mails to one domain would take their turns.
    const quickly = { LOG_LEVEL: "warn", BACKEND_MAILS_PER_DOMAIN_PER_MINUTE: "1000000" };
    plain = await startStack({ env: { ...quickly, ...patient, ...env } });
    client = createClient(plain);
    admin = await client.adminCookie();
    authSql = postgres(plain.databases.auth.url, { max: 1, onnotice: () => undefined });
  });
  afterAll(async () => {
    await authSql?.end({ timeout: 1 });
    await plain?.stop();
  });

  test("three hundred people accepted by fifty at a time: all succeed, one mail each", {
    timeout: patiently(60_000),
  }, async () => {
    const emails = Array.from({ length: 300 }, (_, index) => `person-${index}@example.com`);
    await insertRegistrations(plain, emails);
    const waiting = emails[Symbol.iterator]();
    const statuses: number[] = [];
    const acceptTheRest = async () => {
      for (const email of waiting) statuses.push((await accept(email)).status);
    };
    await Promise.all(Array.from({ length: 50 }, acceptTheRest));
    expect(statuses).toEqual(emails.map(() => 200));
    const [opened] = await authSql`select count(*)::int as signups from signups where email_address like 'person-%'`;
    expect(opened?.signups).toBe(300);
    await client.drainMail();
    const mails = (await readMails(plain)).filter(({ to }) => to.startsWith("person-"));
    expect(mails.map(({ to }) => to).toSorted()).toEqual(emails.toSorted());
    expect(new Set(mails.map(({ code }) => code)).size).toBe(300);
    expect(await activate(plain, client, "person-150@example.com")).toMatchObject({ ok: true });
  });
});

/** A person who signs up as everybody does and is then made an administrator. */
async function makeAdministrator(email: string): Promise<{ cookie: string }> {
  await client.register(email);
  await accept(email);
  const { values } = await activate(stack, client, email);
  await stack.sql`insert into permissions (user_id, permission, granted_by, granted_at)
    select id, 'admin', 'test', 1 from users where email = ${email}`;
  return { cookie: await client.setSession(values.session_token) };
}

describe("many at once", () => {
  beforeAll(() => start({}));
  afterAll(stop);
  beforeEach(() => stack.recorder.reset());

  test("D-8: twenty requests for one address: one registration, twenty tokens that look alike", async () => {
    const tokens = await atOnce(() => client.register("same@example.com"));
    expect(new Set(tokens).size).toBe(20);
    const states = await stack.sql`select state, count(*)::int from registration_state
      where email = 'same@example.com' group by state order by state`;
    expect(states).toEqual([
      { state: "DECOY", count: 19 },
      { state: "REQUESTED", count: 1 },
    ]);
    const seen = await Promise.all(tokens.map((token) => client.status(token)));
    for (const { body } of seen)
      expect(body).toEqual({ email: "same@example.com", accepted: false, signup_token: null });
  });

  test("D-36: twenty ask for a new code after the sign-up expired: one new sign-up, one more mail", async () => {
    const token = await client.register("late@example.com");
    await accept("late@example.com");
    await client.advanceClocks(25 * 3_600);
    stack.recorder.reset();
    // Long enough for all twenty to be there.
    stack.recorder.gate = ({ what, phase }) => (what === "create_signup" && phase === "call" ? sleep(500) : undefined);
    const replies = await atOnce(() => client.app.post("/auth/renew_signup", { registration_token: token }));
    expect(replies.map(({ status }) => status)).toEqual(twenty.map(() => 200));
    expect(new Set(replies.map(({ body }) => body.signup_token)).size, "each a token of their own").toBe(20);
    expect(stack.recorder.calls("create_signup")).toHaveLength(1);
    await client.drainMail();
    const [first, second, ...further] = await readCodeMails(stack, "late@example.com");
    expect(further).toEqual([]);
    expect(first?.code).not.toBe(second?.code);
    const signupToken = replies[7]?.body.signup_token;
    expect(await client.completeSignup(signupToken, second?.code ?? "")).toMatchObject({ ok: true });
  });

  test("D-45, D-46: twenty complete one sign-up at once: one user, one session", async () => {
    const token = await client.register("once@example.com");
    await accept("once@example.com");
    await client.drainMail();
    const [mail] = await readCodeMails(stack, "once@example.com");
    const tokens = await Promise.all([verified(token, mail?.code ?? ""), verified(token, mail?.code ?? "")]);
    const results = await atOnce((index) => client.auth("complete_signup", { signup_token: tokens[index % 2] ?? "" }));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(new Set(results.flatMap(({ error_code }) => error_code ?? []))).toEqual(new Set(["invalid_signup_token"]));
    const users = await stack.sql`select id from users where email = 'once@example.com'`;
    expect(users).toHaveLength(1);
    expect(await authSql`select id from sessions where user_id = ${users[0]?.id}`).toHaveLength(1);
  });

  async function verified(registrationToken: string, code: string): Promise<string> {
    const { signup_token } = (await client.status(registrationToken)).body;
    const shown = { signup_token, email_address_verification_code: code };
    await client.auth("verify_signup_email_address_verification_code", shown);
    await client.auth("set_signup_password", { signup_token, password: "correct horse battery staple" });
    return signup_token;
  }

  test("D-34: accept and reject at once: one of them wins, the other is 409", async () => {
    const reject = (email: string) => client.app.post("/admin/reject_user/", { email, reason: "no" }, admin);
    await atOnce(async (index) => {
      const email = `contested-${index}@example.com`;
      await client.register(email);
      const [accepted, rejected] = await inTurn(index, [() => accept(email), () => reject(email)]);
      expect([accepted?.status, rejected?.status].toSorted()).toEqual([200, 409]);
      const { registration } = await readRows(stack, email);
      expect(registration?.state).toBe(accepted?.status === 200 ? "OPEN" : "REJECTED");
      const mails = accepted?.status === 200 ? 1 : 0;
      await client.drainMail();
      expect(await readCodeMails(stack, email)).toHaveLength(mails);
    });
  });

  test("S-F10: accept and withdraw at once: withdrawn and no code, or approved and the requester is asked for the code", async () => {
    await atOnce(async (index) => {
      const email = `changing-${index}@example.com`;
      const registration_token = await client.register(email);
      const withdraw = () => client.app.post("/auth/withdraw_registration", { registration_token });
      const [accepted, withdrawn] = await inTurn(index, [() => accept(email), withdraw]);
      expect([200, 403]).toContain(withdrawn?.status);
      expect(accepted?.status).toBe(withdrawn?.status === 200 ? 400 : 200);
      const { registration } = await readRows(stack, email);
      expect(registration?.state).toBe(withdrawn?.status === 200 ? "WITHDRAWN" : "OPEN");
    });
  });

  test("accept and delete at once: it ends withdrawn, and no code opens an account", async () => {
    await atOnce(async (index) => {
      const email = `leaving-${index}@example.com`;
      const registration_token = await client.register(email);
      const remove = () => client.app.post("/admin/delete_registration/", { email }, admin);
      const [accepted, removed] = await inTurn(index, [() => accept(email), remove]);
      expect(removed?.status).toBe(200);
      expect([200, 400, 409]).toContain(accepted?.status);
      expect((await client.status(registration_token)).status).toBe(404);
      expect(await authSql`select id from signups where email_address = ${email}`).toEqual([]);
      expect(await readRows(stack, email)).toMatchObject({ registration: { state: "WITHDRAWN" }, newuser: undefined });
    });
  });

  /** Both at once, sometimes the one a little earlier, sometimes the other. */
  function inTurn(index: number, runs: (() => Promise<Reply>)[]): Promise<Reply[]> {
    return Promise.all(runs.map((run, place) => sleep(place === index % 2 ? 0 : index).then(run)));
  }
});

describe("two app servers on one database", () => {
  let relay: Awaited<ReturnType<typeof startMailRelay>>;
  let second: RunningServer;
  let clients: Client[];

  beforeAll(async () => {
    relay = await startMailRelay();
    await start({
      BACKEND_SMTP_SEND: "true",
      BACKEND_SMTP_HOST: "127.0.0.1",
      BACKEND_SMTP_PORT: String(relay.port),
      BACKEND_SMTP_TLS: "none",
      BACKEND_SMTP_SENDER_EMAIL: "anteroom@example.com",
    });
    const [port, privatePort] = [await freePort(), await freePort()];
    const app = `http://127.0.0.1:${port}`;
    second = createServer(
      "app-server",
      {
        ...stack.env,
        BACKEND_PORT: String(port),
        BACKEND_PRIVATE_PORT: String(privatePort),
        BACKEND_FRONTEND_ORIGIN: stack.urls.app,
      },
      `${app}/ready`,
    );
    await second.start();
    const urls = { ...stack.urls, app, appPrivate: `http://127.0.0.1:${privatePort}` };
    clients = [client, createClient({ ...stack, urls })];
  });

  afterAll(async () => {
    await second?.stop();
    await stop();
    relay?.close();
  });

  test("D-33: twenty accept one person on both: one create_signup, one mail, one token", async () => {
    await client.register("shared@example.com");
    stack.recorder.reset();
    const replies = await atOnce(async (index) =>
      clients[index % 2]?.app.post("/admin/accept_user/", { email: "shared@example.com" }, admin),
    );
    expect(replies.map((reply) => reply?.status)).toEqual(twenty.map(() => 200));
    expect(new Set(replies.map((reply) => reply?.body.signup_token)).size).toBe(1);
    expect(stack.recorder.calls("create_signup")).toHaveLength(1);
    const arrived = async () => relay.recipients.filter((address) => address === "shared@example.com");
    await waitUntil(arrived, ({ length }) => length > 0);
    await client.drainMail();
    expect(await arrived()).toHaveLength(1);
  });

  test("S-48: two hundred mails, two workers: each mail is delivered once", async () => {
    const emails = Array.from({ length: 200 }, (_, index) => `mail-${index}@example.com`);
    const sent = emails.map((email) => client.email({ type: "password_updated", email }));
    expect(new Set((await Promise.all(sent)).map(({ status }) => status))).toEqual(new Set([200]));
    await waitUntil(
      async () => relay.recipients.length,
      (taken) => taken >= 200,
    );
    await client.drainMail();
    const taken = relay.recipients.filter((address) => address.startsWith("mail-"));
    expect(taken.toSorted()).toEqual(emails.toSorted());
  });
});
