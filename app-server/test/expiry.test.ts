import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;
let now = Math.floor(Date.now() / 1000);

const day = 86_400;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
});

afterAll(() => stack?.stop());

/** Each test begins when everything of those before it is over. */
beforeEach(async () => {
  now += 100 * day;
  await setClocks(now);
  walk = await createWalk(stack, client);
});

async function setClocks(time: number): Promise<void> {
  await Promise.all([
    client.command("auth", "set_clock", { now: time }),
    client.command("app", "set_clock", { now: time }),
  ]);
}

/** Runs `look` one second before and at a moment so many seconds from now. */
async function around<T>(seconds: number, look: () => Promise<T>): Promise<[T, T]> {
  await setClocks(now + seconds - 1);
  const before = await look();
  await setClocks(now + seconds);
  return [before, await look()];
}

test("C3: a registration nobody decides about expires after 14 days, its name forgotten, and its address is free", async () => {
  const token = await client.register("waiting@example.com");
  const states = await around(14 * day, () => walk.states("waiting@example.com"));
  expect(states).toEqual([["REQUESTED"], ["EXPIRED"]]);
  expect((await client.status(token)).body).toMatchObject({ status: 404, code: "registration_not_found" });
  expect(await stack.sql`select from newusers where email = 'waiting@example.com'`).toHaveLength(0);
  await client.register("waiting@example.com");
  expect(await walk.states("waiting@example.com")).toEqual(["EXPIRED", "REQUESTED"]);
});

test("C3: an approved one falls back to ACCEPTED after 24 hours, and expires 14 days after its approval", async () => {
  await client.register("slow@example.com");
  await setClocks(now + day);
  await walk.decide("accept_user", "slow@example.com");
  now += day;
  expect(await around(day, () => walk.states("slow@example.com"))).toEqual([["OPEN"], ["ACCEPTED"]]);
  expect(await around(14 * day, () => walk.states("slow@example.com"))).toEqual([["ACCEPTED"], ["EXPIRED"]]);
});

test("C3: what has ended is kept for 30 days and then deleted for good", async () => {
  const withdrawn = await client.register("gone.a@example.com");
  await client.app.post("/auth/withdraw_registration", { registration_token: withdrawn });
  await client.register("gone.b@example.com");
  await walk.decide("reject_user", "gone.b@example.com");
  await client.register("gone.c@example.com");
  await stack.sql`update registration_state set expires_at = 1 where email = 'gone.c@example.com'`;
  await setClocks(now);
  const all = async () => [
    await walk.states("gone.a@example.com"),
    await walk.states("gone.b@example.com"),
    await walk.states("gone.c@example.com"),
  ];
  expect(await around(30 * day, all)).toEqual([
    [["WITHDRAWN"], ["REJECTED"], ["EXPIRED"]],
    [[], [], []],
  ]);
  const names = await stack.sql`select from newusers where email like 'gone.%'`;
  expect(names).toHaveLength(0);
});

test("S-1, C3: decoys end when a registration made with them would", async () => {
  await client.register("double@example.com");
  const decoy = await client.register("double@example.com");
  const statuses = await around(14 * day, async () => (await client.status(decoy)).status);
  expect(statuses).toEqual([200, 404]);
  expect(await walk.states("double@example.com")).toEqual(["EXPIRED"]);
});

test("C3: reopening starts the 14 days again", async () => {
  await client.register("reopened@example.com");
  await walk.decide("reject_user", "reopened@example.com");
  now += 3 * day;
  await setClocks(now);
  await walk.decide("reopen_registration", "reopened@example.com");
  expect(await around(14 * day, () => walk.states("reopened@example.com"))).toEqual([["REQUESTED"], ["EXPIRED"]]);
});

test("S-19: codes, setup links and full buckets do not outlive their time", async () => {
  await walk.open("traces@example.com");
  await client.app.post("/auth/lookup_registration", { email: "traces@example.com", code: "WRONGWRO" });
  await client.command("app", "create_setup_link");
  const counts = async () => {
    const [row] = await stack.sql`select (select count(*)::int from tokens) tokens,
      (select count(*)::int from setup_links) links, (select count(*)::int from rate_limits) buckets`;
    return { ...row };
  };
  expect(await counts()).toEqual({ tokens: expect.any(Number), links: 1, buckets: expect.any(Number) });
  await setClocks(now + day);
  expect(await counts()).toEqual({ tokens: 0, links: 0, buckets: 0 });
});

test("C3: what was interrupted is moved on by the recovery, whatever the state it was left in", async () => {
  for (const address of ["unmailed@example.com", "mailed@example.com"]) {
    await client.register(address);
    await stack.sql`update registration_state set state = 'ACCEPTING', opening_id = 'x', opening_by = 'a dead process',
      opening_until = ${now + 60}, mailed_at = ${address.startsWith("mailed") ? now : null} where email = ${address}`;
  }
  await setClocks(now + 60);
  await expect.poll(() => walk.states("unmailed@example.com"), { timeout: patiently(5_000) }).toEqual(["REQUESTED"]);
  await expect.poll(() => walk.states("mailed@example.com"), { timeout: patiently(5_000) }).toEqual(["OPEN"]);
  expect(await walk.mailsTo("unmailed@example.com")).toEqual([]);
  const mails = await walk.mailsTo("mailed@example.com");
  const found = await client.app.post("/auth/lookup_registration", {
    email: "mailed@example.com",
    code: mails[0]?.code,
  });
  expect([mails.length, found.body.found]).toEqual([1, true]);
});
