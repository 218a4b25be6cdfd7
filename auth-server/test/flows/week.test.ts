import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { guessLimits } from "../../src/limits/limits.ts";
import { advance, openSignup, outcome, password, succeed, verifyCode } from "../steps.ts";
import { begin, bySite, device, from, join, type Person, type Rig, startRig } from "./rig.ts";

/**
 * A week of a stranger who lets no chance go by, against ten accounts and whoever signs up meanwhile: with one address,
 * then with a thousand. Every day the stranger spends all they can, and at that moment two owners come by.
 */

const wrong = "wrong password, quite long";

let rig: Rig;

beforeAll(async () => {
  rig = await startRig("app", { TRUSTED_PROXIES: "127.0.0.1" });
});
afterAll(() => rig?.stop());

/** An account, and what a stranger and its owner make of it. */
interface Account extends Person {
  password: string;
  /** What stands behind the link that was mailed last, as the app server keeps it. */
  link: { user_password_reset_token: string; temporary_password: string };
  /** The stranger's guesses since the owner last got in without a device, or chose a new password. */
  guesses: number;
  /** How many passwords there were before this one. */
  resets: number;
}

const site = () => from(rig, "192.0.2.1", bySite);

function lastMailTo(address: string) {
  return rig.app.mailbox.findLast(({ type, email }) => type === "password_reset" && email === address);
}

/** By way of the app server, whose mails carry a link. */
async function askForLink(account: Account, caller: Rig): Promise<void> {
  const before = lastMailTo(account.address);
  const answer = await caller.invoke("create_user_password_reset", { user_email_address: account.address });
  if (!answer.ok) return;
  await expect.poll(() => lastMailTo(account.address) !== before, { interval: 2 }).toBe(true);
  const { user_password_reset_token } = answer.values;
  account.link = { user_password_reset_token, temporary_password: lastMailTo(account.address)?.code ?? "" };
}

async function attack(account: Account, stranger: () => Rig, tries: number, links: number): Promise<void> {
  const { signin_token } = await succeed(site(), "create_signin", { user_email_address: account.address });
  const guess = () => outcome(stranger(), "verify_signin_user_password", { signin_token, password: wrong });
  for (let time = 0; time < tries; time++) if ((await guess()) === "incorrect_password") account.guesses++;
  for (let time = 0; time < links; time++) await askForLink(account, stranger());
  const reset = account.link.user_password_reset_token;
  for (let time = 0; time < 3; time++)
    await outcome(stranger(), "verify_user_password_reset_temporary_password", {
      user_password_reset_token: reset,
      temporary_password: wrong,
    });
  expect(account.guesses).toBeLessThanOrEqual(guessLimits.password.most);
}

async function signIn(account: Account, caller: Rig): Promise<string> {
  const begun = await caller.invoke("create_signin", { user_email_address: account.address });
  if (!begun.ok) return begun.error_code ?? "";
  const { signin_token } = begun.values;
  const verified = await outcome(caller, "verify_signin_user_password", { signin_token, password: account.password });
  return verified === "ok" ? outcome(caller, "complete_signin", { signin_token }) : verified;
}

/** The owner asks for a link, and uses what was mailed, then or before. */
async function resetAndSignIn(account: Account, caller: Rig): Promise<string> {
  await askForLink(account, caller);
  const { user_password_reset_token, temporary_password } = account.link;
  const args = { user_password_reset_token };
  const chosen = `${password} ${Math.random()}`;
  await succeed(caller, "verify_user_password_reset_temporary_password", { ...args, temporary_password });
  await succeed(caller, "set_user_password_reset_new_password", { ...args, password: chosen });
  await succeed(caller, "complete_user_password_reset", args);
  account.password = chosen;
  account.resets++;
  account.guesses = 0;
  return signIn(account, caller);
}

/** From a device that knows the account, then from one that is new, at an address of the owner's own. */
async function comeBy(account: Account, address: string): Promise<void> {
  expect(await signIn(account, from(rig, address, device("laptop", `${account.id}@${account.resets}`)))).toBe("ok");
  const elsewhere = from(rig, address);
  const code = await signIn(account, elsewhere);
  if (code === "ok") account.guesses = 0;
  else {
    expect(code).toBe("password_locked");
    expect(await resetAndSignIn(account, elsewhere)).toBe("ok");
  }
}

/** Somebody is approved, a stranger who registered the address guesses and has mails sent; the owner finishes. */
async function signUpMeanwhile(index: number, stranger: () => Rig, address: string): Promise<void> {
  const { signup_token, code } = await openSignup(site(), `newcomer-${index}@example.com`);
  const theirs = (await succeed(from(rig, "203.0.0.1"), "create_sibling_signup", { signup_token })).signup_token;
  for (let time = 0; time < 8; time++) {
    await verifyCode(stranger(), theirs, "AAAAAAAA");
    await outcome(stranger(), "send_signup_email_address_verification_code", { signup_token: theirs });
  }
  const owner = from(rig, address);
  const mine = (await succeed(owner, "create_sibling_signup", { signup_token })).signup_token;
  expect(await verifyCode(owner, mine, code)).toBe("ok");
  await succeed(owner, "set_signup_password", { signup_token: mine, password });
  await succeed(owner, "complete_signup", { signup_token: mine });
}

async function runWeek(addresses: number, tries: number): Promise<Account[]> {
  await begin(rig);
  const link = { user_password_reset_token: "", temporary_password: "" };
  const accounts: Account[] = [];
  for (let index = 0; index < 10; index++)
    accounts.push({ ...(await join(site(), `owner-${index}@example.com`)), password, link, guesses: 0, resets: 0 });
  let turn = 0;
  const stranger = () => {
    const index = turn++ % addresses;
    return from(rig, `203.${index >> 8}.${index & 255}.1`);
  };
  for (let day = 0; day < 7; day++) {
    rig.app.mailbox.length = 0;
    const visited = [(2 * day) % 10, (2 * day + 1) % 10];
    // As many links as there may be, for the accounts whose owners are about to come.
    await Promise.all(
      accounts.map((account, index) => attack(account, stranger, tries, visited.includes(index) ? 7 : 0)),
    );
    for (const index of visited) await comeBy(accounts[index] as Account, `198.51.${day}.${index}`);
    if (day % 3 === 0) await signUpMeanwhile(day, stranger, `198.51.${day}.100`);
    await advance(rig, 86_400);
  }
  return accounts;
}

test("R9, R10, S-18, G8: a week of one stranger with one address keeps nobody out, and never comes to the hundred", {
  timeout: patiently(120_000),
}, async () => {
  await runWeek(1, 8);
  const [most] = await rig.sql`select max(tries) as tries from guesses where kind = 'password'`;
  expect(most?.tries).toBeLessThan(guessLimits.password.most);
});

test("R9, R10, S-18, G8: a week of one stranger with a thousand addresses keeps nobody out", {
  timeout: patiently(120_000),
}, async () => {
  const accounts = await runWeek(1000, 34);
  expect(accounts.filter(({ password: chosen }) => chosen !== password).length).toBeGreaterThan(0);
});
