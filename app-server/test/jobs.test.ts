import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { createTestDatabase, type TestDatabase } from "@anteroom/shared/testing/database";
import { patiently } from "@anteroom/shared/testing/patience";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AppDatabase } from "../src/database/tables.ts";
import { migrate } from "../src/migrate.ts";
import { leaveJob, takeJob } from "../src/operations/job-store.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase("app", migrate);
});

afterAll(() => database?.drop());

/** A process is what its connections are called. */
async function startProcess(processName: string) {
  const { db, close } = openDatabase<AppDatabase>({ url: database.url, poolSize: 1, applicationName: processName });
  await sql`select`.execute(db);
  return { db, processName, close };
}

type Process = Awaited<ReturnType<typeof startProcess>>;

const take = (process: Process, name: string) => takeJob(process.db, { ...process, name });

test("of several processes one does a job at a time; when it is done or its process has ended, another one may", async () => {
  const processes = await Promise.all(Array.from({ length: 8 }, (_, index) => startProcess(`process ${index}`)));
  const [first, second] = processes as [Process, Process];
  try {
    const taken = await Promise.all(processes.map((process) => take(process, "contended")));
    expect(taken.filter(Boolean)).toHaveLength(1);

    expect(await take(first, "purge")).toBe(true);
    expect(await take(second, "purge")).toBe(false);
    expect(await take(second, "another")).toBe(true);
    await leaveJob(second.db, { ...second, name: "purge" });
    expect(await take(second, "purge"), "nobody leaves the job of somebody else").toBe(false);
    await leaveJob(first.db, { ...first, name: "purge" });
    expect(await take(second, "purge")).toBe(true);

    expect(await take(first, "abandoned")).toBe(true);
    expect(await take(first, "abandoned"), "its own, which it may have lost sight of").toBe(true);
    await first.close();
    await expect.poll(() => take(second, "abandoned"), { timeout: patiently(3_000) }).toBe(true);
  } finally {
    await Promise.all(processes.map(({ close }) => close()));
  }
});
