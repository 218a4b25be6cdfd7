import { Pool } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startAuthServer } from "../../src/server.ts";
import { type Answer, post } from "../harness.ts";
import { advance, noon, outcome, password, prepareSignin, signIn, succeed } from "../steps.ts";
import { carryThrough, emailAddressUpdate, passwordReset, passwordUpdate, prepare, userDeletion } from "./flow.ts";
import { begin, join, newPassword, type Person, type Rig, startRig, stores } from "./rig.ts";

/** One more server on the same database. */
async function startBeside(rig: Rig): Promise<Rig> {
  const server = await startAuthServer(rig.environment);
  const pool = new Pool(`http://127.0.0.1:${server.privatePort}`, { connections: 5 });
  return {
    ...rig,
    server,
    invoke: async (action, args) => JSON.parse((await post(pool, "/", { action, arguments: args })).text) as Answer,
    command: (body) => post(pool, "/command", body),
    stop: async () => {
      await pool.destroy();
      await server.stop();
    },
  };
}

describe.each(stores)("two servers that trust their last look for 10 s, users in the store %s", (store) => {
  /** Where things happen. */
  let here: Rig;
  /** Where they have to be noticed, by a server that has just seen the user as before. */
  let there: Rig;
  let ada: Person;
  let second: string;

  beforeAll(async () => {
    here = await startRig(store, { AUTH_USER_CHECK_INTERVAL: "10s" });
    there = await startBeside(here);
  });
  afterAll(async () => {
    await there?.stop();
    await here?.stop();
  });
  beforeEach(async () => {
    await begin(here);
    await there.command({ command: "set_clock", now: noon });
    ada = await join(here, "ada@example.com");
    second = (await signIn(here, ada.address)).session_token;
    for (const session_token of [ada.session_token, second])
      for (const server of [here, there]) await succeed(server, "get_session", { session_token });
  });

  const show = (server: Rig, session_token: string) => outcome(server, "get_session", { session_token });
  const gone = "invalid_session_token";

  test("S-21, R28: a password update ends every other session at once on both, and keeps its own", async () => {
    await carryThrough(here, passwordUpdate, ada);
    for (const server of [there, here]) {
      expect(await show(server, second)).toBe(gone);
      expect(await show(server, ada.session_token)).toBe("ok");
    }
    const { session_token } = await signIn(here, ada.address, newPassword);
    expect(await show(there, session_token)).toBe("ok");
  });

  test("S-21, R28: a reset ends every older session at once on both", async () => {
    const { session_token } = await carryThrough(here, passwordReset, ada);
    for (const server of [there, here]) {
      for (const old of [ada.session_token, second]) expect(await show(server, old)).toBe(gone);
      expect(await show(server, session_token)).toBe("ok");
    }
  });

  test("R27: a deletion ends every session at once on both", async () => {
    await carryThrough(here, userDeletion, ada);
    for (const server of [there, here])
      for (const old of [ada.session_token, second]) expect(await show(server, old)).toBe(gone);
  });

  test("R26: delete_session, end_session and delete_all_sessions reach the other server at once", async () => {
    const { session, session_token: third } = await signIn(here, ada.address);
    expect(await show(there, third)).toBe("ok");
    await succeed(here, "end_session", { session_token: second, session_id: session.id });
    expect(await show(there, third)).toBe(gone);
    await succeed(here, "delete_session", { session_token: second });
    expect(await show(there, second)).toBe(gone);
    const others = [await signIn(here, ada.address), await signIn(there, ada.address)];
    for (const { session_token } of others) expect(await show(there, session_token)).toBe("ok");
    await succeed(here, "delete_all_sessions", { session_token: ada.session_token });
    for (const session_token of [ada.session_token, ...others.map((one) => one.session_token)])
      expect(await show(there, session_token)).toBe(gone);
  });

  const notice = store === "local" ? "at once" : "within 10 s";
  test(`S-35, R27: disabled: noticed ${notice} by get_session, at once by everything else`, async () => {
    await here.users.change(ada.id, { disabled: true, disabled_counter: 1 });
    if (store === "app") {
      await advance(there, 9);
      expect(await show(there, second)).toBe("ok");
      await advance(there, 1);
    }
    expect(await show(there, second)).toBe(gone);
    expect(await outcome(here, "create_user_deletion", { session_token: ada.session_token })).toBe(gone);
    await here.users.change(ada.id, { disabled: false, disabled_counter: 2 });
    for (const server of [here, there])
      for (const old of [ada.session_token, second]) expect(await show(server, old)).toBe(gone);
  });

  test("S-35, R27: disabled, then revoke_user_sessions on one server: at once on both", async () => {
    await here.users.change(ada.id, { disabled: true, disabled_counter: 1 });
    const { status } = await here.command({ command: "revoke_user_sessions", user_id: ada.id });
    expect(status).toBe(200);
    for (const server of [there, here])
      for (const old of [ada.session_token, second]) expect(await show(server, old)).toBe(gone);
    const { signin_token } = await succeed(there, "create_signin", { user_email_address: ada.address });
    expect(await outcome(there, "verify_signin_user_password", { signin_token, password })).toBe("incorrect_password");
  });

  test("a signin, update or reset under way does not outlive the end of its user's access", async () => {
    const signin = await prepareSignin(there, ada.address);
    const reset = await prepare(there, passwordReset, ada);
    const update = await prepare(there, emailAddressUpdate, ada);
    await here.users.change(ada.id, { disabled: true, disabled_counter: 1 });
    expect(await outcome(there, "complete_signin", signin)).toBe("invalid_signin_token");
    expect(await outcome(there, "complete_user_password_reset", reset.args)).toBe(passwordReset.invalid);
    expect(await outcome(there, "complete_user_email_address_update", update.args)).toBe(gone);
  });

  test.each([
    ["the user was disabled and enabled again", { disabled_counter: 2 }],
    ["all sessions were ended", { sessions_counter: 1 }],
    ["the password was changed", { password_hash_counter: 1 }],
  ])("a session that is newer than the last look is not ended by it: %s", async (_, counters) => {
    await here.users.change(ada.id, counters);
    const { session_token } = await signIn(here, ada.address);
    expect(await show(there, session_token)).toBe("ok");
    expect(await show(there, second)).toBe(gone);
    expect(await show(there, session_token)).toBe("ok");
  });
});

describe("sessions and secrets", () => {
  let rig: Rig;
  let ada: Person;

  beforeAll(async () => {
    rig = await startRig("local");
  });
  afterAll(() => rig?.stop());
  beforeEach(async () => {
    await begin(rig);
    ada = await join(rig, "ada@example.com");
  });

  test("S-35: disabled with AUTH_USER_CHECK_INTERVAL=0s: the very next look ends the session", async () => {
    await rig.users.change(ada.id, { disabled: true });
    expect(await outcome(rig, "get_session", { session_token: ada.session_token })).toBe("invalid_session_token");
  });

  test("R23: a session's token is 48 random characters, half of them known to nobody but its owner, never twice", async () => {
    const tokens = new Set<string>();
    const counts = new Map<string, number>();
    for (let time = 0; time < 40; time++) {
      await rig.sql`delete from rate_limits`;
      const { session_token } = await signIn(rig, ada.address);
      expect(session_token).toMatch(/^[a-km-np-z2-9]{24}\.[a-km-np-z2-9]{26}$/);
      for (const half of session_token.split(".")) tokens.add(half);
      for (const character of session_token.replace(".", "")) counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect(tokens.size).toBe(80);
    // 1920 characters, 60 of each of 32: five standard deviations to either side.
    expect(counts.size).toBe(32);
    for (const count of counts.values()) expect(Math.abs(count - 60)).toBeLessThan(40);
  });

  test("R24: every sign-in makes a new token; none that somebody brings along becomes a session", async () => {
    const { signin_token } = await prepareSignin(rig, ada.address);
    expect(await outcome(rig, "get_session", { session_token: signin_token })).toBe("invalid_session_token");
    const { session_token } = await succeed(rig, "complete_signin", { signin_token });
    expect(session_token).not.toBe(signin_token);
    for (const old of [signin_token, `${signin_token.split(".")[0]}.${session_token.split(".")[1]}`])
      expect(await outcome(rig, "get_session", { session_token: old })).toBe("invalid_session_token");
    expect(await outcome(rig, "complete_signin", { signin_token })).toBe("invalid_signin_token");
  });

  test("R15: codes at rest are sealed under a key, temporary passwords are argon2id with a salt, tokens are hashes", async () => {
    const update = await prepare(rig, emailAddressUpdate, ada, 1);
    const reset = await prepare(rig, passwordReset, ada);
    const password = await prepare(rig, passwordUpdate, ada);
    const rows = await rig.sql`select c::text as line from user_changes c`;
    const dump = rows.map(({ line }) => line).join("\n");
    expect(rows).toHaveLength(3);
    const secrets = [update, reset, password].map(({ token }) => token.split(".")[1] ?? "");
    for (const secret of [...secrets, update.code, reset.code, newPassword]) {
      expect(secret.length).toBeGreaterThan(7);
      const bytes = Buffer.from(secret);
      for (const form of [secret, bytes.toString("hex"), bytes.toString("base64").replace(/=+$/, "")])
        expect(dump).not.toContain(form);
    }
    const [row] = await rig.sql`select * from user_changes where kind = 'password_reset'`;
    expect(row?.temporary_password_hash_algorithm_id).toMatch(/^argon2id\./);
    expect(row?.temporary_password_salt).toHaveLength(16);
    expect(row?.secret_hash).toHaveLength(32);
  });
});
