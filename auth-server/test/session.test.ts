import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./harness.ts";
import { advance, countOutcomes, outcome, prepareSignin, signIn, signUp, startOver, succeed } from "./steps.ts";

const address = "ada@example.com";
const day = 86_400;

let t: TestServer;

beforeAll(async () => {
  t = await startTestServer();
});
afterAll(() => t?.stop());
beforeEach(() => startOver(t));

function show(session_token: string) {
  return outcome(t, "get_session", { session_token });
}

test("D-60: after delete_session the token is invalid", async () => {
  const { session_token } = await signUp(t, address);
  expect(await show(session_token)).toBe("ok");
  expect(await outcome(t, "delete_session", { session_token })).toBe("ok");
  expect(await show(session_token)).toBe("invalid_session_token");
  expect(await outcome(t, "delete_session", { session_token })).toBe("invalid_session_token");
});

test("D-60, R25: a session ends 30 days after it began, however much it is used", async () => {
  const { session_token } = await signUp(t, address);
  for (let days = 0; days < 20; days += 10) {
    await advance(t, 10 * day);
    expect(await show(session_token)).toBe("ok");
  }
  await advance(t, 10 * day - 1);
  expect(await show(session_token)).toBe("ok");
  await advance(t, 1);
  expect(await show(session_token)).toBe("invalid_session_token");
});

test("D-60, R25: a session ends when it was not used for 14 days", async () => {
  const { session_token } = await signUp(t, address);
  await advance(t, 14 * day - 1);
  expect(await show(session_token)).toBe("ok");
  await advance(t, 14 * day - 1);
  expect(await show(session_token)).toBe("ok");
  await advance(t, 14 * day);
  expect(await show(session_token)).toBe("invalid_session_token");
});

test("a use within a minute of the last recorded one is not recorded", async () => {
  const { session_token } = await signUp(t, address);
  await advance(t, 59);
  expect(await show(session_token)).toBe("ok");
  await advance(t, 14 * day - 59);
  expect(await show(session_token)).toBe("invalid_session_token");
});

test("a use after a minute is recorded, by whatever action", async () => {
  const { session_token } = await signUp(t, address);
  const other = (await signIn(t, address)).session_token;
  await advance(t, 60);
  expect(await show(session_token)).toBe("ok");
  expect(await show(`${other.split(".")[0]}.${"a".repeat(24)}`)).toBe("invalid_session_token");
  await advance(t, 14 * day - 60);
  expect(await show(session_token)).toBe("ok");
  expect(await show(other)).toBe("invalid_session_token");
});

test("D-60: delete_all_sessions ends every session of the user, and no signin", async () => {
  const { user, session_token } = await signUp(t, address);
  const others = [await signIn(t, address), await signIn(t, address)];
  const stranger = await signUp(t, "bob@example.com");
  const { signin_token } = await prepareSignin(t, address);
  expect(await outcome(t, "delete_all_sessions", { session_token })).toBe("ok");
  expect(user.sessions_counter).toBe(1);
  for (const one of [session_token, ...others.map((other) => other.session_token)])
    expect(await show(one)).toBe("invalid_session_token");
  expect(await show(stranger.session_token)).toBe("ok");
  const fresh = await succeed(t, "complete_signin", { signin_token });
  expect(await show(fresh.session_token)).toBe("ok");
});

test("delete_all_sessions is a conflict when the counter changed meanwhile, and a fault at its limit", async () => {
  const { user, session_token } = await signUp(t, address);
  t.app.faults.push({ target: "user_server", op: "increment_user_sessions_counter", error: "user_not_found" });
  expect(await outcome(t, "delete_all_sessions", { session_token })).toBe("internal_conflict");
  expect(await show(session_token)).toBe("ok");
  user.sessions_counter = 2_147_483_647;
  const last = await signIn(t, address);
  expect(await outcome(t, "delete_all_sessions", { session_token: last.session_token })).toBe("internal_error");
});

test.each([
  ["disabled", (user: { disabled: boolean }) => Object.assign(user, { disabled: true })],
  [
    "disabled and enabled again",
    (user: { disabled_counter: number }) => Object.assign(user, { disabled_counter: user.disabled_counter + 1 }),
  ],
  [
    "signed out everywhere",
    (user: { sessions_counter: number }) => Object.assign(user, { sessions_counter: user.sessions_counter + 1 }),
  ],
  ["deleted", () => t.app.users.splice(0)],
])("R27: a session ends when the user is %s", async (_, change) => {
  const { user, session_token } = await signUp(t, address);
  change(user);
  expect(await show(session_token)).toBe("invalid_session_token");
});

test("twenty at once end a session: one succeeds; twenty end all: the counter moves once", async () => {
  const { user, session_token } = await signUp(t, address);
  const other = (await signIn(t, address)).session_token;
  const ended = await countOutcomes(20, () => outcome(t, "delete_session", { session_token: other }));
  expect(ended).toEqual({ ok: 1, invalid_session_token: 19 });
  const counts = await countOutcomes(20, () => outcome(t, "delete_all_sessions", { session_token }));
  expect(counts.ok).toBe(1);
  expect(user.sessions_counter).toBe(1);
});

test("revoke_user_sessions ends a user's sessions at once and nobody else's", async () => {
  const { user, session_token } = await signUp(t, address);
  const stranger = await signUp(t, "bob@example.com");
  const { status, text } = await t.command({ command: "revoke_user_sessions", user_id: user.id });
  expect([status, text]).toEqual([200, '{"success":true}']);
  expect(await show(session_token)).toBe("invalid_session_token");
  expect(await show(stranger.session_token)).toBe("ok");
  expect(await show((await signIn(t, address)).session_token)).toBe("ok");
});

describe("with AUTH_USER_CHECK_INTERVAL at 10 s", () => {
  let cached: TestServer;

  beforeAll(async () => {
    cached = await startTestServer({ AUTH_USER_CHECK_INTERVAL: "10s" });
  });
  afterAll(() => cached?.stop());
  beforeEach(() => startOver(cached));

  const look = (session_token: string) => outcome(cached, "get_session", { session_token });

  test("get_session asks about the user once in 10 s", async () => {
    const { session_token } = await signUp(cached, address);
    cached.app.calls.length = 0;
    for (let time = 0; time < 5; time++) expect(await look(session_token)).toBe("ok");
    expect(cached.app.calls).toEqual(["get_user"]);
    await advance(cached, 10);
    expect(await look(session_token)).toBe("ok");
    expect(cached.app.calls).toEqual(["get_user", "get_user"]);
  });

  test("callers at once share one question", async () => {
    const { session_token } = await signUp(cached, address);
    cached.app.calls.length = 0;
    expect(await countOutcomes(20, () => look(session_token))).toEqual({ ok: 20 });
    expect(cached.app.calls).toEqual(["get_user"]);
  });

  test("a disabled user is noticed within 10 s by get_session, at once by everything else", async () => {
    const { user, session_token } = await signUp(cached, address);
    const other = (await signIn(cached, address)).session_token;
    expect(await look(session_token)).toBe("ok");
    user.disabled = true;
    await advance(cached, 9);
    expect(await look(session_token)).toBe("ok");
    expect(await outcome(cached, "delete_session", { session_token: other })).toBe("invalid_session_token");
    // The other action has seen it, so get_session knows too.
    expect(await look(session_token)).toBe("invalid_session_token");
  });

  test("a failure is not remembered", async () => {
    const { session_token } = await signUp(cached, address);
    cached.app.faults.push({ target: "user_server", op: "get_user", transport: true });
    expect(await look(session_token)).toBe("internal_error");
    expect(await look(session_token)).toBe("ok");
  });

  test("revoked and deleted sessions end at once, fresh look or not", async () => {
    const { user, session_token } = await signUp(cached, address);
    const other = (await signIn(cached, address)).session_token;
    const third = (await signIn(cached, address)).session_token;
    for (const one of [session_token, other, third]) expect(await look(one)).toBe("ok");
    await succeed(cached, "delete_session", { session_token: third });
    expect(await look(third)).toBe("invalid_session_token");
    await succeed(cached, "delete_all_sessions", { session_token: other });
    expect(await look(session_token)).toBe("invalid_session_token");
    const fresh = (await signIn(cached, address)).session_token;
    expect(await look(fresh)).toBe("ok");
    await cached.command({ command: "revoke_user_sessions", user_id: user.id });
    expect(await look(fresh)).toBe("invalid_session_token");
  });
});

test("a session without an absolute end says so", async () => {
  const endless = await startTestServer({ AUTH_SESSION_EXPIRATION: "0s" });
  await startOver(endless);
  const { session, session_token } = await signUp(endless, address);
  expect(session.expires_at).toBeNull();
  for (let days = 0; days < 400; days += 10) {
    await advance(endless, 10 * day);
    expect(await outcome(endless, "get_session", { session_token })).toBe("ok");
  }
  await endless.stop();
});
