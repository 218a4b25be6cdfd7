import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { request } from "../harness.ts";
import {
  advance,
  countOutcomes,
  noon,
  openSignup,
  outcome,
  password,
  prepareSignin,
  signIn,
  succeed,
  verifyCode,
} from "../steps.ts";
import { carryThrough, emailAddressUpdate, passwordReset, prepare, userDeletion } from "./flow.ts";
import { begin, device, from, join, newPassword, type Person, type Rig, startRig, takeMail } from "./rig.ts";

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
  afterAll(() => rig?.stop());
  beforeEach(async () => {
    await begin(rig);
    ada = await join(rig, "ada@example.com");
  });

  /** Wrong passwords, each from an address of its own. */
  async function fail(times: number, address = ada.address): Promise<string[]> {
    const outcomes = [];
    for (let time = 0; time < times; time++) outcomes.push(await tryPassword(stranger(time), address, wrong));
    return outcomes;
  }

  const stranger = (index: number) => from(rig, `203.0.${100 + (index >> 8)}.${index & 255}`);

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

  test("R9, S-F2, acc F5: after a hundred wrong passwords from wherever the right one is of no use elsewhere; the owner is told, and chooses another", async () => {
    expect(new Set(await fail(100))).toEqual(new Set(["incorrect_password"]));
    expect(await tryPassword(owner, ada.address, password)).toBe("password_locked");
    expect(await takeMail(rig, "password_locked")).toEqual({ type: "password_locked", email: ada.address });
    await advance(rig, 86_400);
    expect(await tryPassword(owner, ada.address, password)).toBe("password_locked");
    const { args } = await prepare(owner, userDeletion, ada, 0);
    expect(await outcome(owner, "verify_user_deletion_user_password", { ...args, password })).toBe("ok");
    expect(await tryPassword(from(rig, "198.51.100.7", device("laptop", ada.id)), ada.address, password)).toBe("ok");
    expect(await tryPassword(owner, ada.address, password)).toBe("password_locked");
    await carryThrough(owner, passwordReset, ada);
    expect(await tryPassword(owner, ada.address, newPassword)).toBe("ok");
  });

  test("R9: of guesses at once none is one too many, and one mail a day tells of them", async () => {
    const storm = await countOutcomes(130, (index) => tryPassword(stranger(index), ada.address, wrong));
    expect(storm).toEqual({ incorrect_password: 100, password_locked: 30 });
    await takeMail(rig, "password_locked");
    await carryThrough(owner, passwordReset, ada);
    await countOutcomes(200, (index) => tryPassword(stranger(1000 + index), ada.address, wrong));
    expect(rig.app.mailbox.filter(({ type }) => String(type) === "password_locked")).toEqual([]);
  });

  test("R9, R10: a right password begins the count anew", async () => {
    await fail(99);
    expect(await tryPassword(owner, ada.address, password)).toBe("ok");
    await advance(rig, 3600);
    expect(new Set(await fail(99))).toEqual(new Set(["incorrect_password"]));
    expect(await tryPassword(owner, ada.address, password)).toBe("ok");
  });

  test("R9: a right password and a reset begin anew what was tried on that account, and nothing of other accounts or callers", async () => {
    for (const caller of [attacker, owner]) await tryPassword(caller, ada.address, wrong);
    await tryPassword(owner, "nobody@example.com", wrong);
    const counted = async () =>
      (await rig.sql`select subject, who from guesses where kind <> 'code_by_caller' order by who`).map(
        ({ subject, who }) => `${subject === ada.id ? "ada" : "nobody"} ${who}`,
      );
    const others = ["nobody ", "nobody 198.51.100.7", "ada 203.0.113.1"];
    await signIn(owner, ada.address);
    expect(await counted()).toEqual(others);
    await tryPassword(owner, ada.address, wrong);
    await carryThrough(owner, passwordReset, ada);
    expect(await counted()).toEqual(others);
  });

  test("R10: a right password that is shown once more in a session begins the session's count anew", async () => {
    const { args } = await prepare(owner, userDeletion, ada, 0);
    const again = await prepare(owner, userDeletion, ada, 0);
    const verify = (tokens: Record<string, string>, text: string) =>
      outcome(owner, "verify_user_deletion_user_password", { ...tokens, password: text });
    expect(await countOutcomes(4, () => verify(args, wrong))).toEqual({ incorrect_password: 4 });
    expect(await verify(args, password)).toBe("ok");
    expect(await countOutcomes(6, () => verify(again.args, wrong))).toEqual({ incorrect_password: 5, rate_limited: 1 });
  });

  test("R10, R30: a password that is shown for itself is paid for as one that is shown for a change, by the same session", async () => {
    const { args } = await prepare(owner, userDeletion, ada, 0);
    const show = (text: string) =>
      outcome(owner, "verify_user_password", { session_token: ada.session_token, password: text });
    expect(await countOutcomes(3, () => show(wrong))).toEqual({ incorrect_password: 3 });
    const forChange = () => outcome(owner, "verify_user_deletion_user_password", { ...args, password: wrong });
    expect(await countOutcomes(3, forChange)).toEqual({ incorrect_password: 2, rate_limited: 1 });
    expect(await show(password)).toBe("rate_limited");
    await advance(rig, 30);
    expect(await show(password)).toBe("ok");
    expect(await countOutcomes(6, () => show(wrong))).toEqual({ incorrect_password: 5, rate_limited: 1 });
  });

  test("R9, S-2, acc F5: an address without an account behaves alike", async () => {
    const nobody = await fail(102, "nobody@example.com");
    expect(nobody).toEqual(await fail(102));
    expect(nobody.slice(99)).toEqual(["incorrect_password", "password_locked", "password_locked"]);
  });

  test("R10, S-F2: who guesses wrong waits longer each time, up to an hour, and comes to twenty at most", async () => {
    const guess = () => tryPassword(attacker, ada.address, wrong);
    expect(await countOutcomes(7, guess)).toEqual({ incorrect_password: 5, rate_limited: 2 });
    for (const wait of [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]) {
      await advance(rig, wait - 1);
      expect(await guess()).toBe("rate_limited");
      await advance(rig, 1);
      expect(await guess()).toBe("incorrect_password");
    }
    let more = 0;
    for (let hour = 0; hour < 24 * 7; hour++) {
      await advance(rig, 3600);
      if ((await guess()) === "incorrect_password") more++;
    }
    expect(more).toBe(20 - 14);
    expect(await guess()).toBe("password_locked");
    await signIn(owner, ada.address);
  });

  test("R10, G8: a known device pays nothing that strangers pay; it has twenty tries of its own", async () => {
    const laptop = from(rig, "203.0.113.1", device("laptop", "somebody", ada.id));
    await countOutcomes(30, (index) => tryPassword(attacker, `person-${index}@example.com`, wrong));
    expect(await countOutcomes(6, () => tryPassword(laptop, ada.address, wrong))).toEqual({
      incorrect_password: 5,
      rate_limited: 1,
    });
    await advance(rig, 30);
    await signIn(laptop, ada.address);
    expect(await countOutcomes(5, () => tryPassword(laptop, ada.address, wrong))).toEqual({ incorrect_password: 5 });
    await rig.sql`update guesses set tries = 20`;
    expect(await tryPassword(laptop, ada.address, password)).toBe("password_locked");
    expect(await tryPassword(owner, ada.address, password)).toBe("ok");
  });

  test("R9, S-F2: however many devices and sessions a user has, they have sixty tries together, and the owner is told", async () => {
    const from20 = (index: number) => from(rig, "203.0.113.1", device(`device-${index}`, ada.id));
    // Not all at once, for the line of hashes has a tenth of its places for one user.
    const ten = (first: number) => countOutcomes(10, (index) => tryPassword(from20(first + index), ada.address, wrong));
    for (let first = 0; first < 60; first += 10) expect(await ten(first)).toEqual({ incorrect_password: 10 });
    expect(await ten(60)).toEqual({ password_locked: 10 });
    await takeMail(rig, "password_locked");
    const { args } = await prepare(owner, userDeletion, ada, 0);
    const inSession = () => outcome(owner, "verify_user_deletion_user_password", { ...args, password });
    expect(await inSession()).toBe("password_locked");
    expect(await tryPassword(owner, ada.address, password)).toBe("ok");
    await carryThrough(owner, passwordReset, ada);
    const laptop = from(rig, "203.0.113.1", device("laptop", `${ada.id}@1`));
    expect(await countOutcomes(3, () => tryPassword(laptop, ada.address, wrong))).toEqual({ incorrect_password: 3 });
    expect(await tryPassword(laptop, ada.address, newPassword)).toBe("ok");
    expect(await rig.sql`select from guesses where kind like 'password_by_device%'`).toHaveLength(0);
  });

  test("S-F2: a device on which only a former password was shown is nobody's", async () => {
    await carryThrough(owner, passwordReset, ada);
    const former = from(rig, "203.0.113.1", device("laptop", ada.id));
    for (let index = 0; index < 2; index++) await tryPassword(former, ada.address, wrong);
    expect(await rig.sql`select who from guesses where kind like 'password%' order by who`).toEqual([
      { who: "" },
      { who: "203.0.113.1" },
    ]);
  });

  test("R10: a device is known to its own users only, and to callers of the public listener not at all", async () => {
    const laptop = device("laptop", "somebody");
    const tries = [from(rig, "203.0.113.1", laptop), from(rig, "203.0.113.1", device("phone", "somebody"))];
    for (const caller of tries) await countOutcomes(3, () => tryPassword(caller, ada.address, wrong));
    expect(await tryPassword(from(rig, "203.0.113.1", laptop), ada.address, wrong)).toBe("rate_limited");
    const body = { action: "create_signin", arguments: { user_email_address: ada.address } };
    const begun = await request(rig.public, "POST", "/", JSON.stringify(body), {});
    const { signin_token } = JSON.parse(begun.text).values;
    const verify = { action: "verify_signin_user_password", arguments: { signin_token, password: wrong } };
    const pretend = (index: number) =>
      request(rig.public, "POST", "/", JSON.stringify(verify), device(`device-${index}`, ada.id));
    const texts = await Promise.all(Array.from({ length: 7 }, (_, index) => pretend(index)));
    expect(texts.filter(({ text }) => text.includes("incorrect_password"))).toHaveLength(5);
  });

  test("S-F3, S-17: one caller tries 25 passwords on whatever accounts, then one every 12 seconds; right ones cost nothing", async () => {
    const spray = (index: number) => tryPassword(attacker, `person-${index}@example.com`, wrong);
    for (let time = 0; time < 30; time++) await signIn(attacker, ada.address);
    expect(await countOutcomes(40, spray)).toEqual({ incorrect_password: 25, rate_limited: 15 });
    await advance(rig, 60);
    expect(await countOutcomes(40, (index) => spray(100 + index))).toEqual({ incorrect_password: 5, rate_limited: 35 });
    expect(await tryPassword(owner, ada.address, password)).toBe("ok");
  });

  test("S-F3: one caller begins a hundred sign-ins, then one a second; a refused one leaves no row", async () => {
    const create = (caller: Rig) => outcome(caller, "create_signin", { user_email_address: "nobody@example.com" });
    expect(await countOutcomes(150, () => create(attacker))).toEqual({ ok: 100, rate_limited: 50 });
    expect(await rig.sql`select 1 from signins`).toHaveLength(100);
    expect(await create(owner)).toBe("ok");
    await advance(rig, 10);
    expect(await countOutcomes(20, () => create(attacker))).toEqual({ ok: 10, rate_limited: 10 });
    const byDevice = (index: number) =>
      outcome(from(rig, "203.0.113.1", device(`device-${index}`, ada.id)), "create_signin", {
        user_email_address: ada.address,
      });
    expect(await countOutcomes(110, byDevice)).toEqual({ ok: 100, rate_limited: 10 });
  });

  test("S-F16, S-19: a password tried once on an unknown address is forgotten after a day, many after thirty", async () => {
    const life = async () => Number((await rig.sql`select forget_at from guesses where who = ''`)[0]?.forget_at) - noon;
    for (const [index, days] of [1, 2, 4, 8, 16, 30, 30].entries()) {
      expect(await tryPassword(stranger(index), "nobody@example.com", wrong)).toBe("incorrect_password");
      expect(await life()).toBe(days * 86_400);
    }
    await advance(rig, 30 * 86_400);
    await tryPassword(attacker, "nobody@example.com", wrong);
    expect(await rig.sql`select tries from guesses where who = ''`).toEqual([{ tries: 1 }]);
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
    expect(await outcome(owner, "send_signup_email_address_verification_code", { signup_token })).toBe("ok");
    expect(await verifyCode(owner, signup_token, code)).toBe("ok");
  });

  test("S-18: a caller who guessed wrong at one code too often can still show the right one of another", async () => {
    const { signup_token } = await openSignup(rig, "bob@example.com");
    const carols = await openSignup(rig, "carol@example.com");
    await countOutcomes(6, () => verifyCode(owner, signup_token, "AAAAAAAA"));
    expect(await verifyCode(owner, carols.signup_token, carols.code)).toBe("ok");
  });

  test("S-18: guesses at a temporary password from elsewhere do not stop its owner", async () => {
    const mine = await passwordReset.begin(owner, ada);
    const theirs = await passwordReset.begin(attacker, ada);
    const guess = () =>
      outcome(attacker, "verify_user_password_reset_temporary_password", { ...theirs.args, temporary_password: "A" });
    expect(await countOutcomes(20, guess)).toEqual({ incorrect_temporary_password: 5, rate_limited: 15 });
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
