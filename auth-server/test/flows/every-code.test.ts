import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import type { AuthAction } from "@anteroom/shared/wire/faroe";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  countOutcomes,
  openSignup,
  outcome,
  password,
  prepareSignin,
  prepareSignup,
  signIn,
  succeed,
  verifyCode,
} from "../steps.ts";
import {
  actionsOf,
  begin,
  join,
  meetAtRow,
  type Rig,
  seesEveryCode,
  startRig,
  stores,
  withoutNewSessions,
} from "./rig.ts";

const address = "ada@example.com";
const send = "send_signup_email_address_verification_code";

/** Sign-up, sign-in and sessions: one after the other the codes of each action, in the order in which they are checked. */
describe.each(stores)("every code, with users in the store %s", (store) => {
  let rig: Rig;
  let folder: string;
  let blocklist: string;

  beforeAll(async () => {
    folder = await mkdtemp(joinPath(tmpdir(), "anteroom-addresses-"));
    blocklist = joinPath(folder, "blocklist");
    await writeFile(blocklist, "");
    rig = await startRig(store, { AUTH_EMAIL_BLOCKLIST: blocklist });
  });
  afterAll(async () => {
    await rig?.stop();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    await writeFile(blocklist, "");
    await begin(rig);
  });

  const create = (email_address: string) => outcome(rig, "create_signup", { email_address });

  test("create_signup", async () => {
    await join(rig, address);
    await writeFile(blocklist, "ada@example.com\nbad@example.com\n");
    expect(await create("ada")).toBe("invalid_email_address");
    expect(await create(address)).toBe("email_address_already_used");
    expect(await create("bad@example.com")).toBe("email_address_not_allowed");
    expect(await countOutcomes(6, () => create("bob@example.com"))).toEqual({ ok: 5, rate_limited: 1 });
  });

  test("create_sibling_signup", async () => {
    const { signup_token, code } = await openSignup(rig, address);
    const open = (args: object) => outcome(rig, "create_sibling_signup", { signup_token, ...args });
    expect(await open({ signup_token: "x" })).toBe("invalid_signup_token");
    expect(await countOutcomes(21, () => open({}))).toEqual({ ok: 20, too_many_signups: 1 });
    const guesses = await countOutcomes(6, () => open({ email_address_verification_code: "AAAAAAAA" }));
    expect(guesses).toEqual({ incorrect_email_address_verification_code: 5, rate_limited: 1 });
    expect(await open({ email_address_verification_code: code })).toBe("rate_limited");
  });

  test("the steps of a sign-up", async () => {
    const { signup_token, code } = await openSignup(rig, address);
    const set = (text: string) => outcome(rig, "set_signup_password", { signup_token, password: text });
    const complete = () => outcome(rig, "complete_signup", { signup_token });
    expect(await set("short")).toBe("email_address_not_verified");
    expect(await complete()).toBe("email_address_not_verified");
    expect(await verifyCode(rig, signup_token, "AAAAAAAA")).toBe("incorrect_email_address_verification_code");
    const both = [0, 1].map(() => () => verifyCode(rig, signup_token, code));
    expect(await meetAtRow(rig, "signups", signup_token.split(".")[0] ?? "", both)).toEqual([
      "internal_conflict",
      "ok",
    ]);
    expect(await verifyCode(rig, signup_token, code)).toBe("email_address_already_verified");
    expect(await outcome(rig, send, { signup_token })).toBe("email_address_already_verified");
    expect(await complete()).toBe("password_not_set");
    expect(await set("short")).toBe("invalid_password_length");
    expect(await set("passwordpassword")).toBe("weak_password");
    const twice = [0, 1].map(() => () => set(password));
    expect(await meetAtRow(rig, "signups", signup_token.split(".")[0] ?? "", twice)).toEqual([
      "internal_conflict",
      "ok",
    ]);
    expect(await set("short")).toBe("invalid_password_length");
    if (store === "app") {
      rig.app.faults.push({ target: "user_server", op: "create_user", error: "user_not_accepted" });
      expect(await complete()).toBe("registration_not_accepted");
    }
    expect(await outcome(rig, "get_signup", { signup_token })).toBe("ok");
    expect(await complete()).toBe("ok");
    for (const action of ["get_signup", "delete_signup", "complete_signup", send])
      expect(await outcome(rig, action, { signup_token })).toBe("invalid_signup_token");
    expect(await set(password)).toBe("invalid_signup_token");
    expect(await verifyCode(rig, signup_token, code)).toBe("invalid_signup_token");
  });

  test("a sign-up that is limited, deleted, or ends without a session", async () => {
    const { signup_token, code } = await openSignup(rig, address);
    const sent = await countOutcomes(5, () => outcome(rig, send, { signup_token }));
    expect(sent).toEqual({ ok: 4, rate_limited: 1 });
    await countOutcomes(5, () => verifyCode(rig, signup_token, "AAAAAAAA"));
    expect(await verifyCode(rig, signup_token, code)).toBe("rate_limited");
    expect(await outcome(rig, "delete_signup", { signup_token })).toBe("ok");
    const bob = await prepareSignup(rig, "bob@example.com");
    await withoutNewSessions(rig, async () => {
      const result = await outcome(rig, "complete_signup", { signup_token: bob.signup_token });
      expect(result).toBe("session_not_created");
    });
    await signIn(rig, "bob@example.com");
  });

  test("twenty at once complete one sign-up, and twenty different ones for one address: one user", async () => {
    const { signup_token } = await prepareSignup(rig, address);
    const one = await countOutcomes(20, () => outcome(rig, "complete_signup", { signup_token }));
    expect(one).toEqual({ ok: 1, invalid_signup_token: 19 });
    const tokens: string[] = [];
    for (let time = 0; time < 4; time++) tokens.push((await prepareSignup(rig, "bob@example.com")).signup_token);
    const several = await countOutcomes(20, (index) =>
      outcome(rig, "complete_signup", { signup_token: tokens[index % 4] ?? "" }),
    );
    expect(several).toEqual({ ok: 1, invalid_signup_token: 19 });
  });

  test("the steps of a sign-in", async () => {
    await join(rig, address);
    expect(await outcome(rig, "create_signin", { user_email_address: "ada" })).toBe("invalid_email_address");
    const { signin_token } = await succeed(rig, "create_signin", { user_email_address: address });
    const verify = (text: string) => outcome(rig, "verify_signin_user_password", { signin_token, password: text });
    expect(await outcome(rig, "complete_signin", { signin_token })).toBe("user_first_factor_not_verified");
    expect(await verify("wrong")).toBe("incorrect_password");
    const both = [0, 1].map(() => () => verify(password));
    expect(await meetAtRow(rig, "signins", signin_token.split(".")[0] ?? "", both)).toEqual([
      "internal_conflict",
      "ok",
    ]);
    expect(await verify(password)).toBe("user_first_factor_already_verified");
    expect(await outcome(rig, "get_signin", { signin_token })).toBe("ok");
    expect(await outcome(rig, "complete_signin", { signin_token })).toBe("ok");
    for (const action of ["get_signin", "delete_signin", "complete_signin"])
      expect(await outcome(rig, action, { signin_token })).toBe("invalid_signin_token");
    expect(await verify(password)).toBe("invalid_signin_token");
    const other = await succeed(rig, "create_signin", { user_email_address: address });
    const args = { signin_token: other.signin_token, password: "wrong" };
    const guess = () => outcome(rig, "verify_signin_user_password", args);
    expect(await countOutcomes(6, guess)).toEqual({ incorrect_password: 5, rate_limited: 1 });
    await rig.sql`update guesses set tries = 20`;
    expect(await guess()).toBe("password_locked");
    const create = () => outcome(rig, "create_signin", { user_email_address: address });
    expect((await countOutcomes(110, create)).rate_limited).toBeGreaterThan(0);
    expect(await outcome(rig, "delete_signin", { signin_token: other.signin_token })).toBe("ok");
  });

  test("sessions", async () => {
    const ada = await join(rig, address);
    const bob = await join(rig, "bob@example.com");
    const { session, session_token } = await signIn(rig, address);
    const list = (await succeed(rig, "list_sessions", { session_token })).sessions;
    expect(list).toHaveLength(2);
    expect(list.filter((one: { current: boolean }) => one.current)).toMatchObject([{ id: session.id }]);
    const end = (session_id: string) => outcome(rig, "end_session", { session_token, session_id });
    expect(await end(bob.session_token.split(".")[0] ?? "")).toBe("session_not_found");
    expect(await end(ada.session_token.split(".")[0] ?? "")).toBe("ok");
    expect(await end(ada.session_token.split(".")[0] ?? "")).toBe("session_not_found");
    const endAll = () => outcome(rig, "delete_all_sessions", { session_token });
    if (store === "app") {
      rig.app.faults.push({ target: "user_server", op: "increment_user_sessions_counter", error: "user_not_found" });
      expect(await endAll()).toBe("internal_conflict");
      expect(await endAll()).toBe("ok");
    } else expect(await meetAtRow(rig, "users", ada.id, [endAll, endAll])).toEqual(["internal_conflict", "ok"]);
    for (const action of ["get_session", "delete_session", "delete_all_sessions", "list_sessions"])
      expect(await outcome(rig, action, { session_token })).toBe("invalid_session_token");
    expect(await end(session.id)).toBe("invalid_session_token");
    expect(await outcome(rig, "get_session", { session_token: bob.session_token })).toBe("ok");
    expect(await outcome(rig, "delete_session", { session_token: bob.session_token })).toBe("ok");
  });

  test("the password of a session, and what may become an address", async () => {
    const { session_token } = await join(rig, address);
    const verify = (text: string) => outcome(rig, "verify_user_password", { session_token, password: text });
    expect(await verify(password)).toBe("ok");
    expect(await countOutcomes(6, () => verify("wrong"))).toEqual({ incorrect_password: 5, rate_limited: 1 });
    await rig.sql`update guesses set tries = 20`;
    expect(await verify(password)).toBe("password_locked");
    expect(await outcome(rig, "verify_user_password", { session_token: "x.y", password })).toBe(
      "invalid_session_token",
    );
    await writeFile(blocklist, "@bad.example\n");
    const check = (email_address: string) => outcome(rig, "check_new_email_address", { email_address });
    expect(await check("bob@good.example")).toBe("ok");
    expect(await check(address)).toBe("ok");
    expect(await check(" BOB@Bad.example")).toBe("email_address_not_allowed");
    expect(await check("bob..bob@good.example")).toBe("invalid_email_address");
  });

  test("H2: whoever shows a form is told how long passwords may be", async () => {
    const { password_rules } = await succeed(rig, "get_password_rules", {});
    expect(password_rules).toEqual({ min_length: 15, max_length: 256 });
  });

  test("prepared signins are independent of each other", async () => {
    await join(rig, address);
    const signins = [await prepareSignin(rig, address), await prepareSignin(rig, address)];
    const counts = await countOutcomes(20, (index) =>
      outcome(rig, "complete_signin", { signin_token: signins[index % 2]?.signin_token ?? "" }),
    );
    expect(counts).toEqual({ ok: 2, invalid_signin_token: 18 });
  });

  const sessions: AuthAction[] = [
    "get_session",
    "delete_session",
    "delete_all_sessions",
    "list_sessions",
    "get_password_rules",
    "end_session",
    "verify_user_password",
    "check_new_email_address",
  ];
  seesEveryCode(
    () => rig,
    [...actionsOf("signup"), ...actionsOf("signin"), ...sessions],
    [
      // In strict mode alone.
      "set_signup_password password_already_set",
      // The user server's protocol has no word for it.
      "complete_signup internal_conflict",
      // Users of the local store need no acceptance.
      ...(store === "local" ? ["complete_signup registration_not_accepted"] : []),
      // Told in strict mode only.
      "create_signin user_disabled",
      "create_signin user_not_found",
      // Taking a token is one statement here, so there is nothing to be in conflict with.
      "create_signup internal_conflict",
      `${send} internal_conflict`,
    ],
  );
});

test("in strict mode a signin for an address without a user, or with a disabled one, is told", async () => {
  const rig = await startRig("app", { AUTH_FAROE_STRICT: "true" });
  await begin(rig);
  const ada = await join(rig, address);
  const createSignin = (user_email_address: string) => outcome(rig, "create_signin", { user_email_address });
  expect(await createSignin("nobody@example.com")).toBe("user_not_found");
  await rig.users.change(ada.id, { disabled: true });
  expect(await createSignin(address)).toBe("user_disabled");
  await rig.stop();
});
