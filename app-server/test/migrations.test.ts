import { openDatabase } from "@anteroom/shared/runtime/database";
import { migrateToLatest } from "@anteroom/shared/runtime/migrations";
import { createEmptyDatabase } from "@anteroom/shared/testing/empty-database";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrations } from "../src/database/migrations/all.ts";
import type { AppDatabase } from "../src/database/tables.ts";

let empty: Awaited<ReturnType<typeof createEmptyDatabase>>;

beforeAll(async () => {
  empty = await createEmptyDatabase();
});

afterAll(() => empty?.drop());

test("C3: a database of the version before, with a registration in every state, gets its facts and keeps its rows", async () => {
  const { db, close } = openDatabase<AppDatabase>({ url: empty.url, poolSize: 1, applicationName: "migrations" });
  const { "014-facts": _, ...before } = migrations;
  await migrateToLatest(db, before);
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
