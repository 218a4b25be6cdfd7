import { patiently } from "@anteroom/shared/testing/patience";
import { beforeEach, describe, expect, test } from "vitest";
import { advance, countOutcomes, noon, outcome, signIn, succeed } from "../steps.ts";
import { actionsWithToken, type Change, carryThrough, type Flow, flows, prepare, take, wrongArgs } from "./flow.ts";
import { begin, join, meetAtRow, type Person, type Rig } from "./rig.ts";

const unissued = `${"a".repeat(24)}.${"b".repeat(24)}`;

/** What holds for each of the four flows alike. */
export function describeEveryFlow(getRig: () => Rig, flow: Flow): void {
  let rig: Rig;
  let ada: Person;

  beforeEach(async () => {
    rig = getRig();
    await begin(rig);
    ada = await join(rig, "ada@example.com", "Ada <Lovelace>");
  });

  const show = (change: Change) => outcome(rig, `get_${flow.object}`, change.args);
  const complete = flow.steps.at(-1) as Flow["steps"][number];

  test("from step to step the object says how far it is, and then it is gone", async () => {
    const change = await flow.begin(rig, ada);
    expect(change.object).toMatchObject({ id: change.id, created_at: noon, expires_at: noon + flow.lifetime });
    if (flow.bySession)
      expect(change.object).toMatchObject({ user_id: ada.id, session_id: ada.session_token.split(".")[0] });
    const expected = { ...change.object };
    for (const step of flow.steps) {
      expect((await succeed(rig, `get_${flow.object}`, change.args))[flow.object]).toEqual(expected);
      await take(rig, change, step);
      if (step.sets) expected[step.sets] = true;
      // The real id is shown once the person has proven to be the one.
      if (step.sets === "user_first_factor_verified") expected.user_id = ada.id;
    }
    expect(await show(change)).not.toBe("ok");
  });

  test("R14: every step is taken once", async () => {
    const change = await flow.begin(rig, ada);
    for (const step of flow.steps) {
      await take(rig, change, step);
      if (step.again)
        expect(await outcome(rig, step.action, { ...change.args, ...step.args(change) })).toBe(step.again);
    }
    const gone = flow.object === "user_deletion" ? "invalid_session_token" : flow.invalid;
    for (const [action, args] of actionsWithToken(flow, change)) expect(await outcome(rig, action, args)).toBe(gone);
  });

  test("no step works before the one that comes before it", async () => {
    const change = await flow.begin(rig, ada);
    for (const [index, step] of flow.steps.entries()) {
      for (const later of flow.steps.slice(index + 1)) {
        const args = { ...change.args, ...later.args(change) };
        const code = await outcome(rig, later.action, args);
        expect(code).toEqual(later === flow.steps[index + 1] ? later.tooEarly : expect.stringMatching(/_not_/));
      }
      await take(rig, change, step);
    }
  });

  test("something wrong is refused, and something right still works after it", async () => {
    const change = await flow.begin(rig, ada);
    for (const step of flow.steps) {
      if (step.wrong)
        expect(await outcome(rig, step.action, { ...change.args, ...wrongArgs(step, change) })).toBe(step.wrong);
      await take(rig, change, step);
    }
  });

  test("every step works in the object's last second and not one second later", async () => {
    const late = await prepare(rig, flow, ada);
    const later = await flow.begin(rig, ada);
    const inTime = await flow.begin(rig, ada);
    await advance(rig, flow.lifetime - 1);
    const [first] = flow.steps;
    if (first) await take(rig, later, first);
    await advance(rig, 1);
    for (const [action, args] of [...actionsWithToken(flow, late), ...actionsWithToken(flow, later)])
      expect(await outcome(rig, action, args)).toBe(flow.invalid);
    await advance(rig, -1);
    for (const step of flow.steps) await take(rig, inTime, step);
  });

  test.each(flow.steps.map((step, index) => [step.action, index] as const))(
    "twenty at once: %s succeeds once",
    async (action, index) => {
      const change = await prepare(rig, flow, ada, index);
      const args = { ...change.args, ...flow.steps[index]?.args(change) };
      const counts = await countOutcomes(20, () => outcome(rig, action, args));
      const { ok, internal_error, ...others } = counts;
      expect([ok, internal_error]).toEqual([1, undefined]);
      expect(Object.values(others).reduce((sum, count) => sum + count, 0)).toBe(19);
    },
  );

  test.each(flow.steps.map((step, index) => [step.action, index] as const))(
    "two that both saw it undone: %s succeeds once, the other is a conflict",
    async (action, index) => {
      const change = await prepare(rig, flow, ada, index);
      const args = { ...change.args, ...flow.steps[index]?.args(change) };
      const call = () => outcome(rig, action, args);
      if (action !== complete.action)
        return expect(await meetAtRow(rig, "user_changes", change.id, [call, call])).toEqual([
          "internal_conflict",
          "ok",
        ]);
      if (rig.environment.AUTH_USER_STORE === "local")
        return expect(await meetAtRow(rig, "users", ada.id, [call, call])).toEqual(["internal_conflict", "ok"]);
      const op = { user_email_address_update: "update_user_email_address", user_deletion: "delete_user" } as const;
      const write = op[flow.object as keyof typeof op] ?? "update_user_password_hash";
      rig.app.faults.push({ target: "user_server", op: write, error: "user_not_found" });
      expect(await call()).toBe("internal_conflict");
      expect(await call()).toBe("ok");
    },
  );

  test("delete: once, at any time, and nothing of it works any more", async () => {
    for (let count = 0; count < flow.steps.length; count++) {
      const change = await prepare(rig, flow, ada, count);
      const counts = await countOutcomes(20, () => outcome(rig, `delete_${flow.object}`, change.args));
      expect(counts).toEqual({ ok: 1, [flow.invalid]: 19 });
      expect(await outcome(rig, complete.action, change.args)).toBe(flow.invalid);
      // Codes and temporary passwords are limited.
      await advance(rig, 1800);
    }
  });

  test("R14: tokens of other objects, of other flows and with another secret open nothing", async () => {
    const change = await prepare(rig, flow, ada);
    const foreign = [];
    for (const other of flows.filter((one) => one !== flow)) foreign.push((await other.begin(rig, ada)).token);
    const { signin_token } = await succeed(rig, "create_signin", { user_email_address: ada.address });
    const wrongSecret = `${change.id}.${unissued.split(".")[1]}`;
    const garbage = ["", ".", "a.b", "a.b.c", "\0", unissued, `${change.id}.`, change.id, `${change.token}.`];
    for (const token of [...garbage, wrongSecret, ...foreign, signin_token, ada.session_token])
      for (const [action, args] of actionsWithToken(flow, change))
        expect(await outcome(rig, action, { ...args, [`${flow.object}_token`]: token })).toBe(flow.invalid);
    expect(await show(change)).toBe("ok");
    expect(await outcome(rig, complete.action, change.args)).toBe("ok");
  });

  if (flow.bySession) describe("bound to its session", () => describeSessionBinding(getRig, flow));

  test.each([
    ["email_address_counter", flow.endsWithAddress ? flow.invalid : "ok"],
    ["password_hash_counter", flow.bySession ? "invalid_session_token" : flow.invalid],
    ["disabled_counter", flow.bySession ? "invalid_session_token" : flow.invalid],
    ["sessions_counter", flow.bySession ? "invalid_session_token" : "ok"],
  ] as const)("it ends with what it rests on: %s", async (counter, expected) => {
    const change = await prepare(rig, flow, ada);
    await rig.users.change(ada.id, { [counter]: 1 });
    expect(await outcome(rig, complete.action, change.args)).toBe(expected);
  });

  test.each(["disabled", "removed"])("R27: it ends when the user is %s", async (how) => {
    const change = await prepare(rig, flow, ada);
    if (how === "removed") await rig.users.remove(ada.id);
    else await rig.users.change(ada.id, { disabled: true, disabled_counter: 1 });
    const expected = flow.bySession ? "invalid_session_token" : flow.invalid;
    for (const [action, args] of actionsWithToken(flow, change))
      expect(await outcome(rig, action, args)).toBe(expected);
  });

  test("several at once are independent until one completes", async () => {
    const one = await prepare(rig, flow, ada);
    const two = await prepare(rig, flow, ada, 0);
    await succeed(rig, `delete_${flow.object}`, one.args);
    expect(await show(two)).toBe("ok");
    const three = await prepare(rig, flow, ada);
    await take(rig, three, complete);
    expect(await show(two)).toBe(flow.object === "user_deletion" ? "invalid_session_token" : flow.invalid);
  });

  test("a notice that cannot be sent, or hangs, neither fails nor delays what caused it", async () => {
    const change = await prepare(rig, flow, ada);
    rig.app.intercept = ({ path }) => (path === "/email" ? new Promise(() => undefined) : undefined);
    const start = performance.now();
    expect(await outcome(rig, complete.action, change.args)).toBe("ok");
    expect(performance.now() - start).toBeLessThan(patiently(2_500));
    rig.app.intercept = undefined;
    await begin(rig);
    ada = await join(rig, "ada@example.com");
    for (const op of ["email_updated", "password_updated", "signin_notification"])
      rig.app.faults.push({ target: "email", op });
    await carryThrough(rig, flow, ada);
  });
}

function describeSessionBinding(getRig: () => Rig, flow: Flow): void {
  let rig: Rig;
  let ada: Person;

  beforeEach(async () => {
    rig = getRig();
    await begin(rig);
    ada = await join(rig, "ada@example.com");
  });

  test("another session, of the same user or of somebody else, is a mismatch and ends nothing", async () => {
    const change = await prepare(rig, flow, ada);
    const second = (await signIn(rig, ada.address)).session_token;
    const bob = await join(rig, "bob@example.com");
    for (const session_token of [second, bob.session_token])
      for (const [action, args] of actionsWithToken(flow, change))
        expect(await outcome(rig, action, { ...args, session_token })).toBe("session_mismatch");
    expect(await outcome(rig, `get_${flow.object}`, change.args)).toBe("ok");
  });

  test("a session that is none or has ended comes before everything else", async () => {
    const change = await prepare(rig, flow, ada);
    const ended = (await signIn(rig, ada.address)).session_token;
    await succeed(rig, "delete_session", { session_token: ended });
    for (const session_token of ["", unissued, ended, change.token]) {
      for (const [action, args] of actionsWithToken(flow, change)) {
        expect(await outcome(rig, action, { ...args, session_token })).toBe("invalid_session_token");
        const both = { ...args, session_token, [`${flow.object}_token`]: "x" };
        expect(await outcome(rig, action, both)).toBe("invalid_session_token");
      }
      const args = { session_token, new_email_address: "ada@other.example" };
      expect(await outcome(rig, `create_${flow.object}`, args)).toBe("invalid_session_token");
    }
  });
}
