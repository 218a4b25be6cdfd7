import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  advance,
  countOutcomes,
  openSignup,
  outcome,
  password,
  prepareSignin,
  signIn,
  succeed,
  verifyCode,
} from "../steps.ts";
import { carryThrough, emailAddressUpdate, passwordReset, prepare, userDeletion } from "./flow.ts";
import { begin, from, join, newPassword, type Person, type Rig, startRig } from "./rig.ts";

const wrong = "wrong password, quite long";

/** Tries a password in a new signin. */
async function tryPassword(rig: Rig, address: string, text: string): Promise<string> {
  const { signin_token } = await succeed(rig, "create_signin", { user_email_address: address });
  return outcome(rig, "verify_signin_user_password", { signin_token, password: text });
}

describe("behind a proxy, by default", () => {
  let rig: Rig;
  let attacker: Rig;
  let owner: Rig;
  let ada: Person;

  beforeAll(async () => {
    rig = await startRig("app", { TRUSTED_PROXIES: "127.0.0.1" });
    attacker = from(rig, "203.0.113.1");
    owner = from(rig, "198.51.100.7");
  });
  afterAll(() => rig.stop());
  beforeEach(async () => {
    await begin(rig);
    ada = await join(rig, "ada@example.com");
  });

  /** Wrong passwords, a minute apart, so that no bucket stops them. */
  async function fail(times: number): Promise<void> {
    const { signin_token } = await succeed(owner, "create_signin", { user_email_address: ada.address });
    const args = { signin_token, password: wrong };
    for (let time = 0; time < times; time++) {
      if (time % 9 === 8)
        Object.assign(args, await succeed(owner, "create_signin", { user_email_address: ada.address }));
      expect(await outcome(owner, "verify_signin_user_password", args)).toBe("incorrect_password");
      await advance(rig, 60);
    }
  }

  test("S-17: ten resets, then one every six minutes, for a caller; others are not held up", async () => {
    const ask = (caller: Rig, index: number) =>
      outcome(caller, "create_user_password_reset", { user_email_address: `somebody-${index}@example.com` });
    expect(await countOutcomes(12, (index) => ask(attacker, index))).toEqual({ ok: 10, rate_limited: 2 });
    expect(await ask(owner, 12)).toBe("ok");
    await advance(rig, 359);
    expect(await ask(attacker, 13)).toBe("rate_limited");
    await advance(rig, 1);
    expect(await ask(attacker, 14)).toBe("ok");
  });

  test("R9: after a hundred wrong passwords in a row the right one is refused, until it is reset", async () => {
    await fail(100);
    expect(await tryPassword(owner, ada.address, password)).toBe("rate_limited");
    await advance(rig, 86_400);
    expect(await tryPassword(owner, ada.address, password)).toBe("rate_limited");
    expect(await outcome(owner, "get_session", { session_token: ada.session_token })).toBe("ok");
    const deletion = await prepare(rig, userDeletion, ada, 0);
    const args = { ...deletion.args, password };
    expect(await outcome(rig, "verify_user_deletion_user_password", args)).toBe("rate_limited");
    await carryThrough(rig, passwordReset, ada);
    expect(await tryPassword(owner, ada.address, newPassword)).toBe("ok");
  });

  test("R9, R10: a right password begins the count anew", async () => {
    await fail(99);
    expect(await tryPassword(owner, ada.address, password)).toBe("ok");
    await fail(99);
    expect(await tryPassword(owner, ada.address, password)).toBe("ok");
  });

  test("R9, S-2: an address without an account behaves alike", async () => {
    const nobody = "nobody@example.com";
    for (let time = 0; time < 100; time++) {
      expect(await tryPassword(owner, nobody, wrong)).toBe("incorrect_password");
      await advance(rig, 60);
    }
    expect(await tryPassword(owner, nobody, wrong)).toBe("rate_limited");
  });

  test("R10, S-18: an attacker guesses for half an hour without end; the owner signs in all the while", async () => {
    let guesses = 0;
    for (let minute = 0; minute < 30; minute++) {
      for (let guess = 0; guess < 6; guess++)
        if ((await tryPassword(attacker, ada.address, `${wrong} ${guess}`)) === "incorrect_password") guesses++;
      if (minute % 3 === 0) await signIn(owner, ada.address);
      await advance(rig, 60);
    }
    expect(guesses).toBe(5 + 29);
  });

  test("R10: an attacker from a hundred addresses gets fifty guesses at once, then ten a minute", async () => {
    const storm = () => countOutcomes(100, (index) => tryPassword(from(rig, `203.0.113.${index}`), ada.address, wrong));
    expect(await storm()).toEqual({ incorrect_password: 50, rate_limited: 50 });
    await advance(rig, 60);
    expect(await storm()).toEqual({ incorrect_password: 10, rate_limited: 90 });
  });

  test("R44: who is no proxy cannot pretend: the chain is believed from its end", async () => {
    const liar = (index: number) => from(rig, `192.0.2.${index}, 203.0.113.1`);
    const counts = await countOutcomes(20, (index) => tryPassword(liar(index), ada.address, wrong));
    expect(counts).toEqual({ incorrect_password: 5, rate_limited: 15 });
  });

  test("S-18: guesses at a sign-up's code from elsewhere stop neither its owner nor the owner's mails", async () => {
    const { signup_token, code } = await openSignup(rig, "bob@example.com");
    const theirs = (await succeed(rig, "create_sibling_signup", { signup_token })).signup_token;
    const counts = await countOutcomes(20, () => verifyCode(attacker, theirs, "AAAAAAAA"));
    expect(counts).toEqual({ incorrect_email_address_verification_code: 5, rate_limited: 15 });
    expect(await outcome(attacker, "send_signup_email_address_verification_code", { signup_token })).toBe(
      "rate_limited",
    );
    expect(await outcome(owner, "send_signup_email_address_verification_code", { signup_token })).toBe("ok");
    expect(await verifyCode(owner, signup_token, code)).toBe("ok");
  });

  test("S-18: guesses at a temporary password from elsewhere do not stop its owner", async () => {
    const mine = await passwordReset.begin(owner, ada);
    const theirs = await passwordReset.begin(attacker, ada);
    const guess = () =>
      outcome(attacker, "verify_user_password_reset_temporary_password", { ...theirs.args, temporary_password: "A" });
    expect(await countOutcomes(20, guess)).toEqual({ incorrect_temporary_password: 5, rate_limited: 15 });
    expect(await outcome(attacker, "create_user_password_reset", { user_email_address: ada.address })).toBe(
      "rate_limited",
    );
    expect(await outcome(owner, "create_user_password_reset", { user_email_address: ada.address })).toBe("ok");
    const args = { ...mine.args, temporary_password: mine.code };
    expect(await outcome(owner, "verify_user_password_reset_temporary_password", args)).toBe("ok");
  });

  test("S-18: somebody who wants one's address for an own account does not stop one's sign-up", async () => {
    const theirs = await emailAddressUpdate.begin(attacker, ada);
    const verify = "verify_user_email_address_update_email_address_verification_code";
    const args = { ...theirs.args, email_address_verification_code: "AAAAAAAA" };
    await countOutcomes(6, () => outcome(attacker, verify, args));
    const { signup_token, code } = await openSignup(owner, "ada@new.example");
    expect(await verifyCode(owner, signup_token, code)).toBe("ok");
  });

  test("R11: a code that is sent again gives no more tries", async () => {
    const { signup_token, code } = await openSignup(owner, "bob@example.com");
    for (let time = 0; time < 5; time++) {
      expect(await verifyCode(owner, signup_token, "AAAAAAAA")).toBe("incorrect_email_address_verification_code");
      await outcome(owner, "send_signup_email_address_verification_code", { signup_token });
    }
    expect(await verifyCode(owner, signup_token, code)).toBe("rate_limited");
  });
});

test.each([
  ["strict mode, as Faroe", { AUTH_FAROE_STRICT: "true" }],
  ["AUTH_IP_LIMITS=off", { AUTH_IP_LIMITS: "off" }],
])("with %s everybody shares the five guesses", async (_, settings) => {
  const rig = await startRig("app", { TRUSTED_PROXIES: "127.0.0.1", ...settings });
  await begin(rig);
  const ada = await join(rig, "ada@example.com");
  const counts = await countOutcomes(6, (index) => tryPassword(from(rig, `203.0.113.${index}`), ada.address, wrong));
  expect(counts).toEqual({ incorrect_password: 5, rate_limited: 1 });
  expect(await tryPassword(from(rig, "198.51.100.7"), ada.address, password)).toBe("rate_limited");
  await advance(rig, 60);
  await prepareSignin(from(rig, "198.51.100.7"), ada.address);
  await rig.stop();
});
