import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { advance, countOutcomes, outcome, password, signIn, succeed } from "../steps.ts";
import { describeEveryFlow } from "./every-flow.ts";
import { carryThrough, emailAddressUpdate as flow, newAddress, prepare } from "./flow.ts";
import { actionsOf, begin, join, type Person, type Rig, seesEveryCode, startRig, stores, takeMail } from "./rig.ts";

const send = "send_user_email_address_update_email_address_verification_code";
const verify = "verify_user_email_address_update_email_address_verification_code";

describe.each(stores)("email address update with users in the store %s", (store) => {
  let rig: Rig;
  let ada: Person;
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

  beforeEach(() => writeFile(blocklist, ""));

  describeEveryFlow(() => rig, flow);

  describe("its own", () => {
    beforeEach(async () => {
      await begin(rig);
      ada = await join(rig, "ada@example.com", "Ada <Lovelace>");
    });

    const create = (new_email_address: string) =>
      outcome(rig, "create_user_email_address_update", { session_token: ada.session_token, new_email_address });

    test("the new address signs in, the old one does not, and the old one is told", async () => {
      expect(await create(` ADA@New.example`)).toBe("ok");
      expect(await takeMail(rig, "email_update_verification")).toEqual({
        type: "email_update_verification",
        email: newAddress,
        displayName: "Ada <Lovelace>",
        code: expect.stringMatching(/^[A-HJ-NP-Z2-9]{8}$/),
      });
      expect(await carryThrough(rig, flow, ada)).toEqual({});
      expect(await rig.users.find(ada.id)).toMatchObject({ email_address: newAddress, email_address_counter: 1 });
      expect(await takeMail(rig, "email_updated")).toEqual({
        type: "email_updated",
        email: "ada@example.com",
        displayName: "Ada <Lovelace>",
        timestamp: "September 21, 2026 14:13:20",
        newEmail: newAddress,
      });
      await signIn(rig, newAddress);
      const { signin_token } = await succeed(rig, "create_signin", { user_email_address: "ada@example.com" });
      expect(await outcome(rig, "verify_signin_user_password", { signin_token, password })).toBe("incorrect_password");
      expect(await outcome(rig, "get_session", { session_token: ada.session_token })).toBe("ok");
    });

    test("create refuses, in this order: what is no address, no session, a blocked one; whose a used one is shows nowhere", async () => {
      await join(rig, "bob@example.com");
      await writeFile(blocklist, "@evil.example\n");
      const nobody = { session_token: "x" };
      const action = "create_user_email_address_update";
      for (const bad of ["", "ada", "a b@example.com", "ada@x\r\nBcc: b@c.d"])
        expect(await outcome(rig, action, { ...nobody, new_email_address: bad })).toBe("invalid_email_address");
      expect(await outcome(rig, action, { ...nobody, new_email_address: "bob@example.com" })).toBe(
        "invalid_session_token",
      );
      for (const used of ["bob@example.com", "ada@example.com", "ADA@example.com "])
        expect(await create(used)).toBe("ok");
      expect(await create("ada@evil.example")).toBe("email_address_not_allowed");
      expect(rig.app.mailbox).toEqual([]);
    });

    test("S-F7: an address that somebody has gets a decoy: it looks the same, and nothing is ever mailed there", async () => {
      await join(rig, "bob@example.com");
      const ask = async (new_email_address: string) => {
        const values = await succeed(rig, "create_user_email_address_update", {
          session_token: ada.session_token,
          new_email_address,
        });
        const { user_email_address_update: update, user_email_address_update_token } = values;
        const args = { session_token: ada.session_token, user_email_address_update_token };
        const shape = [
          JSON.stringify(update).replace(update.id, "ID").replace(new_email_address, "ADDRESS"),
          await outcome(rig, send, args),
          await outcome(rig, verify, { ...args, email_address_verification_code: "AAAAAAAA" }),
          await outcome(rig, "verify_user_email_address_update_user_password", { ...args, password }),
          await outcome(rig, "complete_user_email_address_update", args),
        ];
        return { shape, mails: rig.app.mailbox.splice(0).map(({ email }) => email) };
      };
      const free = await ask("not@example.com");
      const used = await ask("bob@example.com");
      expect(used.shape).toEqual(free.shape);
      expect(used.mails).toEqual([]);
      expect(free.mails).toEqual(["not@example.com", "not@example.com"]);
    });

    test("an address that was taken or blocked meanwhile ends the update when it is completed", async () => {
      const taken = await prepare(rig, flow, ada);
      await join(rig, newAddress);
      expect(await outcome(rig, "complete_user_email_address_update", taken.args)).toBe(flow.invalid);
      expect(await outcome(rig, "get_user_email_address_update", taken.args)).toBe(flow.invalid);
      expect(await rig.users.find(ada.id)).toMatchObject({ email_address: ada.address, email_address_counter: 0 });
      await begin(rig);
      ada = await join(rig, "ada@example.com");
      const blocked = await prepare(rig, flow, ada);
      await writeFile(blocklist, `${newAddress}\n`);
      expect(await outcome(rig, "complete_user_email_address_update", blocked.args)).toBe(flow.invalid);
      expect(await outcome(rig, "get_user_email_address_update", blocked.args)).toBe(flow.invalid);
    });

    test("two users at once for one address: one gets it", async () => {
      const bob = await join(rig, "bob@example.com");
      const changes = [await prepare(rig, flow, ada), await prepare(rig, flow, bob)];
      const counts = await countOutcomes(20, (index) =>
        outcome(rig, "complete_user_email_address_update", changes[index % 2]?.args ?? {}),
      );
      expect(counts.ok).toBe(1);
      const holders = [await rig.users.find(ada.id), await rig.users.find(bob.id)];
      expect(holders.filter((user) => user?.email_address === newAddress)).toHaveLength(1);
    });

    test("the code is sent again, the same one, until it was shown", async () => {
      const change = await flow.begin(rig, ada);
      await succeed(rig, send, change.args);
      expect(await takeMail(rig, "email_update_verification")).toMatchObject({ code: change.code });
      await succeed(rig, verify, { ...change.args, email_address_verification_code: change.code });
      expect(await outcome(rig, send, change.args)).toBe("email_address_already_verified");
    });

    test("five mails that a member asks for, then one every 30 minutes, however they are asked for", async () => {
      const change = await flow.begin(rig, ada);
      for (let mail = 2; mail <= 4; mail++) await succeed(rig, send, change.args);
      expect(await create(newAddress)).toBe("ok");
      expect(await outcome(rig, send, change.args)).toBe("rate_limited");
      expect(await create(newAddress)).toBe("rate_limited");
      expect(await create("ada@other.example")).toBe("rate_limited");
      expect(await outcome(rig, "create_signup", { email_address: newAddress })).toBe("ok");
    });

    test("R11: five wrong codes, and neither a new code nor a new update gives more tries", async () => {
      const change = await flow.begin(rig, ada);
      const show = (code: string) => outcome(rig, verify, { ...change.args, email_address_verification_code: code });
      // What can be no code costs no try (acc F9).
      for (const none of ["", change.code.concat("1"), "AAAAAAA", "12345678"])
        expect(await show(none)).toBe("incorrect_email_address_verification_code");
      for (const wrong of ["AAAAAAAA", "BBBBBBBB", "CCCCCCCC", "DDDDDDDD", "EEEEEEEE"]) {
        expect(await show(wrong)).toBe("incorrect_email_address_verification_code");
        await outcome(rig, send, change.args);
      }
      expect(await show(change.code)).toBe("rate_limited");
      expect(await create(newAddress)).toBe("rate_limited");
      await advance(rig, 30);
      expect(await show(change.code)).toBe("ok");
    });

    test("R14: a code of another update is wrong", async () => {
      const one = await flow.begin(rig, ada);
      await begin(rig);
      ada = await join(rig, "ada@example.com");
      const two = await flow.begin(rig, ada);
      const args = { ...two.args, email_address_verification_code: one.code };
      expect(await outcome(rig, verify, args)).toBe("incorrect_email_address_verification_code");
    });

    test("five wrong passwords, and the right one has to wait", async () => {
      const change = await prepare(rig, flow, ada, 1);
      const show = (text: string) =>
        outcome(rig, "verify_user_email_address_update_user_password", { ...change.args, password: text });
      expect(await countOutcomes(6, () => show("wrong"))).toEqual({ incorrect_password: 5, rate_limited: 1 });
      expect(await show(password)).toBe("rate_limited");
      await rig.sql`update guesses set tries = 20`;
      expect(await show(password)).toBe("password_locked");
    });

    test("a code that cannot be mailed: internal_error, nothing is left, and the mail's token is given back", async () => {
      for (let time = 0; time < 6; time++) {
        rig.app.faults.push({ target: "email", op: "email_update_verification" });
        expect(await create(newAddress)).toBe("internal_error");
      }
      expect(await rig.sql`select 1 from user_changes`).toHaveLength(0);
      const change = await flow.begin(rig, ada);
      for (let time = 0; time < 6; time++) {
        rig.app.faults.push({ target: "email", op: "email_update_verification" });
        expect(await outcome(rig, send, change.args)).toBe("internal_error");
      }
      for (let mail = 2; mail <= 5; mail++) await succeed(rig, send, change.args);
      expect(await outcome(rig, send, change.args)).toBe("rate_limited");
    });

    test("a counter at its limit cannot count this change: internal_error", async () => {
      await rig.users.change(ada.id, { email_address_counter: 2_147_483_647 });
      expect(await create(newAddress)).toBe("internal_error");
    });
  });

  // Taking a token is one statement here, so there is nothing to be in conflict with; and used addresses get decoys.
  const conflicts = ["create_user_email_address_update", send].map((action) => `${action} internal_conflict`);
  seesEveryCode(() => rig, actionsOf("user_email_address_update"), [
    "create_user_email_address_update email_address_already_used",
    ...conflicts,
  ]);
});
