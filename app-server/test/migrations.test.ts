import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { migrateToLatest } from "@anteroom/shared/runtime/database/migrations";
import { createEmptyDatabase } from "@anteroom/shared/testing/empty-database";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { migrations } from "../src/database/migrations/all.ts";
import type { AppDatabase } from "../src/database/tables.ts";
import { claimDue, settleMail } from "../src/mail/store.ts";

let empty: Awaited<ReturnType<typeof createEmptyDatabase>>;

beforeEach(async () => {
  empty = await createEmptyDatabase();
});

afterEach(() => empty?.drop());

/** What a database has that stands before this migration. */
function migrationsBefore(name: keyof typeof migrations): typeof migrations {
  return Object.fromEntries(Object.entries(migrations).filter(([other]) => other < name));
}

test("C3: a database of the version before, with a registration in every state, gets its facts and keeps its rows", async () => {
  const { db, close } = openDatabase<AppDatabase>({ url: empty.url, poolSize: 1, applicationName: "migrations" });
  await migrateToLatest(db, migrationsBefore("014-facts"));
  for (const state of ["REQUESTED", "DECOY", "ACCEPTING", "ACCEPTED", "OPEN", "REJECTED", "WITHDRAWN", "EXPIRED"]) {
    const isApproved = state === "ACCEPTED" || state === "OPEN";
    await sql`insert into registration_state (id, token_hash, email, state, accepted, signup_token, opening_until,
        decided_at, created_at, expires_at)
      values (${state}, ${state}::bytea, ${state}, ${state}, ${isApproved}, ${state === "OPEN" ? Buffer.from("x") : null},
        5, ${state === "OPEN" ? null : 7}, 3, 9)`.execute(db);
    await sql`insert into newusers (registration_id, email, firstname, lastname, accepted, created_at)
      values (${state}, ${state}, 'Ada', 'Lovelace', ${isApproved}, 3)`.execute(db);
  }
  await migrateToLatest(db, migrations);
  const facts = await db.selectFrom("registration_state").select(["id", "state", "accepted", "approved_at"]).execute();
  expect(facts).toHaveLength(8);
  // From the decision; where none is known, from the request.
  const approvals: Record<string, number> = { ACCEPTED: 7, OPEN: 3 };
  for (const { id, state, accepted, approved_at } of facts)
    expect({ id, state, accepted, approved_at }).toEqual({
      ...{ id, state: id, accepted: id in approvals, approved_at: approvals[id] ?? null },
    });
  expect(await db.selectFrom("newusers").select("registration_id").execute()).toHaveLength(8);
  await close();
});

test("a migration takes the time that it needs, and waits for a lock no longer than requests can wait behind it", async () => {
  const { db, close } = openDatabase<AppDatabase>({ url: empty.url, poolSize: 1, applicationName: "migrations" });
  const seen: unknown[] = [];
  const look = async (trx: typeof db) => {
    const { rows } = await sql`select current_setting('statement_timeout') as statement,
      current_setting('lock_timeout') as lock`.execute(trx);
    seen.push(...rows);
  };
  await migrateToLatest(db, { "001-looks": { up: (trx) => look(trx as typeof db) } });
  await look(db);
  expect(seen).toEqual([
    { statement: "0", lock: "10s" },
    { statement: "30s", lock: "0" },
  ]);
  await close();
});

/** As the version before claims a mail that one of its jobs names. */
const claimAsBefore = (name: string) => sql<{ id: string }>`
  update mails set claimed_by = ${name}
  where status in ('queued', 'deferred') and next_try_at is null and (claimed_by is null or claimed_by = ${name}
    or not exists (select from pg_stat_activity where application_name = mails.claimed_by)) returning type`;

/** As it makes a deferred mail due, of which a job then tells its workers. */
const makeDueAsBefore = (now: number) => sql`update mails set next_try_at = null where next_try_at <= ${now}`;

test("M-33: a database with mails and jobs of the version before: each mail is taken once, by either version, codes first", async () => {
  const { db, close } = openDatabase<AppDatabase>({ url: empty.url, poolSize: 1, applicationName: "new" });
  const before = openDatabase<AppDatabase>({ url: empty.url, poolSize: 1, applicationName: "before" });
  await migrateToLatest(db, migrationsBefore("015-one-truth-per-mail"));
  let createdAt = 0;
  const insertAsBefore = (type: string, status: string, nextTryAt: number | null, claimedBy: string | null) =>
    sql`insert into mails (id, type, email, email_norm, values, status, next_try_at, try_until, claimed_by, created_at,
        updated_at)
      values (gen_random_uuid(), ${type}, 'a@b.example', 'a@b.example', '{}', ${status}, ${nextTryAt}, 9999, ${claimedBy},
        ${createdAt++}, 2)`.execute(db);
  await insertAsBefore("signin_notification", "queued", null, null);
  await insertAsBefore("account_ready", "queued", null, "a process that has ended");
  await insertAsBefore("password_updated", "deferred", 50, null);
  await insertAsBefore("password_reset", "queued", null, null);
  await insertAsBefore("email_updated", "queued", null, "before");
  await insertAsBefore("closed_account_hint", "deferred", 500, null);
  await insertAsBefore("reset_link_sent", "accepted", null, null);
  await sql`create schema pgboss create table job (id uuid, data jsonb)`.execute(db);
  await sql`insert into pgboss.job select id, jsonb_build_object('mailId', id) from mails`.execute(db);

  await migrateToLatest(db, migrations);
  expect((await sql`select from pgboss.job`.execute(db)).rows, "an older server may still need them").toHaveLength(7);
  await insertAsBefore("registration_hint", "queued", null, null);
  await makeDueAsBefore(60).execute(before.db);
  const claim = { processName: "new", now: 60, perDomain: 5, heldDomains: [] };
  // One of the domain is with the older worker: four are left of five.
  const [first, ...others] = await claimDue(db, { ...claim, limit: 3 });
  expect([first, ...others].map((mail) => mail?.type)).toEqual([
    "password_reset",
    "registration_hint",
    "password_updated",
  ]);
  expect(
    (await claimAsBefore("before").execute(before.db)).rows.map((row) => Object.values(row)[0]).toSorted(),
  ).toEqual(["account_ready", "email_updated", "signin_notification"]);
  const taken = { processName: "before", status: "accepted", reason: "", nextTryAt: null, now: 60 } as const;
  expect(await settleMail(db, { ...taken, id: first?.id ?? "" }), "it is in the new one's hands").toBe(false);
  expect(await claimDue(db, { ...claim, limit: 3 })).toEqual([]);
  await before.close();
  await close();
});
