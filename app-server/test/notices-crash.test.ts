import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHolds, type Point } from "./support/holds.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { readMails } from "./support/stack.ts";

/**
 * Kills the app server between any two statements of a rejection and of a registration whose address has an account
 * already: cause and notice are both there afterwards or neither, and when it is done once more there is one of each.
 */

type Step = [name: string, what: RegExp];

const mailSteps: Step[] = [
  ["mail", /^\s*(with .*)?insert into "?mails"?/s],
  ["commit", /^commit$/],
];

const rejectionSteps: Step[] = [
  ["decision", /^with "moved" as \(update "registration_state" set "state"/],
  ...mailSteps,
];
const hintSteps: Step[] = [
  ["decoy", /^with "made" as \(insert into "registration_state"/],
  ["limit", /insert into "?rate_limits"?/],
  ...mailSteps,
];

const pointsOf = (steps: Step[]): Point[] =>
  steps.flatMap(([name, what]) => [
    { name: `before: ${name}`, link: "app → database", what, phase: "call" },
    { name: `done, not yet answered: ${name}`, link: "app → database", what, phase: "answer" },
  ]);

const rejectionPoints = pointsOf(rejectionSteps);
const hintPoints = pointsOf(hintSteps);
const rejected = (index: number) => `rejected-${index}-person@example.com`;
const known = (index: number) => `known-${index}-person@example.com`;

let stack: ProxiedStack;
let admin: { cookie: string };

const reject = (email: string) => stack.client.app.post("/admin/reject_user/", { email, reason: "full" }, admin);
const register = (email: string) => stack.client.app.post("/auth/request_registration", { email });

beforeAll(async () => {
  stack = await startProxiedStack({ watchDatabases: true, env: { BACKEND_DATABASE_POOL: "40" } });
  admin = await stack.client.adminCookie();
  for (const [index] of rejectionPoints.entries()) await register(rejected(index));
  for (const [index] of hintPoints.entries())
    await stack.sql`insert into users (id, email, email_norm, firstname, lastname, password_hash,
        password_hash_algorithm_id, password_salt, created_at)
      values (${known(index)}, ${known(index)}, ${known(index)}, '', '', '', 'x', '', 1)`;
  const holds = createHolds();
  stack.recorder.gate = holds.gate;
  const underWay: Promise<unknown>[] = [];
  const stopEach = async (
    points: Point[],
    addressOf: (index: number) => string,
    act: (email: string) => Promise<unknown>,
  ) => {
    for (const [index, point] of points.entries()) {
      const hold = holds.stopAt(point, [addressOf(index)]);
      underWay.push(act(addressOf(index)).catch(() => undefined));
      await hold.isReached();
    }
  };
  await stopEach(rejectionPoints, rejected, reject);
  await stopEach(hintPoints, known, register);
  await stack.servers.app.kill();
  await stack.servers.app.start();
  holds.release();
  await Promise.all(underWay);
  await stack.settle();
  stack.recorder.reset();
  await stack.client.drainMail();
}, patiently(60_000));

afterAll(() => stack?.stop());

const numbered = (points: Point[]) => points.map(({ name }, index) => ({ name, index }));

async function mailsTo(email: string): Promise<string[]> {
  await stack.client.drainMail();
  const [row] = await stack.sql`select count(*)::int as mails from mails where email = ${email}`;
  const files = await readMails(stack, email);
  expect(files).toHaveLength(row?.mails);
  return files.map(({ type }) => type);
}

describe("SIGKILL during a rejection", () => {
  test.each(numbered(rejectionPoints))("G2: $name", async ({ index }) => {
    const email = rejected(index);
    const [row] = await stack.sql`select state from registration_state where email = ${email}`;
    expect(await mailsTo(email)).toEqual(row?.state === "REJECTED" ? ["registration_rejected"] : []);
    expect((await reject(email)).status).toBe(row?.state === "REJECTED" ? 409 : 200);
    expect(await mailsTo(email)).toEqual(["registration_rejected"]);
  });
});

describe("SIGKILL while a person with an account registers", () => {
  test.each(numbered(hintPoints))("G2: $name", async ({ index }) => {
    const email = known(index);
    const decoys = await stack.sql`select from registration_state where email = ${email}`;
    expect(await mailsTo(email)).toEqual(decoys.map(() => "registration_hint"));
    expect((await register(email)).status).toBe(200);
    expect(await mailsTo(email)).toEqual(["registration_hint"]);
  });
});
