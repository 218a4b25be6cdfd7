import { availableParallelism } from "node:os";
import { patiently } from "@anteroom/shared/testing/patience";
import { Pool } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHashQueue, HashQueueFull } from "../src/passwords/hash-queue.ts";
import { startTestServer, type TestServer } from "./harness.ts";
import { countOutcomes, outcome, signUp, startOver, succeed } from "./steps.ts";

let t: TestServer;
let pool: Pool;

beforeAll(async () => {
  t = await startTestServer({ AUTH_PASSWORD_HASH: "argon2id.3.65536.1.32", AUTH_PASSWORD_QUEUE: "5" });
  pool = new Pool(`http://127.0.0.1:${t.server.publicPort}`, { connections: 40 });
});
afterAll(async () => {
  await pool?.destroy();
  await t?.stop();
});

test("S-F3: a flood from one address fills a tenth of the line; others have their turns in between", {
  timeout: patiently(60_000),
}, async () => {
  const queue = createHashQueue(50);
  const flood = { payer: "203.0.113.1", isKnown: false };
  const places = Array.from({ length: 5 }, () => queue.takePlace(flood));
  expect(() => queue.takePlace(flood)).toThrow(HashQueueFull);
  const order: string[] = [];
  const work = (name: string) => async () => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    order.push(name);
  };
  const running = places.flatMap((place, index) => [place.run(work(`flood ${index}`)), place.run(work("flood"))]);
  const owner = queue.takePlace({ payer: "198.51.100.7", isKnown: false });
  running.push(owner.run(work("owner")));
  await Promise.all(running);
  expect(order.indexOf("owner")).toBeLessThanOrEqual(availableParallelism() + 2);
});

test("S-F3: a user's devices have the places of one, however many there are", () => {
  const queue = createHashQueue(50);
  const places = Array.from({ length: 5 }, () => queue.takePlace({ payer: "user eve", isKnown: true }));
  expect(() => queue.takePlace({ payer: "user eve", isKnown: true })).toThrow(HashQueueFull);
  expect(() => queue.takePlace({ payer: "user ada", isKnown: true })).not.toThrow();
  for (const place of places) place[Symbol.dispose]();
});

test("S-F3: when many addresses fill the line, a known device still has a place, and gives it back", () => {
  const queue = createHashQueue(10);
  const strangers = () =>
    Array.from({ length: 10 + availableParallelism() }, (_, index) =>
      queue.takePlace({ payer: `203.0.113.${index}`, isKnown: false }),
    );
  const places = strangers();
  expect(() => queue.takePlace({ payer: "198.51.100.7", isKnown: false })).toThrow(HashQueueFull);
  const laptop = { payer: "device laptop", isKnown: true };
  for (let time = 0; time < 3; time++) {
    using _one = queue.takePlace(laptop);
    using _two = queue.takePlace(laptop);
    expect(() => queue.takePlace(laptop)).toThrow(HashQueueFull);
  }
  for (const place of places) place[Symbol.dispose]();
  expect(strangers).not.toThrow();
  expect(() => queue.takePlace({ payer: "198.51.100.7", isKnown: false })).toThrow(HashQueueFull);
});

test("more passwords than can wait: 503 with Retry-After, no guess is spent, and looks at sessions stay quick", {
  timeout: patiently(60_000),
}, async () => {
  await startOver(t);
  const { session_token } = await signUp(t, "ada@example.com");
  const tokens: string[] = [];
  await countOutcomes(40, async (index) => {
    tokens.push((await succeed(t, "create_signin", { user_email_address: `a${index}@example.com` })).signin_token);
    return "ok";
  });
  const flood = Promise.all(tokens.map(guess));
  const looks: number[] = [];
  for (let look = 0; look < 10; look++) {
    const start = performance.now();
    expect(await outcome(t, "get_session", { session_token })).toBe("ok");
    looks.push(performance.now() - start);
  }
  const refused = (await flood).filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.every(({ retryAfter }) => retryAfter === "5")).toBe(true);
  expect(looks.sort((a, b) => a - b)[5]).toBeLessThan(patiently(1_000));
  const again = refused[0]?.token ?? "";
  for (let attempt = 0; attempt < 5; attempt++) expect((await guess(again)).text).toContain("incorrect_password");
});

async function guess(token: string) {
  const body = JSON.stringify({
    action: "verify_signin_user_password",
    arguments: { signin_token: token, password: "a wrong password" },
  });
  const response = await pool.request({ method: "POST", path: "/", body });
  return {
    token,
    status: response.statusCode,
    retryAfter: response.headers["retry-after"],
    text: await response.body.text(),
  };
}
