import { patiently } from "@anteroom/shared/testing/patience";
import { mannWhitneyP } from "@anteroom/shared/testing/statistics";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, post, request } from "../harness.ts";
import { advance, countOutcomes, noon, outcome, succeed } from "../steps.ts";
import { actionsWithToken, type Change, passwordReset as flow } from "./flow.ts";
import { begin, join, type Person, type Rig, startRig, stores } from "./rig.ts";

const nobody = "nobody@example.com";
const disabled = "off@example.com";
const known = "ada@example.com";

/** What a step costs and says: alike for all addresses. */
interface Sample {
  /** Milliseconds. */
  took: number;
  /** Status, headers and body, without what is random or the time. */
  shape: string;
  answer: Answer;
}

async function sample(rig: Rig, action: string, args: Record<string, string>): Promise<Sample> {
  const start = performance.now();
  const { status, headers, text } = await request(
    rig.public,
    "POST",
    "/",
    JSON.stringify({ action, arguments: args }),
    {},
  );
  const took = performance.now() - start;
  const { date: _, "x-request-id": __, ...stable } = headers;
  return {
    took,
    shape: JSON.stringify([status, stable, text.replace(/[a-z2-9]{24,26}/g, "·")]),
    answer: JSON.parse(text),
  };
}

describe.each(stores)("addresses without an account, with users in the store %s", (store) => {
  let rig: Rig;
  let ada: Person;
  let off: Person;

  beforeAll(async () => {
    rig = await startRig(store);
  });
  afterAll(() => rig?.stop());
  beforeEach(async () => {
    await begin(rig);
    ada = await join(rig, known);
    off = await join(rig, disabled);
    await rig.users.change(off.id, { disabled: true, disabled_counter: 1 });
    rig.app.mailbox.length = 0;
    // Mails to them are counted from here on.
    await rig.sql`delete from rate_limits`;
  });

  async function decoy(user_email_address: string): Promise<Change> {
    const values = await succeed(rig, "create_user_password_reset", { user_email_address });
    const token = String(values.user_password_reset_token);
    const object = values.user_password_reset;
    return { id: object.id, token, object, args: { user_password_reset_token: token }, code: "AAAABBBBCCCC" };
  }

  const show = (change: Change) => outcome(rig, "get_user_password_reset", change.args);
  const guess = (change: Change) =>
    outcome(rig, "verify_user_password_reset_temporary_password", { ...change.args, temporary_password: change.code });

  test("S-2: a reset of theirs looks, is limited, expires and is deleted like any other, and nothing is mailed", async () => {
    for (const address of [nobody, disabled]) {
      const change = await decoy(address);
      expect(change.object).toEqual({
        id: change.token.split(".")[0],
        user_id: expect.stringMatching(/^[a-z2-9]{24}$/),
        user_first_factor_verified: false,
        new_password_set: false,
        created_at: noon,
        expires_at: noon + 1200,
      });
      expect((await succeed(rig, "get_user_password_reset", change.args)).user_password_reset).toEqual(change.object);
      const later = [...actionsWithToken(flow, change)].slice(3);
      for (const [action, args] of later)
        expect(await outcome(rig, action, args)).toBe("user_first_factor_not_verified");
      expect(await countOutcomes(6, () => guess(change))).toEqual({
        incorrect_temporary_password: 5,
        rate_limited: 1,
      });
      expect(
        await countOutcomes(5, () => outcome(rig, "create_user_password_reset", { user_email_address: address })),
      ).toEqual({
        ok: 4,
        rate_limited: 1,
      });
      expect(await outcome(rig, "delete_user_password_reset", change.args)).toBe("ok");
      expect(await show(change)).toBe(flow.invalid);
      await advance(rig, 1800);
      const last = await decoy(address);
      await advance(rig, 1199);
      expect(await show(last)).toBe("ok");
      await advance(rig, 1);
      for (const [action, args] of actionsWithToken(flow, last))
        expect(await outcome(rig, action, args)).toBe(flow.invalid);
      await rig.command({ command: "set_clock", now: noon });
      await rig.sql`delete from rate_limits`;
    }
    expect(rig.app.mailbox).toEqual([]);
  });

  test("S-2: they get as many resets as any other", async () => {
    for (const user_email_address of [known, nobody, disabled]) {
      // One caller may not ask that often, whomever for.
      await rig.sql`delete from rate_limits where kind = 'create_user_password_reset_by_caller'`;
      expect(await countOutcomes(7, () => outcome(rig, "create_user_password_reset", { user_email_address }))).toEqual({
        ok: 5,
        rate_limited: 2,
      });
    }
  });

  test("S-2: the user id that is shown belongs to the address, whether anybody has it, in resets as in signins", async () => {
    const shown = async (action: string, user_email_address: string) => {
      const values = await succeed(rig, action, { user_email_address });
      return (values.signin ?? values.user_password_reset).user_id;
    };
    const ids = new Set<string>();
    for (const address of [nobody, known, disabled]) {
      const one = await shown("create_signin", address);
      expect(await shown("create_user_password_reset", address)).toBe(one);
      ids.add(one);
    }
    expect(ids.size).toBe(3);
    expect(ids).not.toContain(ada.id);
    const before = await shown("create_signin", nobody);
    await join(rig, nobody);
    expect(await shown("create_user_password_reset", nobody)).toBe(before);
  });

  test("S-2: an account that comes into being, or is enabled again, does not make a decoy real", async () => {
    const changes = [await decoy(nobody), await decoy(disabled)];
    await join(rig, nobody);
    await rig.users.change(off.id, { disabled: false, disabled_counter: 2 });
    for (const change of changes) expect(await guess(change)).toBe("incorrect_temporary_password");
    const real = await decoy(known);
    await rig.users.change(ada.id, { disabled: true, disabled_counter: 1 });
    expect(await show(real)).toBe(flow.invalid);
  });

  test("S-2: a reset whose mail cannot be sent, or hangs, answers as any other and at the same time", async () => {
    for (const failure of ["fails", "hangs"]) {
      if (failure === "fails") rig.app.faults.push({ target: "email", op: "password_reset" });
      else rig.app.intercept = ({ path }) => (path === "/email" ? new Promise(() => undefined) : undefined);
      const one = await sample(rig, "create_user_password_reset", { user_email_address: known });
      const other = await sample(rig, "create_user_password_reset", { user_email_address: nobody });
      expect(one.shape).toBe(other.shape);
      // Far less than the mail's timeout.
      expect(Math.abs(one.took - other.took)).toBeLessThan(patiently(1_000));
    }
  });

  test("S-2: known and unknown addresses cost the user server the same calls", async () => {
    const callsFor = async (address: string) => {
      rig.app.calls.length = 0;
      const change = await decoy(address);
      await show(change);
      await guess(change);
      return rig.app.calls.filter((call) => call !== "password_reset");
    };
    expect(await callsFor(nobody)).toEqual(await callsFor(known));
  });
});

describe("R21: 200 samples of each, alternating", () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await startRig("app", { AUTH_IP_LIMITS: "off" });
    await begin(rig);
    for (let index = 0; index < 10; index++) await join(rig, `known${index}@example.com`);
  });
  afterAll(() => rig?.stop());

  /** Times of both steps for ten known and ten unknown addresses by turns; limits are emptied between rounds. */
  async function compare(first: string, second: string, atOnce: number): Promise<number> {
    const times: Record<string, number[]> = { known: [], unknown: [] };
    const shapes = new Set<string>();
    const run = async (kind: string, index: number) => {
      const one = await sample(rig, first, { user_email_address: `${kind}${index}@example.com` });
      const [token] = Object.entries(one.answer.values).find(([name]) => name.endsWith("_token")) ?? [""];
      const secret = second.includes("temporary") ? "temporary_password" : "password";
      const two = await sample(rig, second, { [token]: one.answer.values[token], [secret]: "wrong, and quite long" });
      times[kind]?.push(one.took + two.took);
      shapes.add(one.shape).add(two.shape);
    };
    for (let round = 0; round < 20; round++) {
      await rig.sql`delete from rate_limits`;
      const turns = Array.from(
        { length: 20 },
        (_, turn) => [turn % 2 === round % 2 ? "known" : "unknown", turn >> 1] as const,
      );
      for (let turn = 0; turn < turns.length; turn += atOnce)
        await Promise.all(turns.slice(turn, turn + atOnce).map(([kind, index]) => run(kind, index)));
    }
    expect([times.known?.length, times.unknown?.length]).toEqual([200, 200]);
    expect(shapes.size).toBe(2);
    return mannWhitneyP(times.known ?? [], times.unknown ?? []);
  }

  /** Of equals one comparison in ten thousand comes to less; half a standard deviation comes to a millionth. */
  const surelyDifferent = 0.0001;

  test("S-2, S-3: a sign-in tells known and unknown addresses apart neither by form nor by time", async () => {
    expect(await compare("create_signin", "verify_signin_user_password", 1)).toBeGreaterThan(surelyDifferent);
  });

  test("S-2, S-3: nor does a reset", async () => {
    const verify = "verify_user_password_reset_temporary_password";
    expect(await compare("create_user_password_reset", verify, 20)).toBeGreaterThan(surelyDifferent);
  });
});

test("S-4: on the public listener create_signup tells nothing of an address, for it is not served", async () => {
  const rig = await startRig("app");
  await begin(rig);
  await join(rig, known);
  for (const email_address of [known, nobody, "no address"]) {
    const reply = await post(rig.public, "/", { action: "create_signup", arguments: { email_address } });
    expect([reply.status, JSON.parse(reply.text).error_code]).toEqual([400, "invalid_request"]);
  }
  expect(rig.app.mailbox).toEqual([]);
  await rig.stop();
});
