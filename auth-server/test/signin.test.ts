import { addUser } from "@anteroom/shared/testing/faroe/stub-app-server";
import { measured } from "@anteroom/shared/testing/measured";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { request, startTestServer, type TestServer } from "./harness.ts";
import {
  advance,
  countOutcomes,
  noon,
  outcome,
  password,
  prepareSignin,
  signIn,
  signUp,
  startOver,
  succeed,
} from "./steps.ts";

const address = "ada@example.com";
const wrong = "wrong password, quite long";

let t: TestServer;

beforeAll(async () => {
  t = await startTestServer();
});
afterAll(() => t?.stop());
beforeEach(() => startOver(t));

function create(user_email_address: string) {
  return succeed(t, "create_signin", { user_email_address });
}

function verify(signin_token: string, given: string) {
  return outcome(t, "verify_signin_user_password", { signin_token, password: given });
}

function complete(signin_token: string) {
  return outcome(t, "complete_signin", { signin_token });
}

test("D-60: sign in with the password: a session, and a mail that says so", async () => {
  const { user } = await signUp(t, address);
  user.display_name = "Ada <Lovelace>";
  const { signin, signin_token } = await create(address);
  expect(signin_token).toMatch(/^[a-z2-9]{24}\.[a-z2-9]{26}$/);
  expect(signin).toMatchObject({ user_first_factor_verified: false, created_at: noon, expires_at: noon + 600 });
  expect(await verify(signin_token, password)).toBe("ok");
  const verified = (await succeed(t, "get_signin", { signin_token })).signin;
  expect(verified).toEqual({ ...signin, user_id: user.id, user_first_factor_verified: true });
  const { session, session_token } = await succeed(t, "complete_signin", { signin_token });
  expect(session).toMatchObject({ user_id: user.id, created_at: noon, expires_at: noon + 30 * 86_400 });
  expect(await outcome(t, "get_session", { session_token })).toBe("ok");
  await expect
    .poll(() => t.app.mailbox)
    .toEqual([
      {
        type: "signin_notification",
        email: address,
        displayName: "Ada <Lovelace>",
        timestamp: "September 21, 2026 14:13:20",
      },
    ]);
});

test("D-60: six wrong passwords: rate_limited, for the right one too, until half a minute has passed", async () => {
  await signUp(t, address);
  const { signin_token } = await create(address);
  for (let attempt = 0; attempt < 5; attempt++) expect(await verify(signin_token, wrong)).toBe("incorrect_password");
  expect(await verify(signin_token, password)).toBe("rate_limited");
  const another = await create(address);
  expect(await verify(another.signin_token, password)).toBe("rate_limited");
  await advance(t, 29);
  expect(await verify(signin_token, password)).toBe("rate_limited");
  await advance(t, 1);
  expect(await verify(signin_token, password)).toBe("ok");
});

test("D-60: a signin lives for 10 minutes", async () => {
  await signUp(t, address);
  const { signin_token } = await prepareSignin(t, address);
  const second = await create(address);
  await advance(t, 599);
  expect(await outcome(t, "get_signin", { signin_token })).toBe("ok");
  await advance(t, 1);
  for (const action of ["get_signin", "delete_signin", "complete_signin"])
    expect(await outcome(t, action, { signin_token })).toBe("invalid_signin_token");
  expect(await verify(second.signin_token, password)).toBe("invalid_signin_token");
});

test("steps out of order, repeated, or after the end", async () => {
  await signUp(t, address);
  const { signin_token } = await create(address);
  expect(await complete(signin_token)).toBe("user_first_factor_not_verified");
  expect(await verify(signin_token, password)).toBe("ok");
  expect(await verify(signin_token, password)).toBe("user_first_factor_already_verified");
  expect(await complete(signin_token)).toBe("ok");
  expect(await complete(signin_token)).toBe("invalid_signin_token");
  const deleted = await create(address);
  expect(await outcome(t, "delete_signin", { signin_token: deleted.signin_token })).toBe("ok");
  expect(await outcome(t, "delete_signin", { signin_token: deleted.signin_token })).toBe("invalid_signin_token");
});

test("create_signin refuses what is no address", async () => {
  for (const bad of ["", "ada", "ada@", "a da@example.com", "ada@example.com\nx"])
    expect(await outcome(t, "create_signin", { user_email_address: bad })).toBe("invalid_email_address");
});

test("S-23: the address may be written in any case", async () => {
  await signUp(t, address);
  expect(await outcome(t, "create_signin", { user_email_address: " ADA@EXAMPLE.com" })).toBe("ok");
  await prepareSignin(t, "Ada@Example.com");
});

test.each([
  ["disabled", (user: { disabled: boolean }) => Object.assign(user, { disabled: true })],
  [
    "disabled and enabled again",
    (user: { disabled_counter: number }) => Object.assign(user, { disabled_counter: user.disabled_counter + 1 }),
  ],
  [
    "given another password",
    (user: { password_hash_counter: number }) =>
      Object.assign(user, { password_hash_counter: user.password_hash_counter + 1 }),
  ],
  ["deleted", () => t.app.users.splice(0)],
])("a signin ends when the user is %s", async (_, change) => {
  const { user } = await signUp(t, address);
  const { signin_token } = await prepareSignin(t, address);
  change(user);
  expect(await complete(signin_token)).toBe("invalid_signin_token");
  expect(await outcome(t, "get_signin", { signin_token })).toBe("invalid_signin_token");
});

test("R44: without a trusted proxy nobody is at another address on the public listener by saying so", async () => {
  const { signin_token } = await succeed(t, "create_signin", { user_email_address: "nobody@example.com" });
  const body = { action: "verify_signin_user_password", arguments: { signin_token, password: "a wrong password" } };
  const counts = await countOutcomes(7, async (index) => {
    const headers = { "x-forwarded-for": `203.0.113.${index}` };
    return JSON.parse((await request(t.public, "POST", "/", JSON.stringify(body), headers)).text).error_code;
  });
  expect(counts).toEqual({ incorrect_password: 5, rate_limited: 2 });
});

test("a wrong secret has no effect, even while the user is disabled", async () => {
  const { user } = await signUp(t, address);
  const { signin_token } = await prepareSignin(t, address);
  user.disabled = true;
  const before = t.app.calls.length;
  const id = signin_token.split(".")[0];
  for (const bad of [`${id}.wrong`, `${id}.${"a".repeat(24)}`])
    expect(await complete(bad)).toBe("invalid_signin_token");
  expect(t.app.calls).toHaveLength(before);
  user.disabled = false;
  expect(await complete(signin_token)).toBe("ok");
});

test("twenty at once complete a signin: one session", async () => {
  await signUp(t, address);
  const { signin_token } = await prepareSignin(t, address);
  expect(await countOutcomes(20, () => complete(signin_token))).toEqual({ ok: 1, invalid_signin_token: 19 });
});

test("twenty at once try passwords: never more than five tries", async () => {
  await signUp(t, address);
  const { signin_token } = await create(address);
  expect(await countOutcomes(20, () => verify(signin_token, wrong))).toEqual({
    incorrect_password: 5,
    rate_limited: 15,
  });
});

test("twenty at once show the right password: one verifies it, the others are too late", async () => {
  await signUp(t, address);
  const { signin_token } = await create(address);
  const counts = await countOutcomes(20, () => verify(signin_token, password));
  expect(counts.ok).toBe(1);
  expect(counts.incorrect_password).toBeUndefined();
});

test("twenty signins for one user at once all work", async () => {
  await signUp(t, address);
  expect(await countOutcomes(20, () => outcome(t, "create_signin", { user_email_address: address }))).toEqual({
    ok: 20,
  });
});

test("a hash of an older setting still verifies; one of an unknown kind is internal_error", async () => {
  const { user } = await signUp(t, address);
  Object.assign(user, {
    // Faroe's known answer for "correct horse battery" with other parameters than this server's.
    password_hash: "jHzkCu+tWqd/dMDGkh+i6YjE0V2MwdHKjSiJmMsPRFM=",
    password_salt: "AB8+XXybutn4FzZVdJOy0Q==",
    password_hash_algorithm_id: "argon2id.3.16384.1.32",
  });
  expect(await verify((await create(address)).signin_token, wrong)).toBe("incorrect_password");
  expect(await verify((await create(address)).signin_token, password)).toBe("ok");
  user.password_hash_algorithm_id = "rot13";
  expect(await verify((await create(address)).signin_token, password)).toBe("internal_error");
});

test("S-2: an unknown and a disabled address get a signin that looks and behaves like any other", async () => {
  await signUp(t, address);
  addUser(t.app, { email_address: "off@example.com", disabled: true });
  const shapes = [];
  for (const one of [address, "off@example.com", "nobody@example.com"]) {
    const reply = await t.public.request({
      method: "POST",
      path: "/",
      body: JSON.stringify({ action: "create_signin", arguments: { user_email_address: one } }),
    });
    const text = await reply.body.text();
    const { date: _, "x-request-id": __, ...headers } = reply.headers;
    shapes.push({ status: reply.statusCode, headers, text: text.replace(/[a-z2-9]{24,26}/g, "id") });
  }
  expect(shapes[1]).toEqual(shapes[0]);
  expect(shapes[2]).toEqual(shapes[0]);
});

test("S-2: a decoy never verifies, is limited alike, can be looked at, expires and can be deleted", async () => {
  addUser(t.app, { email_address: "off@example.com", disabled: true });
  for (const one of ["off@example.com", "nobody@example.com"]) {
    const { signin, signin_token } = await create(one);
    expect((await succeed(t, "get_signin", { signin_token })).signin).toEqual(signin);
    expect(await complete(signin_token)).toBe("user_first_factor_not_verified");
    for (let attempt = 0; attempt < 5; attempt++)
      expect(await verify(signin_token, password)).toBe("incorrect_password");
    expect(await verify(signin_token, password)).toBe("rate_limited");
    expect(await verify((await create(one)).signin_token, password)).toBe("rate_limited");
    expect(await outcome(t, "delete_signin", { signin_token })).toBe("ok");
    expect(await outcome(t, "get_signin", { signin_token })).toBe("invalid_signin_token");
    const last = await create(one);
    await advance(t, 600);
    expect(await verify(last.signin_token, password)).toBe("invalid_signin_token");
  }
});

test("S-2: the user id that is shown before the password does not change when somebody signs up", async () => {
  const before = (await create(address)).signin.user_id;
  await signUp(t, address);
  expect((await create(address)).signin.user_id).toBe(before);
  expect((await create("Ada@example.com")).signin.user_id).toBe(before);
  expect((await create("bob@example.com")).signin.user_id).not.toBe(before);
});

test("S-2: known and unknown addresses cost the user server the same calls", async () => {
  await signUp(t, address);
  const callsFor = async (one: string) => {
    t.app.calls.length = 0;
    const { signin_token } = await create(one);
    await outcome(t, "get_signin", { signin_token });
    await verify(signin_token, wrong);
    return [...t.app.calls];
  };
  expect(await callsFor("nobody@example.com")).toEqual(await callsFor(address));
});

test("S-3: a wrong password takes as long for an unknown address as for a known one", {
  timeout: patiently(60_000),
}, async () => {
  const real = await startTestServer({ AUTH_PASSWORD_HASH: "argon2id.2.19456.1.32" });
  const times: Record<string, number[]> = { [address]: [], "nobody@example.com": [] };
  await measured(async () => {
    // A caller has twenty tries at an account, and each turn makes as many.
    await startOver(real);
    await signUp(real, address);
    for (let round = 0; round < 20; round++) {
      for (const one of Object.keys(times)) {
        const { signin_token } = await succeed(real, "create_signin", { user_email_address: one });
        const start = performance.now();
        expect(await outcome(real, "verify_signin_user_password", { signin_token, password: wrong })).toBe(
          "incorrect_password",
        );
        times[one]?.push(performance.now() - start);
      }
      await advance(real, 3600);
    }
    // The least of all so far: what the work itself takes, whatever else the machine was doing.
    const [known = 0, unknown = 0] = Object.values(times).map((all) => Math.min(...all));
    expect(unknown / known).toBeGreaterThan(0.9);
    expect(unknown / known).toBeLessThan(1.1);
  }, 10);
  await real.stop();
});

test("sessions of several signins are independent", async () => {
  await signUp(t, address);
  const one = await signIn(t, address);
  const two = await signIn(t, address);
  await succeed(t, "delete_session", { session_token: one.session_token });
  expect(await outcome(t, "get_session", { session_token: two.session_token })).toBe("ok");
});
