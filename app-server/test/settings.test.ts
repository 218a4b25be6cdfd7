import { spawnSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SettingsError } from "@anteroom/shared/runtime/settings";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, expect, test } from "vitest";
import { readSettings as readAuthSettings } from "../../auth-server/src/settings.ts";
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
  expect(
    faultsOf({})
      .map((fault) => fault.split(" ")[0])
      .sort(),
  ).toEqual(["BACKEND_DATABASE_URL", "BACKEND_SECRET"]);
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

test("M10: where people are led to is an address or a page, or is refused by name", () => {
  for (const contact of ["board@people.example", "https://people.example/contact"])
    expect(readSettings({ ...sound, BACKEND_CONTACT: contact }).siteLinks.contact).toBe(contact);
  const wrong = {
    BACKEND_CONTACT: "the board",
    BACKEND_PRIVACY_URL: "javascript:alert(1)",
    BACKEND_TERMS_URL: "/terms",
  };
  expect(faultsOf({ ...sound, ...wrong }).map((fault) => fault.split(" ")[0])).toEqual(Object.keys(wrong));
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
  const run = spawnSync(process.execPath, [main], { env: faulty, encoding: "utf8", timeout: patiently(10_000) });
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

const folder = mkdtempSync(join(tmpdir(), "anteroom-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const rsaKey = (modulusLength: number) =>
  generateKeyPairSync("rsa", { modulusLength, privateKeyEncoding: { type: "pkcs8", format: "pem" } } as never)
    .privateKey as unknown as string;

const soundKey = rsaKey(1_024);

const sending = {
  ...sound,
  BACKEND_SMTP_SEND: "true",
  BACKEND_SMTP_HOST: "mail.example",
  BACKEND_SMTP_SENDER_EMAIL: "anteroom@people.example",
};

test("M-4: every setting of the relay is read, and what is not given has its default", () => {
  const all = {
    BACKEND_SMTP_USERNAME: "user",
    BACKEND_SMTP_PASSWORD: "secret",
    BACKEND_SMTP_AUTH_METHOD: "CRAM-MD5",
    BACKEND_SMTP_REPLY_TO: "board@people.example",
    BACKEND_SMTP_RETURN_PATH: "bounces@people.example",
    BACKEND_SMTP_TIMEOUT: "5s",
    BACKEND_SMTP_DKIM_DOMAIN: "people.example",
    BACKEND_SMTP_DKIM_SELECTOR: "s1",
    BACKEND_SMTP_DKIM_KEY_FILE: fileOf("dkim.pem", soundKey),
  };
  expect(readSettings({ ...sending, ...all }).smtp).toMatchObject({
    auth: { username: "user", password: "secret", method: "CRAM-MD5" },
    replyTo: "board@people.example",
    returnPath: "bounces@people.example",
    timeout: 5_000,
    dkim: { domain: "people.example", selector: "s1", key: soundKey },
  });
  expect(readSettings(sending).smtp).toEqual({
    host: "mail.example",
    port: 587,
    tls: "starttls",
    auth: undefined,
    senderEmail: "anteroom@people.example",
    senderName: "Anteroom",
    replyTo: undefined,
    returnPath: undefined,
    ca: undefined,
    timeout: 20_000,
    dkim: undefined,
  });
});

test("M-4: mail without a relay has its defaults too", () => {
  expect(readSettings(sound)).toMatchObject({
    language: "en",
    templatesDir: undefined,
    mailsPerMinute: 2_000,
    mailsPerDomainPerMinute: 600,
    bounceLimit: 3,
    mailWorker: "on",
    inbound: undefined,
    smtp: undefined,
  });
  const inbound = { BACKEND_INBOUND: "on", BACKEND_INBOUND_DOMAIN: "Bounces.People.example" };
  expect(readSettings({ ...sound, ...inbound }).inbound).toEqual({
    host: "127.0.0.1",
    port: 12_725,
    domain: "bounces.people.example",
  });
});

test.each<[variable: string, remedy: RegExp, value: string | undefined]>([
  ["BACKEND_LANGUAGE", /one of en, nl/, "fr"],
  ["BACKEND_TEMPLATES_DIR", /no folder/, "/nowhere/at/all"],
  ["BACKEND_MAILS_PER_MINUTE", /from 1 to/, "0"],
  ["BACKEND_MAILS_PER_DOMAIN_PER_MINUTE", /from 1 to/, "many"],
  ["BACKEND_BOUNCE_LIMIT", /from 1 to/, "0"],
  ["BACKEND_MAIL_WORKER", /one of on, off, only/, "perhaps"],
  ["BACKEND_INBOUND", /true or false/, "maybe"],
  ["BACKEND_INBOUND_DOMAIN", /the domain whose MX leads here/, undefined],
  ["BACKEND_INBOUND_DOMAIN", /bounces\.people\.example/, "two words"],
  ["BACKEND_INBOUND_SMTP_PORT", /a port/, "70000"],
  ["BACKEND_SMTP_PORT", /a port/, "smtp"],
  ["BACKEND_SMTP_TLS", /one of starttls, implicit, none/, "never"],
  ["BACKEND_SMTP_CA_FILE", /cannot be read \(ENOENT\)/, "/nowhere/ca.pem"],
  ["BACKEND_SMTP_CA_FILE", /BEGIN CERTIFICATE/, fileOf("no-ca.pem", "certificate")],
  ["BACKEND_SMTP_USERNAME", /give it, or unset/, undefined],
  ["BACKEND_SMTP_PASSWORD", /give it, or unset/, undefined],
  ["BACKEND_SMTP_AUTH_METHOD", /one of any, PLAIN, LOGIN, CRAM-MD5/, "GSSAPI"],
  ["BACKEND_SMTP_SENDER_EMAIL", /not an address/, "Anteroom <anteroom@people.example>"],
  ["BACKEND_SMTP_REPLY_TO", /not an address/, "board"],
  ["BACKEND_SMTP_RETURN_PATH", /not an address/, "a@b@c"],
  ["BACKEND_SMTP_TIMEOUT", /between 1s and 60s/, "0s"],
  ["BACKEND_SMTP_TIMEOUT", /between 1s and 60s/, "2m"],
  ["BACKEND_SMTP_TIMEOUT", /a duration/, "20"],
  ["BACKEND_SMTP_DKIM_DOMAIN", /as BACKEND_SMTP_DKIM_SELECTOR is given/, undefined],
  ["BACKEND_SMTP_DKIM_SELECTOR", /as BACKEND_SMTP_DKIM_DOMAIN is given/, undefined],
  ["BACKEND_SMTP_DKIM_KEY_FILE", /as BACKEND_SMTP_DKIM_DOMAIN is given/, undefined],
  ["BACKEND_SMTP_DKIM_KEY_FILE", /cannot be read \(ENOENT\)/, "/nowhere/key.pem"],
  ["BACKEND_SMTP_DKIM_KEY_FILE", /1024 bits or more/, fileOf("small.pem", rsaKey(512))],
  ["BACKEND_SMTP_DKIM_KEY_FILE", /RSA private key/, fileOf("no-key.pem", "key")],
])("S-42: a faulty %s is refused alone, saying %s", (variable, remedy, value) => {
  const environment: Record<string, string> = {
    ...sending,
    BACKEND_INBOUND: "on",
    BACKEND_INBOUND_DOMAIN: "bounces.people.example",
    BACKEND_SMTP_USERNAME: "user",
    BACKEND_SMTP_PASSWORD: "secret",
    BACKEND_SMTP_DKIM_DOMAIN: "people.example",
    BACKEND_SMTP_DKIM_SELECTOR: "s1",
    BACKEND_SMTP_DKIM_KEY_FILE: fileOf("sound.pem", soundKey),
  };
  expect(faultsOf(environment)).toEqual([]);
  if (value === undefined) delete environment[variable];
  else environment[variable] = value;
  const faults = faultsOf(environment);
  expect(faults).toEqual([expect.stringMatching(remedy)]);
  expect(faults[0]?.startsWith(`${variable} `)).toBe(true);
});

test("set 1: a name that nothing reads stops the start, and the nearest one is told", () => {
  expect(faultsOf({ ...sound, BACKEND_REGISTRATION_TTl: "7d" })).toEqual([
    "BACKEND_REGISTRATION_TTl is not a setting. Did you mean BACKEND_REGISTRATION_TTL?",
  ]);
  expect(faultsOf({ ...sound, BACKEND_MODES_OF_MINE: "x" })).toEqual([
    expect.stringContaining("BACKEND_MODES_OF_MINE is not a setting."),
  ]);
  expect(faultsOf({ ...sound, AUTH_ANYTHING: "x", BACKEND_MODE: "", PATH: "x" }), "others', and empty ones").toEqual(
    [],
  );
  const authServer = { AUTH_DATABASE_URL: "postgres://localhost/auth", AUTH_SECRET: sound.BACKEND_SECRET };
  expect(() => readAuthSettings({ ...authServer, BACKEND_ANYTHING: "x" })).not.toThrow();
  expect(() => readAuthSettings({ ...authServer, AUTH_PASSWORT_QUEUE: "9" })).toThrow(
    "Did you mean AUTH_PASSWORD_QUEUE?",
  );
});

test("set 1: settings of what is switched off are known, and their faults are none", () => {
  const off = {
    BACKEND_SMTP_HOST: "relay.example",
    BACKEND_SMTP_TLS: "nonsense",
    BACKEND_INBOUND_DOMAIN: "x y",
    BACKEND_SMTP_CA_FILE: "/nowhere",
  };
  expect(faultsOf({ ...sound, ...off })).toEqual([]);
  expect(readSettings({ ...sound, ...off })).toMatchObject({ smtp: undefined, inbound: undefined });
});

test.each(["http://people.example", "http://192.168.1.20:12780", "http://0.0.0.0:1"])(
  "set 3, acc F4, S-36: %s is refused as the pages' origin, but in TEST_MODE",
  (origin) => {
    const faults = faultsOf({ ...sound, BACKEND_FRONTEND_ORIGIN: origin });
    expect(faults).toEqual([expect.stringContaining(`BACKEND_FRONTEND_ORIGIN is ${origin}`)]);
    expect(faultsOf({ ...sound, BACKEND_FRONTEND_ORIGIN: origin, TEST_MODE: "on" })).toEqual([]);
  },
);

test.each(["https://people.example", "http://localhost:12780", "http://127.0.0.1:12780", "http://[::1]:12780"])(
  "set 3: %s is taken as the pages' origin",
  (origin) => expect(faultsOf({ ...sound, BACKEND_FRONTEND_ORIGIN: origin })).toEqual([]),
);

test.each([
  ["counts", Buffer.from(Array.from({ length: 40 }, (_, index) => index))],
  ["counts by sevens", Buffer.from(Array.from({ length: 40 }, (_, index) => (index * 7) % 256))],
])("S-F15, S-42: a secret that %s is refused", (_, bytes) => {
  expect(faultsOf({ ...sound, BACKEND_SECRET: bytes.toString("base64") })).toHaveLength(1);
});

test("S-F15, S-42: an internal secret of one letter is refused", () => {
  expect(faultsOf({ ...sound, INTERNAL_SECRET: "x".repeat(40) })).toEqual([expect.stringContaining("INTERNAL_SECRET")]);
});

test("set 2: secrets are lists, of which each has to be strong", () => {
  const older = randomBytes(32).toString("base64");
  const lists = {
    BACKEND_SECRET: `${sound.BACKEND_SECRET}, ${older}`,
    INTERNAL_SECRET: `${sound.INTERNAL_SECRET},${older}`,
  };
  expect(readSettings({ ...sound, ...lists })).toMatchObject({
    secrets: [Buffer.from(sound.BACKEND_SECRET, "base64"), Buffer.from(older, "base64")],
    internalSecrets: [sound.INTERNAL_SECRET, older],
  });
  expect(faultsOf({ ...sound, BACKEND_SECRET: `${sound.BACKEND_SECRET},short` })).toHaveLength(1);
});

test("set 3, S-36: a further origin without TLS is refused", () => {
  const trusted = (BACKEND_TRUSTED_ORIGINS: string) => faultsOf({ ...sound, BACKEND_TRUSTED_ORIGINS });
  expect(trusted("https://club.example, http://localhost:3000")).toEqual([]);
  expect(trusted("https://club.example, http://club.example")).toEqual([
    expect.stringContaining("BACKEND_TRUSTED_ORIGINS has http://club.example"),
  ]);
});

test("S-42: a list of secrets in which there is none is refused", () => {
  expect(faultsOf({ ...sound, INTERNAL_SECRET: "," })).toEqual([expect.stringContaining("INTERNAL_SECRET")]);
  expect(faultsOf({ ...sound, BACKEND_SECRET: " , " })).toEqual([expect.stringContaining("BACKEND_SECRET")]);
});
