import type { Kysely } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../runtime/database/database.ts";
import {
  type Bucket,
  createRateLimitTable,
  hasToken,
  purgeRateLimits,
  type RateLimitTable,
  returnToken,
  takeToken,
  tokensOfCaller,
} from "../runtime/rate-limits.ts";
import { createEmptyDatabase } from "../testing/empty-database.ts";

interface Tables {
  rate_limits: RateLimitTable;
}

const limit: Bucket = { kind: "tries", capacity: 5, interval: 60 };
const noon = 1_790_000_000;

let db: Kysely<Tables>;
let close: () => Promise<void>;

beforeAll(async () => {
  const { url, drop } = await createEmptyDatabase();
  const database = openDatabase<Tables>({ url, poolSize: 3, applicationName: "rate-limits" });
  db = database.db;
  close = async () => {
    await database.close();
    await drop();
  };
  await createRateLimitTable(db);
});

afterAll(() => close());

async function take(key: string, now: number, times: number): Promise<number> {
  let taken = 0;
  for (let time = 0; time < times; time++) if (await takeToken(db, limit, key, now)) taken++;
  return taken;
}

test("five tokens, then none until an interval has passed, then one", async () => {
  expect(await take("a", noon, 7)).toBe(5);
  expect(await hasToken(db, limit, "a", noon + 59)).toBe(false);
  expect(await take("a", noon + 59, 2)).toBe(0);
  expect(await hasToken(db, limit, "a", noon + 60)).toBe(true);
  expect(await take("a", noon + 60, 2)).toBe(1);
});

test("refills count from the first token taken, so that the parts of intervals are not lost", async () => {
  expect(await take("parts", noon, 1)).toBe(1);
  expect(await take("parts", noon + 59, 5)).toBe(4);
  expect(await take("parts", noon + 60, 5)).toBe(1);
  expect(await take("parts", noon + 119, 5)).toBe(0);
  expect(await take("parts", noon + 120, 5)).toBe(1);
});

test.each([5, 252, 253, 255, 256, 257, 512, 1440, 1_000_000])(
  "S-19: an emptied bucket that is idle for %i intervals is full, and no fuller",
  async (intervals) => {
    const key = `idle ${intervals}`;
    expect(await take(key, noon, 6)).toBe(5);
    expect(await take(key, noon + intervals * 60, 7)).toBe(5);
    expect(await take(key, noon + intervals * 60 + 59, 1)).toBe(0);
  },
);

test("looking takes nothing, and a bucket nobody used has tokens", async () => {
  expect(await hasToken(db, limit, "new", noon)).toBe(true);
  for (let look = 0; look < 10; look++) await hasToken(db, limit, "new", noon);
  expect(await take("new", noon, 6)).toBe(5);
});

test("a token given back can be taken again, and a full bucket gets no fuller by it", async () => {
  expect(await take("back", noon, 5)).toBe(5);
  await returnToken(db, limit, "back");
  expect(await take("back", noon, 2)).toBe(1);
  await returnToken(db, limit, "never used");
  expect(await take("full", noon, 1)).toBe(1);
  for (let time = 0; time < 3; time++) await returnToken(db, limit, "full");
  expect(await take("full", noon, 7)).toBe(5);
});

test("a clock that goes back gives no tokens away and takes none for long", async () => {
  expect(await take("back in time", noon, 5)).toBe(5);
  expect(await take("back in time", noon - 3600, 1)).toBe(0);
  expect(await take("back in time", noon + 60, 2)).toBe(1);
});

test("kinds and keys have buckets of their own", async () => {
  expect(await take("one", noon, 6)).toBe(5);
  expect(await take("two", noon, 6)).toBe(5);
  expect(await takeToken(db, { ...limit, kind: "other" }, "one", noon)).toBe(true);
});

test("of a hundred callers at once exactly five get a token", async () => {
  const taken = await Promise.all(Array.from({ length: 100 }, () => takeToken(db, limit, "rush", noon)));
  expect(taken.filter(Boolean)).toHaveLength(5);
});

test("S-19: buckets that are full again are deleted, others stay", async () => {
  await take("nearly full", noon + 1000, 1);
  await purgeRateLimits(db, noon + 1059);
  const left = await db
    .selectFrom("rate_limits")
    .select("key")
    .where("full_at", "<=", noon + 1060)
    .execute();
  expect(left).toEqual([{ key: "nearly full" }]);
  await purgeRateLimits(db, noon + 1060);
  expect(await take("nearly full", noon + 1060, 6)).toBe(5);
});

test("R9: callers of one IPv6 network have together ten times what each of them has, which comes back ten times as fast", () => {
  expect(tokensOfCaller(limit, "192.0.2.1")).toEqual([{ limit, key: "192.0.2.1" }]);
  expect(tokensOfCaller(limit, "2001:db8:7:1::/64")).toEqual([
    { limit, key: "2001:db8:7:1::/64" },
    { limit: { kind: "tries", capacity: 50, interval: 6 }, key: "2001:db8:7::/48" },
  ]);
});
