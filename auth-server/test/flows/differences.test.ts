import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { post, request } from "../harness.ts";
import {
  advance,
  countOutcomes,
  openSignup,
  outcome,
  password,
  prepareSignup,
  signIn,
  succeed,
  verifyCode,
} from "../steps.ts";
import { carryThrough, passwordUpdate } from "./flow.ts";
import { begin, from, join, publicly, type Rig, startRig, takeMail } from "./rig.ts";

const address = "ada@example.com";
const origin = "https://app.example";

/** The rows of the table in docs/faroe-compatibility.md, each a test: what both servers make of the same. */
let strict: Rig;
let free: Rig;

const shared = (appUrl: string) => ({
  AUTH_CORS_ORIGINS: `${origin},https://other.example`,
  AUTH_PASSWORD_CONTEXT_WORDS: "anteroom",
  AUTH_PASSWORD_RANGE_URL: `${appUrl}/range/`,
  AUTH_USER_CHECK_INTERVAL: "",
  TRUSTED_PROXIES: "127.0.0.1",
});

beforeAll(async () => {
  strict = await startRig("app", (url) => ({ ...shared(url), AUTH_FAROE_STRICT: "true" }));
  free = await startRig("app", shared);
});
afterAll(async () => {
  await strict?.stop();
  await free?.stop();
});
beforeEach(async () => {
  await begin(strict);
  await begin(free);
});

/** What becomes of the same on both: strict first. */
async function onBoth<T>(work: (rig: Rig) => Promise<T>): Promise<[T, T]> {
  return [await work(strict), await work(free)];
}

const rows: Record<string, () => Promise<void>> = {
  "public listener": async () => {
    const create = async (rig: Rig) => {
      const invocation = { action: "create_signup", arguments: { email_address: address } };
      return [(await post(rig.public, "/", invocation)).status, rig.app.mailbox.length];
    };
    expect(await onBoth(create)).toEqual([
      [200, 1],
      [400, 0],
    ]);
  },

  "`create_user_email_address_update` on the public listener": async () => {
    const create = async (rig: Rig) => {
      const { session_token } = await join(rig, address);
      const invocation = {
        action: "create_user_email_address_update",
        arguments: { session_token, new_email_address: "new@example.com" },
      };
      return [(await post(rig.public, "/", invocation)).status, rig.app.mailbox.length];
    };
    expect(await onBoth(create)).toEqual([
      [200, 1],
      [400, 0],
    ]);
  },

  "`create_user_email_address_update` for an address that somebody has": async () => {
    const create = async (rig: Rig) => {
      const { session_token } = await join(rig, address);
      await join(rig, "bob@example.com");
      const args = { session_token, new_email_address: "bob@example.com" };
      return [await outcome(rig, "create_user_email_address_update", args), rig.app.mailbox.length];
    };
    expect(await onBoth(create)).toEqual([
      ["email_address_already_used", 0],
      ["ok", 0],
    ]);
  },

  "`create_signin`, `create_user_password_reset` for an unknown or disabled address": async () => {
    const create = async (rig: Rig) => {
      const ada = await join(rig, address);
      await rig.users.change(ada.id, { disabled: true });
      const codes = [];
      for (const user_email_address of ["nobody@example.com", address])
        for (const action of ["create_signin", "create_user_password_reset"])
          codes.push(await outcome(rig, action, { user_email_address }));
      return codes;
    };
    expect(await onBoth(create)).toEqual([
      ["user_not_found", "user_not_found", "user_disabled", "user_disabled"],
      ["ok", "ok", "ok", "ok"],
    ]);
    expect(free.app.mailbox).toEqual([]);
  },

  "`user_id` of a signin or reset before anything is verified": async () => {
    const shows = async (rig: Rig) => {
      const { id } = await join(rig, address);
      const { signin, signin_token } = await succeed(rig, "create_signin", { user_email_address: address });
      const { user_password_reset } = await succeed(rig, "create_user_password_reset", { user_email_address: address });
      await succeed(rig, "verify_signin_user_password", { signin_token, password });
      const later = (await succeed(rig, "get_signin", { signin_token })).signin;
      return [signin, user_password_reset, later].map((object) => object.user_id === id);
    };
    expect(await onBoth(shows)).toEqual([
      [true, true, true],
      [false, false, true],
    ]);
  },

  addresses: async () => {
    const spell = async (rig: Rig) => {
      await join(rig, address);
      return [
        await outcome(rig, "create_signup", { email_address: "ADA@example.com" }),
        await outcome(rig, "create_signup", { email_address: " bob@example.com" }),
      ];
    };
    expect(await onBoth(spell)).toEqual([
      ["ok", "invalid_email_address"],
      ["email_address_already_used", "ok"],
    ]);
  },

  "`complete_signup` when the user server refuses the user": async () => {
    const complete = async (rig: Rig) => {
      const { signup_token } = await prepareSignup(rig, address);
      rig.app.faults.push({ target: "user_server", op: "create_user", error: "user_not_found" });
      const codes = [];
      for (let time = 0; time < 2; time++) codes.push(await outcome(rig, "complete_signup", { signup_token }));
      return codes;
    };
    expect(await onBoth(complete)).toEqual([
      ["internal_error", "ok"],
      ["registration_not_accepted", "ok"],
    ]);
  },

  "a mail with a code cannot be sent": async () => {
    const fail = async (rig: Rig) => {
      await join(rig, address);
      const codes = [];
      for (let time = 0; time < 6; time++) {
        rig.app.faults.push({ target: "email", op: "signup_verification" });
        codes.push(await outcome(rig, "create_signup", { email_address: "bob@example.com" }));
      }
      rig.app.faults.push({ target: "email", op: "password_reset" });
      codes.push(await outcome(rig, "create_user_password_reset", { user_email_address: address }));
      return codes;
    };
    const five = Array(5).fill("internal_error");
    expect(await onBoth(fail)).toEqual([
      [...five, "rate_limited", "internal_error"],
      [...five, "internal_error", "ok"],
    ]);
  },

  "wrong secret, right id": async () => {
    const touch = async (rig: Rig) => {
      const ada = await join(rig, address);
      await rig.users.change(ada.id, { disabled: true });
      const [id] = ada.session_token.split(".");
      await outcome(rig, "get_session", { session_token: `${id}.wrong` });
      await rig.users.change(ada.id, { disabled: false });
      return outcome(rig, "get_session", { session_token: ada.session_token });
    };
    expect(await onBoth(touch)).toEqual(["invalid_session_token", "ok"]);
  },

  "guesses at codes, passwords, temporary passwords": async () => {
    const guess = async (rig: Rig) => {
      const { signup_token, code } = await openSignup(rig, address);
      for (let time = 0; time < 5; time++) await verifyCode(from(rig, "203.0.113.1"), signup_token, "AAAAAAAA");
      return verifyCode(from(rig, "198.51.100.7"), signup_token, code);
    };
    expect(await onBoth(guess)).toEqual(["rate_limited", "ok"]);
  },

  "too many wrong codes": async () => {
    const guess = async (rig: Rig) => {
      const { signup_token } = await openSignup(rig, address);
      for (let time = 0; time < 5; time++) await verifyCode(rig, signup_token, "AAAAAAAA");
      return outcome(rig, "send_signup_email_address_verification_code", { signup_token });
    };
    expect(await onBoth(guess)).toEqual(["rate_limited", "ok"]);
  },

  "mails with a code": async () => {
    const ask = async (rig: Rig) => {
      const { session_token } = await join(rig, address);
      for (let time = 0; time < 5; time++) await openSignup(rig, "carol@example.com");
      const args = { session_token, new_email_address: "carol@example.com" };
      return outcome(rig, "create_user_email_address_update", args);
    };
    const share = async (rig: Rig) => {
      await countOutcomes(5, () => outcome(rig, "create_signup", { email_address: "carol@example.com" }));
      return outcome(from(rig, "203.0.113.1"), "create_signup", { email_address: "carol@example.com" });
    };
    expect(await onBoth(ask)).toEqual(["rate_limited", "ok"]);
    expect(await onBoth(share)).toEqual(["rate_limited", "ok"]);
  },

  "password resets that one caller asks for": async () => {
    const ask = async (rig: Rig) => {
      for (let index = 0; index < 11; index++) await join(rig, `person-${index}@example.com`);
      const codes = [];
      for (let index = 0; index < 11; index++)
        codes.push(
          await outcome(rig, "create_user_password_reset", { user_email_address: `person-${index}@example.com` }),
        );
      return codes.at(-1);
    };
    expect(await onBoth(ask)).toEqual(["ok", "rate_limited"]);
  },

  "a reset when others have had too many mails sent": async () => {
    const ask = async (rig: Rig) => {
      await join(rig, address);
      const reset = (caller: Rig) => outcome(caller, "create_user_password_reset", { user_email_address: address });
      for (let index = 0; index < 5; index++) {
        await reset(publicly(rig, `203.0.113.${index}`));
        await reset(from(rig, `203.0.113.${index}`));
      }
      return [await reset(publicly(rig, "198.51.100.7")), await reset(from(rig, "198.51.100.7"))];
    };
    expect(await onBoth(ask)).toEqual([
      ["rate_limited", "rate_limited"],
      ["ok", "rate_limited"],
    ]);
  },

  "sign-ins begun and passwords tried by one caller": async () => {
    const flood = async (rig: Rig) => {
      for (let index = 0; index < 26; index++) await join(rig, `person-${index}@example.com`);
      const spray = async (index: number) => {
        const user_email_address = `person-${index}@example.com`;
        const { signin_token } = await succeed(rig, "create_signin", { user_email_address });
        return outcome(rig, "verify_signin_user_password", { signin_token, password: "wrong" });
      };
      const sprayed = await countOutcomes(26, spray);
      const begin = () => outcome(rig, "create_signin", { user_email_address: "person-1@example.com" });
      return [sprayed, await countOutcomes(75, begin)];
    };
    expect(await onBoth(flood)).toEqual([
      [{ incorrect_password: 26 }, { ok: 75 }],
      [
        { incorrect_password: 25, rate_limited: 1 },
        { ok: 74, rate_limited: 1 },
      ],
    ]);
  },

  "a hundred wrong passwords in a row": async () => {
    const guess = async (rig: Rig) => {
      await join(rig, address);
      const tryPassword = async (caller: Rig, text: string) => {
        const { signin_token } = await succeed(caller, "create_signin", { user_email_address: address });
        return outcome(caller, "verify_signin_user_password", { signin_token, password: text });
      };
      for (let time = 0; time < 100; time++) {
        await tryPassword(from(rig, `203.0.113.${time}`), "wrong");
        await advance(rig, 60);
      }
      return tryPassword(rig, password);
    };
    const reported = (rig: Rig) => rig.app.mailbox.filter(({ type }) => String(type) === "password_locked").length;
    expect(await onBoth(guess)).toEqual(["ok", "password_locked"]);
    expect([strict, free].map(reported)).toEqual([0, 1]);
  },

  "sessions when the password changes": async () => {
    const change = async (rig: Rig) => {
      const ada = await join(rig, address);
      const other = await signIn(rig, address);
      await carryThrough(rig, passwordUpdate, ada);
      const codes = [];
      for (const { session_token } of [ada, other]) codes.push(await outcome(rig, "get_session", { session_token }));
      return codes;
    };
    expect(await onBoth(change)).toEqual([
      ["ok", "ok"],
      ["ok", "invalid_session_token"],
    ]);
  },

  "password length": async () => {
    expect(await onBoth((rig) => setPasswords(rig, "kX9-kX9+k", "kX9-kX9+kY", "😀".repeat(101)))).toEqual([
      ["invalid_password_length", "ok", "invalid_password_length"],
      ["invalid_password_length", "invalid_password_length", "ok"],
    ]);
  },

  "password as hashed": async () => {
    const composed = "crème brûlée à l'été".normalize("NFC");
    const show = async (rig: Rig) => {
      const { signup_token } = await prepareSignup(rig, address, composed);
      await succeed(rig, "complete_signup", { signup_token });
      const { signin_token } = await succeed(rig, "create_signin", { user_email_address: address });
      const args = { signin_token, password: composed.normalize("NFD") };
      return outcome(rig, "verify_signin_user_password", args);
    };
    expect(await onBoth(show)).toEqual(["incorrect_password", "ok"]);
  },

  "weak passwords": async () => {
    const tried = ["passwordpassword", "PasswordPassword!", "Anteroom 2026-2026", "ada@example.com!"];
    expect(await onBoth((rig) => setPasswords(rig, ...tried))).toEqual([
      ["weak_password", "ok", "ok", "ok"],
      ["weak_password", "weak_password", "weak_password", "weak_password"],
    ]);
  },

  "the breach service cannot be reached": async () => {
    const set = async (rig: Rig) => {
      rig.app.faults.push({ target: "password_strength" });
      return setPasswords(rig, password);
    };
    expect(await onBoth(set)).toEqual([["internal_error"], ["ok"]]);
  },

  "users' hashes": async () => {
    // Faroe's known answer for "correct horse battery" with other parameters than these servers'.
    const older = {
      password_hash: "jHzkCu+tWqd/dMDGkh+i6YjE0V2MwdHKjSiJmMsPRFM=",
      password_salt: "AB8+XXybutn4FzZVdJOy0Q==",
      password_hash_algorithm_id: "argon2id.3.16384.1.32",
    };
    const show = async (rig: Rig) => {
      const ada = await join(rig, address);
      await rig.users.change(ada.id, older);
      const { signin_token } = await succeed(rig, "create_signin", { user_email_address: address });
      const code = await outcome(rig, "verify_signin_user_password", { signin_token, password });
      return [code, (await rig.users.find(ada.id))?.password_hash_algorithm_id];
    };
    expect(await onBoth(show)).toEqual([
      ["internal_error", older.password_hash_algorithm_id],
      ["ok", "argon2id.1.64.1.32"],
    ]);
  },

  "`get_session`": async () => {
    const look = async (rig: Rig) => {
      const { session_token } = await join(rig, address);
      rig.app.calls.length = 0;
      for (let time = 0; time < 3; time++) await succeed(rig, "get_session", { session_token });
      return rig.app.calls.length;
    };
    expect(await onBoth(look)).toEqual([3, 1]);
  },

  "sign-in notices": async () => {
    const complete = async (rig: Rig) => {
      await join(rig, address);
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      rig.app.intercept = ({ path }) => (path === "/email" ? held : undefined);
      const answered = signIn(rig, address).then(() => "answered");
      const patience = rig === strict ? 300 : 2_500;
      const first = await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, patience, "waiting"))]);
      release();
      await answered;
      await takeMail(rig, "signin_notification");
      return first;
    };
    expect(await onBoth(complete)).toEqual(["waiting", "answered"]);
  },

  "how long sessions and sign-ups live": async () => {
    const lives = async (rig: Rig) => {
      const { signup } = await openSignup(rig, "bob@example.com");
      await join(rig, address);
      const { session, session_token } = await signIn(rig, address);
      await advance(rig, 14 * 86_400);
      const idle = await outcome(rig, "get_session", { session_token });
      return [signup.expires_at - signup.created_at, session.expires_at - session.created_at, idle];
    };
    expect(await onBoth(lives)).toEqual([
      [1_200, 90 * 86_400, "ok"],
      [86_400, 30 * 86_400, "invalid_session_token"],
    ]);
  },

  "secrets of tokens": async () => {
    const lengths = async (rig: Rig) => {
      const { session_token } = await join(rig, address);
      const { signup_token } = await openSignup(rig, "bob@example.com");
      return [session_token, signup_token].map((token) => token.split(".")[1]?.length);
    };
    expect(await onBoth(lengths)).toEqual([
      [24, 24],
      [26, 26],
    ]);
  },

  "the password of a sign-up that has one": async () => {
    const setAgain = async (rig: Rig) => {
      const { signup_token } = await prepareSignup(rig, address);
      return outcome(rig, "set_signup_password", { signup_token, password: "another long passphrase" });
    };
    expect(await onBoth(setAgain)).toEqual(["password_already_set", "ok"]);
  },

  "a sign-up's code that is mailed again near its end": async () => {
    const mailAgain = async (rig: Rig) => {
      const { signup, signup_token, code } = await openSignup(rig, address);
      await advance(rig, signup.expires_at - signup.created_at - 1);
      await succeed(rig, "send_signup_email_address_verification_code", { signup_token });
      const mail = await takeMail(rig, "signup_verification");
      await advance(rig, 1);
      return [mail?.code === code, "expiresAt" in (mail ?? {}), await outcome(rig, "get_signup", { signup_token })];
    };
    expect(await onBoth(mailAgain)).toEqual([
      [true, false, "invalid_signup_token"],
      [false, true, "ok"],
    ]);
  },

  "codes and temporary passwords as they are typed": async () => {
    const type = async (rig: Rig) => {
      const { signup_token, code } = await openSignup(rig, address);
      for (let turn = 0; turn < 4; turn++) await verifyCode(rig, signup_token, `${code}1`);
      const dressed = await verifyCode(rig, signup_token, ` ${code.slice(0, 4)}\u2013${code.slice(4).toLowerCase()}.`);
      return [dressed, await verifyCode(rig, signup_token, code)];
    };
    expect(await onBoth(type)).toEqual([
      ["incorrect_email_address_verification_code", "rate_limited"],
      ["ok", "email_address_already_verified"],
    ]);
    const reset = async (rig: Rig) => {
      await join(rig, "eve@example.com");
      const { values } = await rig.invoke("create_user_password_reset", { user_email_address: "eve@example.com" });
      const { code = "" } = (await takeMail(rig, "password_reset")) ?? {};
      return outcome(rig, "verify_user_password_reset_temporary_password", {
        user_password_reset_token: values.user_password_reset_token,
        temporary_password: ` ${code.slice(0, 6)}\u2013${code.slice(6).toLowerCase()}.`,
      });
    };
    expect(await onBoth(reset)).toEqual(["incorrect_temporary_password", "ok"]);
  },

  "`HEAD /alive`, `HEAD /ready`": async () => {
    const probe = async (rig: Rig) => {
      const replies = ["/alive", "/ready"].map((path) => request(rig.public, "HEAD", path, null, {}));
      return (await Promise.all(replies)).map(({ status }) => status);
    };
    expect(await onBoth(probe)).toEqual([
      [404, 404],
      [200, 200],
    ]);
  },

  "headers of answers": async () => {
    const names = ["cache-control", "x-content-type-options", "strict-transport-security"];
    const ask = async (rig: Rig) => {
      const { headers } = await request(rig.public, "POST", "/", "nonsense", {});
      return names.map((name) => headers[name]);
    };
    expect(await onBoth(ask)).toEqual([
      [undefined, undefined, undefined],
      ["no-store", "nosniff", "max-age=31536000"],
    ]);
  },

  CORS: async () => {
    const name = "access-control-allow-origin";
    const ask = async (rig: Rig) => {
      const answers = [];
      for (const asking of ["https://other.example", "https://evil.example"])
        answers.push((await request(rig.public, "GET", "/alive", null, { origin: asking })).headers[name]);
      return answers;
    };
    expect(await onBoth(ask)).toEqual([
      [origin, origin],
      ["https://other.example", undefined],
    ]);
  },

  body: async () => {
    const send = async (rig: Rig) => {
      const invocation = { action: "get_session", arguments: { session_token: "x" }, padding: "x".repeat(100_000) };
      return (await post(rig.public, "/", invocation)).status;
    };
    expect(await onBoth(send)).toEqual([200, 413]);
  },
};

/** What setting each of the passwords comes to, each in a sign-up of its own. */
async function setPasswords(rig: Rig, ...tried: string[]): Promise<string[]> {
  const codes = [];
  for (const one of tried) {
    await rig.sql`delete from rate_limits`;
    const { signup_token, code } = await openSignup(rig, address);
    await verifyCode(rig, signup_token, code);
    codes.push(await outcome(rig, "set_signup_password", { signup_token, password: one }));
  }
  return codes;
}

test.each(Object.entries(rows))("strict and default differ: %s", (_: string, run: () => Promise<void>) => run());

test("R14: in strict mode, too, the right id with another secret opens nothing", async () => {
  const ada = await join(strict, address);
  const { signup_token } = await openSignup(strict, "bob@example.com");
  const { signin_token } = await succeed(strict, "create_signin", { user_email_address: address });
  const { args } = await passwordUpdate.begin(strict, ada);
  const tokens: Record<string, Record<string, string>> = {
    session: { session_token: ada.session_token },
    signup: { signup_token },
    signin: { signin_token },
    user_password_update: args,
  };
  for (const [object, right] of Object.entries(tokens)) {
    const [id] = right[`${object}_token`]?.split(".") ?? [];
    const forged = { ...right, [`${object}_token`]: `${id}.${"a".repeat(24)}` };
    expect(await outcome(strict, `get_${object}`, forged)).toMatch(/^invalid_/);
    expect(await outcome(strict, `get_${object}`, right)).toBe("ok");
  }
});

test("docs/faroe-compatibility.md has a row for each difference, and a test for each row", () => {
  const text = readFileSync(new URL("../../../docs/faroe-compatibility.md", import.meta.url), "utf8");
  const [, table = ""] = text.split("## What differs\n");
  const named = table
    .split("\n## ")[0]
    ?.split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| ---") && !line.startsWith("| |"))
    .map((line) => line.split(" | ")[0]?.slice(2));
  expect(named).toEqual(Object.keys(rows));
});
