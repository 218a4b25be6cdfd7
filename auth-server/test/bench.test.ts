import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase } from "@anteroom/shared/testing/database";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, expect, test } from "vitest";
import { migrate as migrateApp } from "../../app-server/src/migrate.ts";
import type { Plan } from "../bench/plan.ts";
import { goalsOf, render } from "../bench/report.ts";
import { runBenchmark } from "../bench/run.ts";
import { migrate as migrateAuth } from "../src/migrate.ts";

/** Just enough for every piece to run once; `npm start` has tests of its own. */
const smallest: Plan = {
  loadRounds: 1,
  loadSeconds: 0.1,
  warmupSeconds: 0.1,
  rounds: 1,
  signinSeconds: 0.5,
  acceptances: 2,
  burst: 3,
  starts: 1,
  restSeconds: 0,
};

const started: (() => Promise<unknown>)[] = [];

afterAll(async () => {
  for (const stop of started.reverse()) await stop();
});

test("the benchmark's pieces run, get right answers and make a report", { timeout: patiently(60_000) }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "anteroom-bench-test-"));
  started.push(() => rm(folder, { recursive: true, force: true }));
  const figures = await runBenchmark({
    plan: smallest,
    folder,
    caller: {},
    startDatabases,
    say: () => undefined,
    onStarted: (stop) => void started.push(stop),
  });
  const { reads, signins, acceptance } = figures;
  expect([...Object.values(reads.subjects), signins.reads].map(({ failures }) => failures)).toEqual([
    0, 0, 0, 0, 0, 0, 0,
  ]);
  expect(reads.subjects.auth.perSecond).toBeGreaterThan(0);
  expect(acceptance.one.count).toBe(2);
  expect(acceptance.atOnce.failures).toBe(0);
  expect(goalsOf(figures).length).toBeGreaterThan(10);
  expect(render(figures, new Date(0))).toMatch(/^1970-01-01, Node 24/);
});

async function startDatabases() {
  const [auth, app] = await Promise.all([
    createTestDatabase("auth", migrateAuth),
    createTestDatabase("app", migrateApp),
  ]);
  return {
    auth: auth.url,
    app: app.url,
    stop: async () => {
      await Promise.all([auth.drop(), app.drop()]);
    },
  };
}
