import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const lookup = (email: unknown, code: unknown) => client.app.post("/auth/lookup_registration", { email, code });

test("D-50: address and mailed code bring the token of the request", async () => {
  const { token, code } = await walk.open("right@example.com");
  expect((await lookup("right@example.com", code)).body).toEqual({ found: true, token });
});

test("D-50: missing fields are 400", async () => {
  for (const [email, code] of [
    [undefined, "ABCDEFGH"],
    ["right@example.com", undefined],
    ["", ""],
  ]) {
    const reply = await lookup(email, code);
    expect([reply.status, reply.body.error]).toEqual([400, "Missing email or code"]);
  }
});

test("D-51: a wrong code, an unknown address and a registration without a code get the same answer, byte for byte", async () => {
  await walk.open("some@example.com");
  await client.register("waiting@example.com");
  const answers = await Promise.all(
    [
      ["some@example.com", "AAAAAAAA"],
      ["unknown@example.com", "AAAAAAAA"],
      ["waiting@example.com", "AAAAAAAA"],
      ["not an address", "x"],
      ["some@example.com", "A".repeat(200)],
    ].map(async ([email, code]) => {
      const reply = await fetch(`${stack.urls.app}/auth/lookup_registration`, {
        method: "POST",
        body: JSON.stringify({ email, code }),
      });
      const headers = Object.fromEntries(reply.headers);
      return JSON.stringify({
        status: reply.status,
        headers: { ...headers, date: "", "x-request-id": "" },
        body: await reply.text(),
      });
    }),
  );
  expect(new Set(answers).size).toBe(1);
  expect(JSON.parse(answers[0] ?? "").body).toBe('{"found":false}');
});

test("D-54, S-16: a wrong guess burns nothing, a right one may be repeated, and right ones cost nothing", async () => {
  const { token, code } = await walk.open("patient@example.com");
  expect((await lookup("patient@example.com", "WRONGWRO")).body).toEqual({ found: false });
  for (let turn = 0; turn < 10; turn++)
    expect((await lookup("patient@example.com", code)).body).toEqual({ found: true, token });
});

test("D-54, S-16: the sixth guess is refused until one comes back after a minute; then the right code works", async () => {
  const { token, code } = await walk.open("guessed@example.com");
  for (let guess = 0; guess < 5; guess++)
    expect((await lookup("guessed@example.com", `WRXNG${"ABCDE"[guess]}WR`)).body).toEqual({ found: false });
  const sixth = await lookup("Guessed@example.com", code);
  expect(sixth.status).toBe(429);
  expect(Number(sixth.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(sixth.body.code).toBe("rate_limited");
  await client.advanceClocks(61);
  expect((await lookup("guessed@example.com", code)).body).toEqual({ found: true, token });
});

test("S-16: of twenty guesses at once five are looked at; unknown addresses are counted no differently", async () => {
  await walk.open("swarm@example.com");
  for (const address of ["swarm@example.com", "nobody.there@example.com"]) {
    const replies = await Promise.all(Array.from({ length: 20 }, () => lookup(address, "AAAAAAAA")));
    const statuses = replies.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(5).fill(200), ...Array(15).fill(429)]);
  }
});

test("D-55: a used code is not found", async () => {
  const { code } = await walk.activate("used@example.com");
  expect((await lookup("used@example.com", code)).body).toEqual({ found: false });
});

test("D-55: a code is found until its 24 hours are over, and not a second longer", async () => {
  const now = Math.floor(Date.now() / 1000) + 3_600;
  const setClocks = (time: number) =>
    Promise.all([
      client.command("app", "set_clock", { now: time, purge: false }),
      client.command("auth", "set_clock", { now: time }),
    ]);
  await setClocks(now);
  const { token, code } = await walk.open("aging@example.com");
  await setClocks(now + 86_399);
  expect((await lookup("aging@example.com", code)).body).toEqual({ found: true, token });
  await setClocks(now + 86_400);
  expect((await lookup("aging@example.com", code)).body).toEqual({ found: false });
  const withdrawn = await client.app.post("/auth/withdraw_registration", { registration_token: token, code });
  expect(withdrawn.body.code).toBe("incorrect_code");
  expect(await stack.sql`select from tokens where key like '%aging@example.com'`).toHaveLength(1);
});
