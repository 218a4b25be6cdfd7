import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { replay, type Station } from "@anteroom/shared/testing/faroe/runner";
import { loadScenarios, type Scenario } from "@anteroom/shared/testing/faroe/scenario";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer } from "./harness.ts";

const scenarios = loadScenarios();

/**
 * Servers that replay side by side. Only 21 recordings look at a hash or bring one, and need Faroe's own parameters; for
 * the others the cost of a hash makes no difference but to the length of this test.
 */
type Effort = "faroe" | "least";
const hashes = {
  faroe: { AUTH_PASSWORD_HASH: "argon2id.3.65536.1.32", AUTH_TEMPORARY_PASSWORD_HASH: "argon2id.3.16384.1.32" },
  least: { AUTH_PASSWORD_HASH: "argon2id.1.64.1.32", AUTH_TEMPORARY_PASSWORD_HASH: "argon2id.1.32.1.32" },
};
const free: Record<Effort, Station[]> = { faroe: [], least: [] };
const waiting: Record<Effort, ((station: Station) => void)[]> = { faroe: [], least: [] };
const cleanups: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "anteroom-recordings-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  const weak = join(folder, "weak-passwords");
  await writeFile(weak, "password123456\n1234567890\nqwertyuiop123\n");
  for (const [number, effort] of (["faroe", "least", "least"] as const).entries())
    free[effort].push(await openStation(effort, weak, join(folder, `addresses-${number}`)));
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function openStation(effort: Effort, weakPasswords: string, emailBlocklist: string): Promise<Station> {
  await writeFile(emailBlocklist, "");
  const started = await startTestServer((app) => ({
    AUTH_FAROE_STRICT: "true",
    ...hashes[effort],
    AUTH_PASSWORD_BLOCKLIST: weakPasswords,
    AUTH_EMAIL_BLOCKLIST: emailBlocklist,
    AUTH_CORS_ORIGINS: "https://app.example",
    AUTH_PASSWORD_RANGE_URL: `${app.url}/range/`,
    AUTH_USER_CHECK_INTERVAL: "",
  }));
  cleanups.push(started.stop);
  return {
    server: started.public,
    app: started.app,
    emailBlocklist,
    command: async (body) => {
      const { status, text } = await started.command(body);
      if (status !== 200) throw new Error(`The command was refused: ${text}`);
    },
  };
}

async function atAStation(scenario: Scenario): Promise<void> {
  const effort = JSON.stringify(scenario).includes("argon2id") ? "faroe" : "least";
  const station = free[effort].pop() ?? (await new Promise<Station>((resolve) => waiting[effort].push(resolve)));
  try {
    await replay(scenario, station);
  } finally {
    const next = waiting[effort].shift();
    if (next) next(station);
    else free[effort].push(station);
  }
}

test("all of Faroe's recordings are here, and every one is replayed", () => {
  expect(scenarios).toHaveLength(308);
});

test.concurrent.for(scenarios)("recording $name", { timeout: patiently(60_000) }, async (scenario) => {
  await atAStation(scenario);
});
