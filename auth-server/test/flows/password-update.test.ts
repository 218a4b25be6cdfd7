import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { countOutcomes, outcome, password, prepareSignin, signIn, succeed } from "../steps.ts";
import { describeEveryFlow } from "./every-flow.ts";
import { carryThrough, passwordUpdate as flow, prepare } from "./flow.ts";
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
} from "./rig.ts";

describe.each(stores)("password update with users in the store %s", (store) => {
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

    test("R8: the new password signs in, the old one does not, and the user is told", async () => {
      expect(await carryThrough(rig, flow, ada)).toEqual({});
      await signIn(rig, ada.address, newPassword);
      const { signin_token } = await succeed(rig, "create_signin", { user_email_address: ada.address });
      expect(await outcome(rig, "verify_signin_user_password", { signin_token, password })).toBe("incorrect_password");
      expect(await rig.users.find(ada.id)).toMatchObject({ password_hash_counter: 1, sessions_counter: 0 });
      expect(await takeMail(rig, "password_updated")).toEqual({
        type: "password_updated",
        email: ada.address,
        displayName: "Ada <Lovelace>",
        timestamp: "September 21, 2026 14:13:20",
      });
    });

    test("R8: without the current password the new one cannot even be set", async () => {
      const { args } = await flow.begin(rig, ada);
      const set = () => outcome(rig, "set_user_password_update_new_password", { ...args, password: newPassword });
      expect(await set()).toBe("user_identity_not_verified");
      const verify = { ...args, password: newPassword };
      expect(await outcome(rig, "verify_user_password_update_user_password", verify)).toBe("incorrect_password");
      expect(await set()).toBe("user_identity_not_verified");
    });

    test("S-21, R28: every other session ends with the password, and this one goes on", async () => {
      const others = [await signIn(rig, ada.address), await signIn(rig, ada.address)];
      const signin = await prepareSignin(rig, ada.address);
      const bob = await join(rig, "bob@example.com");
      await carryThrough(rig, flow, ada);
      expect(await outcome(rig, "get_session", { session_token: bob.session_token })).toBe("ok");
      for (const { session_token } of others)
        expect(await outcome(rig, "get_session", { session_token })).toBe("invalid_session_token");
      expect(await outcome(rig, "get_session", { session_token: ada.session_token })).toBe("ok");
      expect(await outcome(rig, "complete_signin", signin)).toBe("invalid_signin_token");
    });

    test("S-21: twenty at once complete it: the session they all have goes on", async () => {
      const change = await prepare(rig, flow, ada);
      const counts = await countOutcomes(20, () => outcome(rig, "complete_user_password_update", change.args));
      expect(counts.ok).toBe(1);
      expect(await outcome(rig, "get_session", { session_token: ada.session_token })).toBe("ok");
    });

    test("the new password has to be long enough and not everybody's first", async () => {
      const change = await prepare(rig, flow, ada, 1);
      const set = (text: string) =>
        outcome(rig, "set_user_password_update_new_password", { ...change.args, password: text });
      for (const bad of ["", "a".repeat(14), "😀".repeat(14), "a".repeat(257)])
        expect(await set(bad)).toBe("invalid_password_length");
      expect(await set("passwordpassword")).toBe("weak_password");
      expect(await set("Ada Lovelace 123")).toBe("weak_password");
      expect(await set(newPassword)).toBe("ok");
    });

    test("twenty at once set different passwords: one wins, and that one signs in", async () => {
      const change = await prepare(rig, flow, ada, 1);
      let winner = "";
      const counts = await countOutcomes(20, async (index) => {
        const mine = `my very own password ${index}`;
        const args = { ...change.args, password: mine };
        const result = await outcome(rig, "set_user_password_update_new_password", args);
        if (result === "ok") winner = mine;
        return result;
      });
      expect(counts.ok).toBe(1);
      await succeed(rig, "complete_user_password_update", change.args);
      await signIn(rig, ada.address, winner);
    });

    test("five wrong passwords, and the right one has to wait", async () => {
      const change = await flow.begin(rig, ada);
      const verify = (text: string) =>
        outcome(rig, "verify_user_password_update_user_password", { ...change.args, password: text });
      expect(await countOutcomes(6, () => verify("wrong"))).toEqual({ incorrect_password: 5, rate_limited: 1 });
      expect(await verify(password)).toBe("rate_limited");
      await rig.sql`update guesses set tries = 20`;
      expect(await verify(password)).toBe("password_locked");
    });

    test("a counter at its limit cannot count this change: internal_error", async () => {
      await rig.users.change(ada.id, { password_hash_counter: 2_147_483_647 });
      const { session_token } = await signIn(rig, ada.address);
      expect(await outcome(rig, "create_user_password_update", { session_token })).toBe("internal_error");
    });
  });

  seesEveryCode(() => rig, actionsOf("user_password_update"), []);
});
