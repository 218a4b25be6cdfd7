import { randomInt } from "node:crypto";
import { addUser } from "@anteroom/shared/testing/faroe/stub-app-server";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./harness.ts";
import {
  advance,
  countOutcomes,
  noon,
  openSignup,
  outcome,
  password,
  startOver,
  succeed,
  verifyCode,
} from "./steps.ts";

const address = "ada@example.com";

let t: TestServer;

beforeAll(async () => {
  t = await startTestServer();
});
afterAll(() => t?.stop());
beforeEach(() => startOver(t));

function openSibling(signup_token: string, code?: string) {
  return outcome(t, "create_sibling_signup", {
    signup_token,
    ...(code === undefined ? {} : { email_address_verification_code: code }),
  });
}

async function sibling(signup_token: string): Promise<string> {
  return (await succeed(t, "create_sibling_signup", { signup_token })).signup_token;
}

function show(signup_token: string) {
  return outcome(t, "get_signup", { signup_token });
}

test("S-13: a sibling has the same address, code and end, its own token and its own state; no mail is sent", async () => {
  const first = await openSignup(t, address);
  await advance(t, 60);
  const { signup, signup_token } = await succeed(t, "create_sibling_signup", { signup_token: first.signup_token });
  expect(signup).toEqual({ ...first.signup, id: signup_token.split(".")[0] });
  expect(signup.id).not.toBe(first.signup.id);
  expect(signup.expires_at).toBe(noon + 86_400);
  expect(await verifyCode(t, signup_token, first.code)).toBe("ok");
  expect((await succeed(t, "get_signup", { signup_token })).signup.email_address_verified).toBe(true);
  const unchanged = (await succeed(t, "get_signup", { signup_token: first.signup_token })).signup;
  expect(unchanged).toEqual(first.signup);
  expect(t.app.mailbox).toEqual([]);
});

test("S-13: a sibling of a sibling belongs to the same family", async () => {
  const first = await openSignup(t, address);
  const second = await sibling(first.signup_token);
  const third = await sibling(second);
  expect(await verifyCode(t, third, first.code)).toBe("ok");
  expect(await outcome(t, "delete_signup", { signup_token: first.signup_token })).toBe("ok");
  expect(await show(third)).toBe("invalid_signup_token");
});

test("S-13: who did not show the code sets no password, though a sibling's code is verified", async () => {
  const first = await openSignup(t, address);
  const requester = await sibling(first.signup_token);
  const owner = await sibling(first.signup_token);
  expect(await verifyCode(t, owner, first.code)).toBe("ok");
  const theirs = { signup_token: requester, password: "the requester's password" };
  expect(await outcome(t, "set_signup_password", theirs)).toBe("email_address_not_verified");
  expect(await outcome(t, "complete_signup", { signup_token: requester })).toBe("email_address_not_verified");
  await succeed(t, "set_signup_password", { signup_token: owner, password });
  await succeed(t, "complete_signup", { signup_token: owner });
  for (const token of [first.signup_token, requester, owner]) expect(await show(token)).toBe("invalid_signup_token");
});

test("S-13: twenty siblings without the code; more with the right code only, each try a guess", async () => {
  const { signup_token, code } = await openSignup(t, address);
  const counts = await countOutcomes(40, () => openSibling(signup_token));
  expect(counts).toEqual({ ok: 20, too_many_signups: 20 });
  expect(await openSibling(signup_token, "AAAAAAAA")).toBe("incorrect_email_address_verification_code");
  expect(await openSibling(signup_token, code)).toBe("ok");
  expect(await openSibling(signup_token)).toBe("too_many_signups");
  for (let guess = 0; guess < 3; guess++) await openSibling(signup_token, "AAAAAAAA");
  expect(await openSibling(signup_token, code)).toBe("rate_limited");
  await advance(t, 60);
  expect(await openSibling(signup_token, code)).toBe("ok");
});

test("S-13: while there is room, a code costs no guess and is not looked at", async () => {
  const { signup_token, code } = await openSignup(t, address);
  for (let number = 0; number < 6; number++) expect(await openSibling(signup_token, "AAAAAAAA")).toBe("ok");
  expect(await verifyCode(t, signup_token, code)).toBe("ok");
});

test("S-13: deleting a sibling ends only itself, deleting the first ends all", async () => {
  const { signup_token } = await openSignup(t, address);
  const one = await sibling(signup_token);
  const two = await sibling(signup_token);
  expect(await outcome(t, "delete_signup", { signup_token: one })).toBe("ok");
  expect([await show(one), await show(two), await show(signup_token)]).toEqual(["invalid_signup_token", "ok", "ok"]);
  expect(await outcome(t, "delete_signup", { signup_token })).toBe("ok");
  expect(await show(two)).toBe("invalid_signup_token");
});

test("S-13: siblings end with the first, at the second", async () => {
  const { signup_token } = await openSignup(t, address);
  await advance(t, 86_399);
  const late = await sibling(signup_token);
  expect(await show(late)).toBe("ok");
  await advance(t, 1);
  expect(await show(late)).toBe("invalid_signup_token");
  expect(await openSibling(signup_token)).toBe("invalid_signup_token");
});

test("S-13: when somebody else has the address meanwhile, the last step of one sibling ends all", async () => {
  const first = await openSignup(t, address);
  const [owner, requester] = [await sibling(first.signup_token), await sibling(first.signup_token)];
  expect(await verifyCode(t, owner, first.code)).toBe("ok");
  await succeed(t, "set_signup_password", { signup_token: owner, password });
  addUser(t.app, { email_address: address });
  expect(await outcome(t, "complete_signup", { signup_token: owner })).toBe("invalid_signup_token");
  for (const token of [first.signup_token, owner, requester]) expect(await show(token)).toBe("invalid_signup_token");
});

test("S-13: two siblings that both showed the code complete at once: one user", async () => {
  const first = await openSignup(t, address);
  const tokens: string[] = [];
  for (let number = 0; number < 5; number++) {
    const token = await sibling(first.signup_token);
    expect(await verifyCode(t, token, first.code)).toBe("ok");
    await succeed(t, "set_signup_password", { signup_token: token, password: `${password} ${number}` });
    tokens.push(token);
  }
  const counts = await countOutcomes(20, (index) =>
    outcome(t, "complete_signup", { signup_token: tokens[index % 5] as string }),
  );
  expect(counts).toEqual({ ok: 1, invalid_signup_token: 19 });
  expect(t.app.users).toHaveLength(1);
});

test("S-13: a thousand races of owner and requester: never the requester's password, never a session for them", {
  timeout: patiently(90_000),
}, async () => {
  const race = async (index: number) => {
    const email = `race${index}@example.com`;
    const first = await openSignup(t, email);
    const [owner, requester] = [await sibling(first.signup_token), await sibling(first.signup_token)];
    const stolen: string[] = [];
    const grab = async () => {
      for (let attempt = 0; attempt < 2; attempt++) {
        if (randomInt(2)) await new Promise(setImmediate);
        const args = { signup_token: requester, password: "the requester's password" };
        if ((await outcome(t, "set_signup_password", args)) === "ok") stolen.push("password");
        if ((await outcome(t, "complete_signup", { signup_token: requester })) === "ok") stolen.push("session");
      }
    };
    const own = async () => {
      if (randomInt(2)) await new Promise(setImmediate);
      await verifyCode(t, owner, first.code);
      await succeed(t, "set_signup_password", { signup_token: owner, password });
      return (await succeed(t, "complete_signup", { signup_token: owner })).session;
    };
    const [session] = await Promise.all([own(), grab()]);
    expect(stolen).toEqual([]);
    expect(t.app.users.filter((user) => user.email_address === email).map(({ id }) => id)).toEqual([session.user_id]);
  };
  let next = 0;
  const worker = async () => {
    while (next < 1_000) await race(next++);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await expectOwnersPassword(`race${randomInt(1_000)}@example.com`);
});

async function expectOwnersPassword(user_email_address: string): Promise<void> {
  const { signin_token } = await succeed(t, "create_signin", { user_email_address });
  await succeed(t, "verify_signin_user_password", { signin_token, password });
}
