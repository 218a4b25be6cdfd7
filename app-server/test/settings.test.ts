import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { SettingsError } from "@anteroom/shared/runtime/settings";
import { expect, test } from "vitest";
import { readSettings } from "../src/settings.ts";

const sound = {
  BACKEND_DATABASE_URL: "postgres://localhost/app",
  BACKEND_SECRET: randomBytes(32).toString("base64"),
  INTERNAL_SECRET: randomBytes(32).toString("base64"),
};

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
}

test("S-42: sound settings are taken, and only the database and the secret are without a default", () => {
  expect(faultsOf(sound)).toEqual([]);
  expect(faultsOf({}).map((fault) => fault.split(" ")[0])).toEqual(["BACKEND_DATABASE_URL", "BACKEND_SECRET"]);
  expect(readSettings(sound)).toMatchObject({ port: 12_780, privatePort: 12_790, testMode: false, ipLimits: true });
  expect(Object.isFrozen(readSettings(sound))).toBe(true);
});

test.each([
  ["missing", undefined],
  ["empty", ""],
  ["too short", randomBytes(31).toString("base64")],
  ["one byte repeated", Buffer.alloc(32, 7).toString("base64")],
  ["two bytes repeated", Buffer.from("ab".repeat(32)).toString("base64")],
  ["a word", "changeme"],
  ["no base64 at all", "!".repeat(64)],
])("S-42: a secret that is %s is refused, and the remedy named", (_, secret) => {
  const { BACKEND_SECRET: _secret, ...others } = sound;
  const [fault, ...more] = faultsOf(secret === undefined ? others : { ...others, BACKEND_SECRET: secret });
  expect(more).toEqual([]);
  expect(fault).toMatch(/^BACKEND_SECRET is .*openssl rand -base64 32/);
  if (secret) expect(fault).not.toContain(secret);
});

test("S-42: a short secret between the servers is refused; without one only loopback is served", () => {
  expect(faultsOf({ ...sound, INTERNAL_SECRET: "short" })).toEqual([expect.stringContaining("INTERNAL_SECRET")]);
  const { INTERNAL_SECRET: _, ...open } = sound;
  expect(faultsOf({ ...open, BACKEND_PRIVATE_HOST: "127.0.0.1" })).toEqual([]);
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "app.internal"])
    expect(faultsOf({ ...open, BACKEND_PRIVATE_HOST: host }), host).toEqual([
      expect.stringMatching(/^BACKEND_PRIVATE_HOST .*INTERNAL_SECRET/),
    ]);
});

test("S-26: TEST_MODE is refused in production", () => {
  const faults = faultsOf({ ...sound, TEST_MODE: "on", NODE_ENV: "production" });
  expect(faults).toEqual([expect.stringMatching(/TEST_MODE.*NODE_ENV/)]);
  expect(faultsOf({ ...sound, NODE_ENV: "production" })).toEqual([]);
  expect(faultsOf({ ...sound, TEST_MODE: "on" })).toEqual([]);
});

test("S-42: every fault is named at once, and the process ends with 1 before it listens", () => {
  const faulty: Record<string, string> = {
    BACKEND_PORT: "http",
    BACKEND_DATABASE_POOL: "0",
    BACKEND_FRONTEND_ORIGIN: "https://people.example/path",
    BACKEND_AUTH_PRIVATE_URL: "ftp://auth",
    BACKEND_REGISTRATION_TTL: "two weeks",
    BACKEND_PRESET: "nonsense",
    BACKEND_IP_LIMITS: "maybe",
    BACKEND_DECISION_MAIL: "perhaps",
    BACKEND_SMTP_SEND: "true",
    TRUSTED_PROXIES: "10.0.0.0/99",
    LOG_LEVEL: "loud",
    BACKEND_SECRET: "c2hvcnQ=",
    TEST_MODE: "on",
    NODE_ENV: "production",
  };
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const run = spawnSync(process.execPath, [main], { env: faulty, encoding: "utf8", timeout: 10_000 });
  expect([run.status, run.stdout]).toEqual([1, ""]);
  const named = run.stderr.split("\n").filter((line) => line.startsWith("  - "));
  const names = [...Object.keys(faulty).filter((name) => name !== "BACKEND_SMTP_SEND" && name !== "NODE_ENV")];
  for (const name of [...names, "BACKEND_DATABASE_URL", "BACKEND_SMTP_HOST", "BACKEND_SMTP_SENDER_EMAIL"])
    expect(
      named.filter((line) => line.startsWith(`  - ${name} `)),
      name,
    ).toHaveLength(1);
  expect(named).toHaveLength(names.length + 3);
  expect(run.stderr).not.toContain("    at ");
});

test("S-42: a relay without encryption is for this machine alone", () => {
  const smtp = { ...sound, BACKEND_SMTP_SEND: "true", BACKEND_SMTP_SENDER_EMAIL: "a@b.nl", BACKEND_SMTP_TLS: "none" };
  expect(faultsOf({ ...smtp, BACKEND_SMTP_HOST: "127.0.0.1" })).toEqual([]);
  expect(faultsOf({ ...smtp, BACKEND_SMTP_HOST: "mail.example" })).toEqual([
    expect.stringContaining("BACKEND_SMTP_TLS"),
  ]);
});
