import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type AdjustableClock, createClock, followDatabase } from "../runtime/clock.ts";
import { type Database, openDatabase } from "../runtime/database/database.ts";
import { createEmptyDatabase } from "../testing/empty-database.ts";

let dropDatabase: () => Promise<void>;
let database: Database<unknown>;
let db: Kysely<unknown>;
let clock: AdjustableClock;

beforeAll(async () => {
  const empty = await createEmptyDatabase();
  dropDatabase = empty.drop;
  database = openDatabase({ url: empty.url, poolSize: 1, applicationName: "test" });
  db = database.db;
});

afterAll(async () => {
  await database?.close();
  await dropDatabase?.();
});

beforeEach(() => {
  clock = createClock();
});

const years = 100 * 365 * 86_400;
const isRight = () => Math.abs(clock.now() - Date.now() / 1_000) < 5;

/** Follows the database for a few corrections. */
async function follow(meanwhile: () => Promise<void>): Promise<void> {
  const stop = await followDatabase(clock, db, 20);
  try {
    await meanwhile();
  } finally {
    stop();
  }
}

test("out 2: a clock that follows the database shows its time, whatever it showed before", async () => {
  clock.correct(years * 1_000);
  expect(isRight()).toBe(false);
  await follow(async () => {
    expect(isRight()).toBe(true);
    clock.correct(years * 1_000);
    await expect.poll(isRight).toBe(true);
  });
});

test("out 2: a stopped or moved clock stays so, and is right when it is released", async () => {
  await follow(async () => {
    clock.set(1_000);
    clock.advance(60);
    await sql`select pg_sleep(0.1)`.execute(db);
    expect(clock.now()).toBe(1_060);
    clock.release();
    expect(isRight()).toBe(true);
  });
});

test("out 2: an answer that was long in coming moves no clock", async () => {
  const errors: number[] = [];
  clock = { ...clock, correct: (milliseconds) => void errors.push(Math.abs(milliseconds - Date.now())) };
  await follow(async () => {
    // The only connection is taken, so that the questions wait for it.
    await sql`select pg_sleep(2)`.execute(db);
    await expect.poll(() => errors.length).toBeGreaterThan(1);
  });
  expect(Math.max(...errors)).toBeLessThan(500);
});
