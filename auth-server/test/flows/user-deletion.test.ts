import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { countOutcomes, outcome, signIn, succeed } from "../steps.ts";
import { describeEveryFlow } from "./every-flow.ts";
import { passwordUpdate, prepare, userDeletion } from "./flow.ts";
import { actionsOf, begin, join, type Person, type Rig, seesEveryCode, startRig, stores } from "./rig.ts";

describe.each(stores)("user deletion with users in the store %s", (store) => {
  let rig: Rig;
  let ada: Person;

  beforeAll(async () => {
    rig = await startRig(store);
  });
  afterAll(() => rig?.stop());

  describeEveryFlow(() => rig, userDeletion);

  describe("its own", () => {
    beforeEach(async () => {
      await begin(rig);
      ada = await join(rig, "ada@example.com");
    });

    test("R27: the user is gone, with every session and whatever was under way; others are untouched", async () => {
      const bob = await join(rig, "bob@example.com");
      const second = (await signIn(rig, ada.address)).session_token;
      const { signin_token } = await succeed(rig, "create_signin", { user_email_address: ada.address });
      const change = await prepare(rig, userDeletion, ada);
      await succeed(rig, "complete_user_deletion", change.args);
      expect(await rig.users.find(ada.id)).toBeUndefined();
      // Before anybody looks: another instance may still hold its last look at the user for good.
      expect(await rig.sql`select 1 from sessions where user_id = ${ada.id}`).toHaveLength(0);
      for (const session_token of [ada.session_token, second])
        expect(await outcome(rig, "get_session", { session_token })).toBe("invalid_session_token");
      expect(await outcome(rig, "get_signin", { signin_token })).toBe("invalid_signin_token");
      expect(await outcome(rig, "get_session", { session_token: bob.session_token })).toBe("ok");
    });

    test("nothing is mailed, and the address can sign up again as somebody else", async () => {
      const change = await prepare(rig, userDeletion, ada);
      await succeed(rig, "complete_user_deletion", change.args);
      expect(rig.app.mailbox).toEqual([]);
      const again = await join(rig, "ada@example.com");
      expect(again.id).not.toBe(ada.id);
    });

    test("five wrong passwords, and the right one has to wait; the count is the session's, not the flow's", async () => {
      const change = await prepare(rig, userDeletion, ada, 0);
      const verify = (password: string) =>
        outcome(rig, "verify_user_deletion_user_password", { ...change.args, password });
      expect(await countOutcomes(6, () => verify("wrong"))).toEqual({ incorrect_password: 5, rate_limited: 1 });
      expect(await verify("correct horse battery")).toBe("rate_limited");
      const another = await prepare(rig, passwordUpdate, ada, 0);
      const args = { ...another.args, password: "correct horse battery" };
      expect(await outcome(rig, "verify_user_password_update_user_password", args)).toBe("rate_limited");
      await rig.sql`update guesses set tries = 20`;
      expect(await verify("correct horse battery")).toBe("password_locked");
      await signIn(rig, ada.address);
    });
  });

  seesEveryCode(() => rig, actionsOf("user_deletion"), []);
});
