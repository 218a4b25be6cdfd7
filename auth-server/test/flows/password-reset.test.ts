import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { advance, countOutcomes, outcome, password, prepareSignin, signIn, succeed } from "../steps.ts";
import { describeEveryFlow } from "./every-flow.ts";
import { carryThrough, passwordReset as flow, prepare } from "./flow.ts";
import {
  actionsOf,
  begin,
  join,
  newPassword,
  type Person,
  type Rig,
  seesEveryCode,
  startRig,
  stores,
  takeMail,
  withoutNewSessions,
} from "./rig.ts";

const verify = "verify_user_password_reset_temporary_password";
const set = "set_user_password_reset_new_password";
const complete = "complete_user_password_reset";

describe.each(stores)("password reset with users in the store %s", (store) => {
  let rig: Rig;
  let ada: Person;

  beforeAll(async () => {
    rig = await startRig(store);
  });
  afterAll(() => rig?.stop());

  describeEveryFlow(() => rig, flow);

  describe("its own", () => {
    beforeEach(async () => {
      await begin(rig);
      ada = await join(rig, "ada@example.com", "Ada <Lovelace>");
    });

    const create = (user_email_address = ada.address) =>
      outcome(rig, "create_user_password_reset", { user_email_address });

    test("a temporary password by mail, a new password, a session, and two notices", async () => {
      expect(await create(" ADA@Example.com")).toBe("ok");
      expect(await takeMail(rig, "password_reset")).toEqual({
        type: "password_reset",
        email: ada.address,
        displayName: "Ada <Lovelace>",
        code: expect.stringMatching(/^[A-HJ-NP-Z2-9]{12}$/),
      });
      const { session, session_token } = await carryThrough(rig, flow, ada);
      expect(session).toMatchObject({ user_id: ada.id });
      expect(await outcome(rig, "get_session", { session_token })).toBe("ok");
      await signIn(rig, ada.address, newPassword);
      const notice = { email: ada.address, displayName: "Ada <Lovelace>", timestamp: "September 21, 2026 14:13:20" };
      expect(await takeMail(rig, "password_updated")).toEqual({ type: "password_updated", ...notice });
      expect(await takeMail(rig, "signin_notification")).toEqual({ type: "signin_notification", ...notice });
      expect(await rig.users.find(ada.id)).toMatchObject({ password_hash_counter: 1, sessions_counter: 0 });
    });

    test("R24, S-21, R28: every older session and signin ends; the new session has a token of its own", async () => {
      const second = await signIn(rig, ada.address);
      const signin = await prepareSignin(rig, ada.address);
      const { session_token } = await carryThrough(rig, flow, ada);
      for (const old of [ada.session_token, second.session_token]) {
        expect(await outcome(rig, "get_session", { session_token: old })).toBe("invalid_session_token");
        expect(session_token).not.toBe(old);
      }
      expect(await outcome(rig, "complete_signin", signin)).toBe("invalid_signin_token");
      expect(await outcome(rig, "get_session", { session_token })).toBe("ok");
    });

    test("create refuses what is no address", async () => {
      for (const bad of ["", "ada", "a b@example.com", "ada@x\r\nBcc: b@c.d"])
        expect(await create(bad)).toBe("invalid_email_address");
    });

    test("five mails, then one every 30 minutes, in whatever case the address is written", async () => {
      for (const spelling of ["ada@example.com", "ADA@example.com", "Ada@Example.com ", "ada@example.COM"])
        expect(await create(spelling)).toBe("ok");
      expect(await create("aDA@example.com")).toBe("ok");
      expect(await create("aDA@example.com ")).toBe("rate_limited");
      await advance(rig, 1800);
      expect(await create()).toBe("ok");
      expect(await create()).toBe("rate_limited");
    });

    test("R11: five wrong temporary passwords, and a new one gives no more tries", async () => {
      const change = await flow.begin(rig, ada);
      const show = (text: string) => outcome(rig, verify, { ...change.args, temporary_password: text });
      for (const wrong of [
        "",
        `${change.code}A`,
        change.code.slice(1),
        password,
        change.code.toLowerCase().concat("1"),
      ])
        expect(await show(wrong)).toBe("incorrect_temporary_password");
      expect(await show(change.code)).toBe("rate_limited");
      await advance(rig, 30);
      const second = await flow.begin(rig, ada);
      expect(await outcome(rig, verify, { ...second.args, temporary_password: change.code })).toBe(
        "incorrect_temporary_password",
      );
      expect(await show(change.code)).toBe("rate_limited");
      await advance(rig, 60);
      expect(await show(change.code)).toBe("ok");
    });

    test("R19: the temporary password signs nobody in and is not a password", async () => {
      const change = await flow.begin(rig, ada);
      const { signin_token } = await succeed(rig, "create_signin", { user_email_address: ada.address });
      const args = { signin_token, password: change.code };
      expect(await outcome(rig, "verify_signin_user_password", args)).toBe("incorrect_password");
      await succeed(rig, verify, { ...change.args, temporary_password: change.code });
      expect(await outcome(rig, set, { ...change.args, password: change.code })).toBe("invalid_password_length");
    });

    test("the new password has to be long enough and not everybody's first", async () => {
      const change = await prepare(rig, flow, ada, 1);
      for (const bad of ["", "a".repeat(14), "😀".repeat(14), "a".repeat(257)])
        expect(await outcome(rig, set, { ...change.args, password: bad })).toBe("invalid_password_length");
      for (const weak of ["passwordpassword", "ada@example.com!", "Lovelace1234567"])
        expect(await outcome(rig, set, { ...change.args, password: weak })).toBe("weak_password");
    });

    test("twenty at once set different passwords: one wins, and that one signs in", async () => {
      const change = await prepare(rig, flow, ada, 1);
      let winner = "";
      const counts = await countOutcomes(20, async (index) => {
        const mine = `my very own password ${index}`;
        const result = await outcome(rig, set, { ...change.args, password: mine });
        if (result === "ok") winner = mine;
        return result;
      });
      expect(counts.ok).toBe(1);
      await succeed(rig, complete, change.args);
      await signIn(rig, ada.address, winner);
    });

    test("no session can be stored: session_not_created, and the password is changed all the same", async () => {
      const change = await prepare(rig, flow, ada);
      await withoutNewSessions(rig, async () => {
        expect(await outcome(rig, complete, change.args)).toBe("session_not_created");
      });
      await signIn(rig, ada.address, newPassword);
    });

    test("a counter at its limit cannot count this change: internal_error", async () => {
      await rig.users.change(ada.id, { password_hash_counter: 2_147_483_647 });
      expect(await create()).toBe("internal_error");
    });
  });

  seesEveryCode(() => rig, actionsOf("user_password_reset"), [
    // Taking a token is one statement here, so there is nothing to be in conflict with.
    "create_user_password_reset internal_conflict",
    // Told in strict mode only.
    "create_user_password_reset user_disabled",
    "create_user_password_reset user_not_found",
  ]);
});

test("in strict mode an address without a user, or with a disabled one, is told", async () => {
  const rig = await startRig("app", { AUTH_FAROE_STRICT: "true" });
  await begin(rig);
  const ada = await join(rig, "ada@example.com");
  const create = (user_email_address: string) => outcome(rig, "create_user_password_reset", { user_email_address });
  expect(await create("nobody@example.com")).toBe("user_not_found");
  expect(await create("ADA@example.com")).toBe("user_not_found");
  await rig.users.change(ada.id, { disabled: true });
  expect(await create(ada.address)).toBe("user_disabled");
  expect(await countOutcomes(2, () => create("no address"))).toEqual({ invalid_email_address: 2 });
  await rig.stop();
});
