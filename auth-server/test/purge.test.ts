import { openDatabase } from "@anteroom/shared/runtime/database/database";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AuthDatabase } from "../src/store/database.ts";
import { purgeExpired } from "../src/store/maintenance.ts";
import { startTestServer, type TestServer } from "./harness.ts";
import { noon, openSignup, outcome, signIn, signUp, startOver, succeed } from "./steps.ts";

const day = 86_400;

let t: TestServer;
let sql: postgres.Sql;

beforeAll(async () => {
  t = await startTestServer();
  sql = postgres(t.databaseUrl, { max: 1 });
});
afterAll(async () => {
  await sql?.end();
  await t?.stop();
});
beforeEach(() => startOver(t));

async function purgeAt(now: number): Promise<void> {
  const { db, close } = openDatabase<AuthDatabase>({ url: t.databaseUrl, poolSize: 1, applicationName: "purge" });
  await purgeExpired(db, { now, oldestSession: now - 90 * day, oldestUse: now - 30 * day });
  await close();
}

async function countRows(): Promise<Record<string, number>> {
  const [row] = await sql`select (select count(*)::int from signups) as signups,
    (select count(*)::int from signins) as signins, (select count(*)::int from sessions) as sessions,
    (select count(*)::int from user_changes) as user_changes,
    (select count(*)::int from rate_limits) as rate_limits`;
  return row as unknown as Record<string, number>;
}

test("S-19: what has expired is deleted at its last second, what lives stays, full buckets go", async () => {
  await signUp(t, "ada@example.com");
  await openSignup(t, "bob@example.com");
  await succeed(t, "create_signin", { user_email_address: "ada@example.com" });
  await succeed(t, "create_signin", { user_email_address: "nobody@example.com" });
  expect(await countRows()).toMatchObject({ signups: 1, signins: 2, sessions: 1 });
  await purgeAt(noon + 599);
  expect(await countRows()).toMatchObject({ signups: 1, signins: 2, sessions: 1, rate_limits: 4 });
  await purgeAt(noon + 600);
  expect(await countRows()).toMatchObject({ signups: 1, signins: 0, sessions: 1 });
  await purgeAt(noon + 1200);
  expect(await countRows()).toMatchObject({ signups: 1, sessions: 1, rate_limits: 2 });
  await purgeAt(noon + 1800);
  expect(await countRows()).toMatchObject({ rate_limits: 0 });
  await purgeAt(noon + day - 1);
  expect(await countRows()).toMatchObject({ signups: 1 });
  await purgeAt(noon + day);
  expect(await countRows()).toMatchObject({ signups: 0 });
  await purgeAt(noon + 30 * day - 1);
  expect(await countRows()).toMatchObject({ sessions: 1 });
  await purgeAt(noon + 30 * day);
  expect(await countRows()).toMatchObject({ sessions: 0 });
});

test("S-19: what somebody has begun to change is deleted at its last second: a deletion of ten minutes, a reset of twenty", async () => {
  const { session_token } = await signUp(t, "ada@example.com");
  await succeed(t, "create_user_deletion", { session_token });
  await succeed(t, "create_user_password_reset", { user_email_address: "ada@example.com" });
  const counts = [];
  for (const seconds of [599, 600, 1199, 1200]) {
    await purgeAt(noon + seconds);
    counts.push((await countRows()).user_changes);
  }
  expect(counts).toEqual([2, 1, 1, 0]);
});

test("S-19: sessions go 90 days after they began, however much they were used", async () => {
  const { session_token } = await signUp(t, "ada@example.com");
  await sql`update sessions set last_active_at = ${noon + 89 * day}`;
  await purgeAt(noon + 90 * day - 1);
  expect(await outcome(t, "get_session", { session_token })).toBe("ok");
  await purgeAt(noon + 90 * day);
  expect(await countRows()).toMatchObject({ sessions: 0 });
});

test("S-19: 5,000 expired rows go in batches, and nothing else", async () => {
  await signUp(t, "ada@example.com");
  await signIn(t, "ada@example.com");
  await sql`insert into signins (id, secret_hash, shown_user_id, user_password_hash_counter, user_disabled_counter,
    created_at, expires_at) select 'row' || n, '', '', 0, 0, 0, ${noon}::bigint + n % 2
    from generate_series(1, 10000) n`;
  await purgeAt(noon);
  expect(await countRows()).toMatchObject({ signins: 5000, sessions: 2 });
});

test("S-8: look-ups and the purge use an index on tables of 20,000 rows", async () => {
  await signUp(t, "ada@example.com");
  await openSignup(t, "bob@example.com");
  // Copies of a real row, whatever columns it has.
  await sql`insert into sessions select copy.* from sessions s, generate_series(1, 20000) n, jsonb_populate_record(s,
    jsonb_build_object('id', 's' || n, 'user_id', 'u' || n, 'created_at', n, 'last_active_at', n)) copy`;
  await sql`insert into signups select copy.* from signups s, generate_series(1, 20000) n, jsonb_populate_record(s,
    jsonb_build_object('id', 's' || n, 'family_id', 'f' || n, 'created_at', n, 'expires_at', n)) copy`;
  await sql`insert into rate_limits select 'k', 'x' || n, n from generate_series(1, 20000) n`;
  await sql`analyze sessions, signups, rate_limits`;
  const statements = [
    "select * from sessions where id = 's1'",
    "delete from sessions where user_id = 'u1'",
    "delete from sessions where id in (select id from sessions where created_at <= 10 limit 1000)",
    "delete from sessions where id in (select id from sessions where last_active_at <= 10 limit 1000)",
    "delete from signups where id = 's1' or family_id = 's1'",
    "delete from signups where id in (select id from signups where expires_at <= 10 limit 1000)",
    "delete from rate_limits where full_at <= 10",
    "select kind from rate_limits where kind = 'k' and key = 'x1' and full_at > 5",
  ];
  for (const statement of statements) {
    const plan = (await sql.unsafe(`explain ${statement}`)).map((row) => row["QUERY PLAN"]).join("\n");
    expect([statement, plan.includes("Seq Scan")]).toEqual([statement, false]);
  }
});
