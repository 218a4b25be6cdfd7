import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { patiently } from "@anteroom/shared/testing/patience";
import { Pool } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createPasswordBlocklist } from "../../src/passwords/blocklist.ts";
import { startTestServer, type TestServer } from "../harness.ts";
import { startServerProcess } from "../server-process.ts";
import { openSignup, outcome, startOver, succeed, verifyCode } from "../steps.ts";
import { prepareNewPassword } from "./flow.ts";
import { begin, join, type Rig, startRig } from "./rig.ts";

const invalid = "invalid_password_length";
const weak = "weak_password";
const nfc = "crème brûlée à l'été".normalize("NFC");
const nfd = nfc.normalize("NFD");

/** A way to try passwords as the one of a new account: the outcome of setting it. */
async function openSetter(t: TestServer, address = "ada@example.com") {
  const { signup_token, code } = await openSignup(t, address);
  expect(await verifyCode(t, signup_token, code)).toBe("ok");
  const set = (password: string) => outcome(t, "set_signup_password", { signup_token, password });
  return { set, signup_token };
}

/** Whether an account made with one password opens with another. */
async function opens(t: TestServer, given: string, shown: string): Promise<string> {
  const address = `p${t.app.calls.length}@example.com`;
  const { set, signup_token } = await openSetter(t, address);
  expect(await set(given)).toBe("ok");
  await succeed(t, "complete_signup", { signup_token });
  const { signin_token } = await succeed(t, "create_signin", { user_email_address: address });
  return outcome(t, "verify_signin_user_password", { signin_token, password: shown });
}

describe("by default", () => {
  let t: Rig;

  beforeAll(async () => {
    t = await startRig("app", { AUTH_PASSWORD_CONTEXT_WORDS: " Dodeka,zwembad" });
  });
  afterAll(() => t?.stop());
  beforeEach(() => begin(t));

  test("R1: 15 code points are enough and 14 are not, however many bytes they take", async () => {
    const { set } = await openSetter(t);
    for (const short of ["", "kX9-kX9+kY8_zQ", "👩🏽‍🚀 né Ærø 日本".slice(0, 12), "日本語の長い合言葉はこれです"])
      expect([short, await set(short)]).toEqual([short, invalid]);
    expect(await set(`${"🐴🔋📎✅".repeat(3)}🐴🔋`)).toBe(invalid);
    // 14 characters, though 28 code points as some keyboards send them.
    expect(await set("é".repeat(14).normalize("NFD"))).toBe(invalid);
    expect(await set(`${"🐴🔋📎✅".repeat(3)}🐴🔋📎`)).toBe("ok");
    expect(await (await openSetter(t, "bob@example.com")).set("kX9-kX9+kY8_zQ4")).toBe("ok");
  });

  test("R2: 128 emoji with spaces, all printing ASCII, 256 of anything", async () => {
    const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
    for (const long of ["😀 ".repeat(64), ascii, "ß日".repeat(128), " leading and trailing space counts "])
      expect(await opens(t, long, long)).toBe("ok");
    expect(await opens(t, " leading and trailing space counts ", "leading and trailing space counts")).toBe(
      "incorrect_password",
    );
    expect(await (await openSetter(t)).set(`${"ß日".repeat(128)}x`)).toBe(invalid);
  });

  test.each(["only small letters here", "ONLY CAPITALS IN HERE", "8305 9174 2636 0851", "-+=#~-_.,:;<>|^°!§$"])(
    "R3: nothing is asked about composition: %s",
    async (plain) => {
      expect(await (await openSetter(t)).set(plain)).toBe("ok");
    },
  );

  test("R4: the same characters from another keyboard are the same password", async () => {
    expect(nfd).not.toBe(nfc);
    expect(await opens(t, nfc, nfd)).toBe("ok");
    expect(await opens(t, nfd, nfc)).toBe("ok");
    expect(await opens(t, nfd, nfd)).toBe("ok");
    // Look-alikes are not the same characters.
    expect(await opens(t, "a ﬁne ligature of a pass", "a fine ligature of a pass")).toBe("incorrect_password");
  });

  test("R4: every character counts, beyond the 72nd byte too, and so does case", async () => {
    const long = "a sentence that is so long that bcrypt would stop reading before its end: here";
    expect(await opens(t, long, `${long.slice(0, 72)}${"x".repeat(long.length - 72)}`)).toBe("incorrect_password");
    expect(await opens(t, long, long.slice(0, 72))).toBe("incorrect_password");
    expect(await opens(t, long, long.toUpperCase())).toBe("incorrect_password");
    expect(await opens(t, long, `${long}\0`)).toBe("incorrect_password");
  });

  test.each(["passwordpassword", "PasswordPassword", "1qaz2wsx3edc4rfv", "qwerty123456789"])(
    "R5: a listed password is refused: %s",
    async (listed) => {
      expect(await (await openSetter(t)).set(listed)).toBe(weak);
    },
  );

  test.each([
    "iloveyouiloveyou",
    "Summer2026!Summer2026!",
    "password 12345678",
    "!!!!Superman2019!",
    "P@ssw0rd-p@ssw0rd",
    "qwertyuiopasdfgh",
    "zaq12wsxcde34rfv",
    "abcdefghijklmnop",
    "111122223333444",
    "aaaaaaaaaaaaaaaaaaaa",
    "princess 20260921",
    "horse horse horse",
  ])("R5: a listed one in disguise is refused: %s", async (derived) => {
    expect(await (await openSetter(t)).set(derived)).toBe(weak);
  });

  test.each([
    "correct horse battery",
    "monkey dragon 2026 tea",
    "4839201758302917",
    "kX9kX9kX9kX9kX9",
    "tr0ub4dor and friends",
  ])("R5: an honest one is not: %s", async (honest) => {
    expect(await (await openSetter(t)).set(honest)).toBe("ok");
  });

  test.each([
    "anteroom 2026!!!!",
    "anteroom-anteroom",
    "Dodeka-Dodeka-Dodeka",
    "ZWEMBAD ZWEMBAD 1",
    "grace@example.com",
    "Grace.Hopper.1906",
    "hopper 1906-12-09",
  ])("R6, S-F15: neither site nor address makes a password: %s", async (made) => {
    expect(await (await openSetter(t, "grace.hopper@example.com")).set(made)).toBe(weak);
  });

  test("R6: they may be part of one", async () => {
    const { set } = await openSetter(t, "grace.hopper@example.com");
    expect(await set("grace feeds seven moths")).toBe("ok");
  });

  test("R6: nor does the user's name, in an update as in a reset", async () => {
    const ada = await join(t, "ada@example.com", "Augusta O'Lovelace-King");
    for (const kind of ["user_password_update", "user_password_reset"] as const) {
      const { action, args } = await prepareNewPassword(t, kind, ada);
      for (const made of ["Augusta Lovelace 1815", "lovelace-king 1815!"])
        expect(await outcome(t, action, { ...args, password: made })).toBe(weak);
      expect(await outcome(t, action, { ...args, password: "Augusta wrote seven notes" })).toBe("ok");
    }
  });
});

describe("in strict mode, as Faroe", () => {
  let t: TestServer;

  beforeAll(async () => {
    t = await startTestServer({ AUTH_FAROE_STRICT: "true" });
  });
  afterAll(() => t?.stop());
  beforeEach(() => startOver(t));

  test("R1, R2: 10 to 100 code points", async () => {
    const { set } = await openSetter(t);
    expect(await set("kX9-kX9+k")).toBe(invalid);
    expect(await set("😀".repeat(101))).toBe(invalid);
    expect(await set("😀".repeat(100))).toBe("ok");
    expect(await (await openSetter(t, "bob@example.com")).set("kX9-kX9+kY")).toBe("ok");
  });

  test("R4: characters count as they were sent", async () => {
    expect(await opens(t, nfc, nfd)).toBe("incorrect_password");
    expect(await opens(t, nfd, nfd)).toBe("ok");
  });

  test("R5, R6: only what is listed is refused", async () => {
    const { set } = await openSetter(t);
    expect(await set("qwertyuiop")).toBe(weak);
    expect(await set("ada@example.com")).toBe("ok");
  });
});

test("R1: AUTH_PASSWORD_MIN_LENGTH goes down to 8, and R5 holds there too", async () => {
  const t = await startTestServer({ AUTH_PASSWORD_MIN_LENGTH: "8" });
  const { set } = await openSetter(t);
  expect(await set("kX9-kX9")).toBe(invalid);
  for (const listed of ["password", "Password1", "12345678", "iloveyou", "P@ssw0rd", "dragon99"])
    expect(await set(listed)).toBe(weak);
  expect(await set("kX9-kX9+")).toBe("ok");
  await t.stop();
  await expect(startTestServer({ AUTH_PASSWORD_MIN_LENGTH: "7" })).rejects.toThrow("AUTH_PASSWORD_MIN_LENGTH");
});

test("R5: the 3,000 commonest are refused, alone, doubled and with a year, and without asking anybody", async () => {
  const file = fileURLToPath(import.meta.resolve("@zxcvbn-ts/language-common/src/passwords.json"));
  const common = (JSON.parse(readFileSync(file, "utf8")) as string[]).slice(0, 3_000);
  const list = createPasswordBlocklist(undefined, 8);
  const missed = [];
  for (const word of common.filter((one) => one.length >= 4))
    for (const made of [word, word.toUpperCase(), word + word, `${word}2026!`, `!${word}!`, `${word} ${word} ${word}`])
      if (!(await list.has(made)) && !(await list.isObvious(made))) missed.push(made);
  expect(missed).toEqual([]);
});

describe("S-22: the look-up of breached passwords", () => {
  let service: Server;
  let url: string;
  let mode: "answers" | "fails" | "hangs" = "answers";
  const asked: string[] = [];
  const breached = "this one was in a breach";

  beforeAll(async () => {
    // SHA-1 of `breached`, and the ending of a padding entry.
    const sha1 = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(breached));
    const digest = Buffer.from(sha1).toString("hex").toUpperCase();
    service = createServer((request, response) => {
      asked.push(request.url ?? "");
      if (mode === "hangs") return;
      const isPrefix = request.url === `/range/${digest.slice(0, 5)}`;
      const lines = [`${"0".repeat(35)}:7`, ...(isPrefix ? [`${digest.slice(5)}:3`] : [])];
      response.writeHead(mode === "fails" ? 503 : 200).end(lines.join("\r\n"));
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/range/`;
  });
  afterAll(async () => {
    service.closeAllConnections();
    await new Promise((resolve) => service?.close(resolve));
  });
  beforeEach(() => {
    mode = "answers";
    asked.length = 0;
  });

  test("a breached one is refused; only five digits of its hash leave the house", async () => {
    const t = await startTestServer({ AUTH_PASSWORD_RANGE_URL: url });
    const { set } = await openSetter(t);
    expect(await set(breached)).toBe(weak);
    expect(await set("this one never was in any")).toBe("ok");
    expect(asked).toHaveLength(2);
    for (const path of asked) expect(path).toMatch(/^\/range\/[0-9A-F]{5}$/);
    await t.stop();
  });

  test("a service that fails or hangs keeps nobody from a password: after 2 s at most, with a line in the log", async () => {
    const base = await startTestServer({ AUTH_PASSWORD_RANGE_URL: url });
    const child = await startServerProcess({ ...base.environment, LOG_LEVEL: "info" });
    const pool = new Pool(`http://127.0.0.1:${child.privatePort}`);
    const strict = await startTestServer({ AUTH_PASSWORD_RANGE_URL: url, AUTH_FAROE_STRICT: "true" });
    const servers = [{ ...base, invoke: invokeAt(pool, base) }, strict];
    mode = "fails";
    // The second is strict: as Faroe.
    expect(await Promise.all(servers.map(tryOnce))).toEqual(["ok", "internal_error"]);
    mode = "hangs";
    const start = performance.now();
    expect(await Promise.all(servers.map(tryOnce))).toEqual(["ok", "internal_error"]);
    expect(performance.now() - start).toBeGreaterThan(1_900);
    expect(performance.now() - start).toBeLessThan(patiently(5_000));
    const lines = () => child.output().match(/could not be looked up among breached ones/g);
    await expect.poll(lines, { timeout: patiently(10_000) }).toHaveLength(2);
    await pool.destroy();
    await child.end("SIGTERM");
    await Promise.all([base.stop(), strict.stop()]);
  });

  const tryOnce = async (t: TestServer) => (await openSetter(t)).set("this one never was in any");

  test("without AUTH_PASSWORD_RANGE_URL nobody is asked", async () => {
    const t = await startTestServer();
    expect(await (await openSetter(t)).set(breached)).toBe("ok");
    expect(asked).toEqual([]);
    await t.stop();
  });
});

function invokeAt(pool: Pool, { environment }: TestServer): TestServer["invoke"] {
  return async (action, args) => {
    const headers = { authorization: `Bearer ${environment.INTERNAL_SECRET}` };
    const body = JSON.stringify({ action, arguments: args });
    const response = await pool.request({ method: "POST", path: "/", headers, body });
    return (await response.body.json()) as Awaited<ReturnType<TestServer["invoke"]>>;
  };
}
