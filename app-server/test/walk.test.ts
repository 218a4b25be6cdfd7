import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMailWorker, type WorkerProcess } from "./support/mail-worker.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { readMails } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

/** What passes between the two servers, and between them and their databases, for what people do. */

let stack: ProxiedStack;
let walk: Walk;
let worker: WorkerProcess;
/** Statements that are carried out though nobody does anything. */
let byTheClock: Set<string>;

beforeAll(async () => {
  // Every session is looked at with its user, and mails are sent by a process of their own: what is counted is always the same.
  const env = { AUTH_USER_CHECK_INTERVAL: "0s", BACKEND_MAIL_WORKER: "off" };
  stack = await startProxiedStack({ env, watchDatabases: true });
  worker = startMailWorker({ ...stack.env, BACKEND_DATABASE_URL: stack.databases.app.url });
  walk = await createWalk(stack, stack.client);
  await stack.client.drainMail();
  stack.recorder.reset();
  await setTimeout(5_000);
  byTheClock = new Set(stack.recorder.seen.map(({ what }) => what));
});

afterAll(async () => {
  await worker?.stop();
  await stack?.stop();
});

type Step = () => Promise<{ status: number }>;
const post = (path: string, body: object, session = {}) => stack.client.app.post(path, body, session);
const act = (action: string, args: object) => post("/auth/actions", { action, arguments: args });

/** What the newest link to an address carries. */
async function linkTo(address: string, member: string) {
  await stack.client.drainMail();
  const mail = (await readMails(stack, address)).at(-1);
  return { token: new URL(mail?.link ?? "no:link").searchParams.get(member), code: mail?.code };
}

type Counted = (step: Step) => Promise<void>;

/**
 * What one walk costs, in calls between the servers and statements of both, `begin` and `commit` aside. It is walked three
 * times, by others: only what happens every time counts, for what the servers do by the clock comes and goes.
 */
async function costOf(prepare: (turn: number) => Promise<(counted: Counted) => Promise<void>>) {
  const walks: string[][] = [];
  for (let turn = 0; turn < 3; turn++) {
    const take = await prepare(turn);
    const passed: string[] = [];
    await take(async (step) => void passed.push(...(await passingDuring(step))));
    walks.push(passed);
  }
  const [first = [], ...others] = walks;
  const always = first.filter((one) =>
    others.every((other) => other.includes(one) && other.splice(other.indexOf(one), 1)),
  );
  const calls = always.filter((one) => /^[\w/]+$/.test(one));
  return { calls, statements: always.length - calls.length };
}

async function passingDuring(step: Step): Promise<string[]> {
  await stack.client.drainMail();
  stack.recorder.reset();
  expect((await step()).status).toBe(200);
  await stack.settle();
  const called = stack.recorder.seen.filter(({ phase }) => phase === "call").map(({ what }) => what);
  return called.filter((what) => !byTheClock.has(what) && what !== "begin" && what !== "commit");
}

test("walk: a change of address costs 5 calls, of which 2 look at the user, and at most 23 statements", async () => {
  const cost = await costOf(async (turn) => {
    const { session } = await walk.activate(`moves${turn}@example.com`);
    const email = `moved${turn}@example.com`;
    return async (counted) => {
      await counted(() => post("/account/change_email", { email, password: goodPassword }, session));
      const link = await linkTo(email, "change");
      await counted(() => post("/account/confirm_email", link));
    };
  });
  expect(cost.calls).toEqual([
    "get_session",
    "get_user",
    "verify_user_password",
    "get_user",
    "check_new_email_address",
  ]);
  expect(cost.statements).toBeLessThanOrEqual(23);
});

test("walk: the password that goes with what is grave costs 2 calls more, and at most 13 statements in all", async () => {
  const cost = await costOf(async (turn) => {
    const { session } = await walk.activate(`quiet${turn}@example.com`);
    const body = { mail: { signin_notification: false }, password: goodPassword };
    return (counted) => counted(() => post("/account/preferences/", body, session));
  });
  expect(cost.calls).toEqual(["get_session", "get_user", "verify_user_password", "get_user"]);
  expect(cost.statements).toBeLessThanOrEqual(13);
});

test("walk: deleting one's account costs 9 calls and at most 24 statements", async () => {
  const cost = await costOf(async (turn) => {
    const { session } = await walk.activate(`leaves${turn}@example.com`);
    return (counted) => counted(() => post("/account/delete", { password: goodPassword }, session));
  });
  expect(cost.calls).toHaveLength(9);
  expect(cost.statements).toBeLessThanOrEqual(24);
});

test("walk: a new password by a mailed link costs 16 calls and at most 39 statements", async () => {
  const cost = await costOf(async (turn) => {
    const email = `forgets${turn}@example.com`;
    await walk.activate(email);
    return async (counted) => {
      await counted(() => post("/account/request_password_link", { email }));
      const { token, code } = await linkTo(email, "token");
      await counted(() => post("/account/password_link_status", { token }));
      await counted(() =>
        post("/account/use_password_link", { token, code, password: "another good password of mine" }),
      );
    };
  });
  expect(cost.calls).toHaveLength(16);
  expect(cost.statements).toBeLessThanOrEqual(39);
});

test("walk: a sign-in costs 7 calls and at most 13 statements", async () => {
  const cost = await costOf(async (turn) => {
    const user_email_address = `comes${turn}@example.com`;
    await walk.activate(user_email_address);
    return async (counted) => {
      let signin_token = "";
      await counted(async () => {
        const begun = await act("create_signin", { user_email_address });
        signin_token = begun.body.values.signin_token;
        return begun;
      });
      await counted(() => act("verify_signin_user_password", { signin_token, password: goodPassword }));
      await counted(() => act("complete_signin", { signin_token }));
    };
  });
  expect(cost.calls).toHaveLength(7);
  expect(cost.statements).toBeLessThanOrEqual(13);
});

test("walk: an acceptance costs 5 calls and at most 12 statements", async () => {
  const cost = await costOf(async (turn) => {
    await stack.client.register(`waits${turn}@example.com`);
    return (counted) => counted(() => walk.decide("accept_user", `waits${turn}@example.com`));
  });
  expect(cost.calls).toEqual(["get_session", "get_user", "create_signup", "get_user_by_email_address", "/email"]);
  expect(cost.statements).toBeLessThanOrEqual(12);
});
