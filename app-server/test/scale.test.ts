import { measured } from "@anteroom/shared/testing/measured";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Credentials, createCredentials } from "../src/credentials.ts";
import type { Client } from "./support/client.ts";
import { readRows } from "./support/people.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";

/** D-20, S-8: a hundred thousand people wait, and finding one of them costs as if there were ten. */
const people = 100_000;

let stack: ProxiedStack;
let client: Client;
let credentials: Credentials;

const addressOf = (number: number) => `person-${number}@example.com`;
const tokenOf = (number: number) => credentials.registrationToken(`person-${number}`);
/** Of the alphabet of codes, which has neither 0 nor 1. */
const codeOf = (number: number) => `C${String(number).padStart(7, "0").replaceAll("0", "A").replaceAll("1", "B")}`;

/** Somebody else each time, so that nobody's limits are met and no page of the table is a favourite. */
const somebody = () => 1 + Math.floor(Math.random() * (people - 1));

beforeAll(async () => {
  stack = await startProxiedStack({ watchDatabases: true });
  client = stack.client;
  credentials = createCredentials(Buffer.from(stack.env.BACKEND_SECRET ?? "", "base64"));
  await fillTables();
}, patiently(60_000));

afterAll(() => stack?.stop());

/** Everybody waits and has a code, as if each had been mailed one. Hashes of those asked for are put in afterwards. */
async function fillTables(): Promise<void> {
  const { sql } = stack;
  await sql`insert into registration_state (id, token_hash, email, state, created_at, expires_at)
    select 'person-' || n, sha256(('token ' || n)::bytea), 'person-' || n || '@example.com', 'REQUESTED',
      extract(epoch from now())::bigint, extract(epoch from now())::bigint + 86400
    from generate_series(1, ${people}::int) as n`;
  await sql`insert into newusers (registration_id, email, firstname, lastname, created_at)
    select id, email, 'Ada', 'Lovelace', created_at from registration_state`;
  await sql`insert into tokens (key, code_mac, timestamp, expires_at)
    select 'signup_verification:' || email, sha256(email::bytea), created_at, expires_at from registration_state`;
  await sql`analyze registration_state, newusers, tokens`;
}

/** Gives a person the token and the code that the server would have given. */
async function equip(number: number): Promise<void> {
  const { sql } = stack;
  const key = `signup_verification:${addressOf(number)}`;
  const tokenHash = credentials.hashToken(tokenOf(number));
  await sql`update registration_state set token_hash = ${tokenHash} where id = ${`person-${number}`}`;
  await sql`update tokens set code_mac = ${credentials.codeMac(key, codeOf(number))} where key = ${key}`;
}

const questions = {
  registration_status: async (number: number) => {
    const { body } = await client.status(tokenOf(number));
    expect(body).toEqual({ email: addressOf(number), accepted: false, signup_token: null });
  },
  lookup_registration: async (number: number) => {
    const given = { email: addressOf(number), code: codeOf(number) };
    const { body } = await client.app.post("/auth/lookup_registration", given);
    expect(body).toEqual({ found: true, token: tokenOf(number) });
  },
  "/email": async (number: number) => {
    const mail = { type: "signup_verification", email: addressOf(number), code: "ABCDEFGH" };
    expect((await client.email(mail)).body).toEqual({ success: true });
  },
};

test.each(Object.entries(questions))("S-8, D-20: %s uses an index for every statement", async (_, ask) => {
  // Of two questions, for what the server does by the clock comes between now and then.
  const [first, second] = [await statementsOf(ask), await statementsOf(ask)];
  const asked = [...first].filter((sql) => second.has(sql) && tables.some((name) => sql.includes(name)));
  expect(asked.length).toBeGreaterThan(0);
  for (const sql of asked) {
    const plan = await explain(sql);
    expect(plan, sql).not.toMatch(new RegExp(`Seq Scan on (${tables.join("|")})`));
    if (!/^(with "(code|step0)" as \()?insert/i.test(sql)) expect(plan, sql).toMatch(/Index (Only )?Scan/);
  }
});

async function statementsOf(ask: (number: number) => Promise<void>): Promise<Set<string>> {
  const number = somebody();
  await equip(number);
  await client.drainMail();
  stack.recorder.reset();
  await ask(number);
  const statements = stack.recorder.seen.filter(({ link, phase }) => link === "app → database" && phase === "call");
  return new Set(statements.map(({ what }) => what));
}

const tables = ["registration_state", "newusers", "tokens", "users", "rate_limits"];

/** The plan for any values, as a prepared statement gets it. */
async function explain(statement: string): Promise<string> {
  const rows = await stack.sql.unsafe(`explain (generic_plan) ${statement}`);
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}

describe("without a proxy before the database, which takes its time too", () => {
  let proxied: string | undefined;

  beforeAll(async () => {
    proxied = stack.env.BACKEND_DATABASE_URL;
    await restartApp(stack.databases.app.url);
  });
  afterAll(() => restartApp(proxied));

  test.each(Object.entries(questions))("S-8, D-20: %s answers within 50 ms", async (_, ask) => {
    // The quickest of fifteen: what the work itself takes, whatever else the machine was doing.
    await measured(async () => expect(await quickestOf(15, ask)).toBeLessThan(50));
  });

  async function quickestOf(count: number, ask: (number: number) => Promise<void>): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const number = somebody();
      await equip(number);
      times.push(await measure(() => ask(number)));
      await client.drainMail();
    }
    return Math.min(...times);
  }
});

async function restartApp(databaseUrl = ""): Promise<void> {
  stack.env.BACKEND_DATABASE_URL = databaseUrl;
  await stack.servers.app.stop();
  await stack.servers.app.start();
}

async function measure(run: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

test("D-20: the call back finds its registration among them, and the person is accepted", async () => {
  const admin = await client.adminCookie();
  const number = somebody();
  await equip(number);
  const { status } = await client.app.post("/admin/accept_user/", { email: addressOf(number) }, admin);
  expect(status).toBe(200);
  expect((await readRows(stack, addressOf(number))).registration).toMatchObject({ state: "OPEN", accepted: true });
});
