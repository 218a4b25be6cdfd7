import { readdir, stat } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { uiWords } from "../web/words/ui.ts";
import { createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";

let stack: Stack;
let serial = 0;

/** Requests from 127.0.0.2 come through a proxy that is trusted, those from 127.0.0.1 do not. */
beforeAll(async () => {
  stack = await startStack({
    env: { BACKEND_IP_LIMITS: "on", TRUSTED_PROXIES: "127.0.0.2,10.0.0.0/8", BACKEND_MAILS_PER_MINUTE: "60" },
  });
});

afterAll(() => stack?.stop());

beforeEach(async () => {
  await createClient(stack).command("app", "reset");
});

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: { code?: string };
}

function post(path: string, body: object, from: string, headers: Record<string, string> = {}): Promise<Answer> {
  const url = new URL(path, stack.urls.app);
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: "POST", localAddress: from, headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }),
      );
    });
    request.on("error", reject);
    request.end(JSON.stringify(body));
  });
}

const register = (from: string, headers?: Record<string, string>) =>
  post("/auth/request_registration", { email: `person${serial++}@example.com` }, from, headers);

async function statusesOf(count: number, send: () => Promise<Answer>): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, send));
  return answers.map(({ status }) => status).sort();
}

const nTimes = (count: number, status: number): number[] => Array(count).fill(status);

test("S-17: the eleventh registration within an hour from one address is 429, as JSON and with Retry-After", async () => {
  expect(await statusesOf(10, () => register("127.0.0.1"))).toEqual(nTimes(10, 200));
  const refused = await register("127.0.0.1");
  expect(refused.status).toBe(429);
  expect(refused.body.code).toBe("rate_limited");
  expect(refused.headers["content-type"]).toBe("application/problem+json");
  const wait = Number(refused.headers["retry-after"]);
  expect(wait).toBeGreaterThan(0);
  expect((await stack.sql`select count(*)::int as rows from registration_state`)[0]?.rows).toBe(10);
  await createClient(stack).command("app", "advance_clock", { seconds: wait });
  expect(await statusesOf(2, () => register("127.0.0.1"))).toEqual([200, 429]);
});

test("S-17: of twenty at once ten pass, and another address is not affected", async () => {
  expect(await statusesOf(20, () => register("127.0.0.1"))).toEqual([...nTimes(10, 200), ...nTimes(10, 429)]);
  expect(await statusesOf(3, () => register("127.0.0.3"))).toEqual(nTimes(3, 200));
});

test("S-17: malformed requests count too", async () => {
  const send = () => post("/auth/request_registration", {}, "127.0.0.1");
  expect(await statusesOf(11, send)).toEqual([...nTimes(10, 400), 429]);
});

test("S-17: forwarding headers from elsewhere are not believed", async () => {
  let turn = 0;
  const spoof = () => {
    const address = `192.0.2.${turn++}`;
    return register("127.0.0.1", { "x-forwarded-for": address, forwarded: `for=${address}`, "x-real-ip": address });
  };
  expect(await statusesOf(11, spoof)).toEqual([...nTimes(10, 200), 429]);
});

test("S-17: behind a trusted proxy callers are told apart by what it forwards, and no further", async () => {
  const through = (chain: string) => register("127.0.0.2", { "x-forwarded-for": chain });
  expect(await statusesOf(10, () => through("192.0.2.1"))).toEqual(nTimes(10, 200));
  expect((await through("192.0.2.1")).status).toBe(429);
  expect((await through("192.0.2.2")).status).toBe(200);
  // What the caller wrote itself stands further left; the proxy's own word is the last.
  expect((await through("203.0.113.9, 192.0.2.1")).status).toBe(429);
  expect((await through("203.0.113.9, 192.0.2.1, 10.1.2.3")).status).toBe(429);
});

test("S-F8, acc F2, R44: a caller's own Forwarded header, which proxies hand on, changes nothing", async () => {
  let turn = 0;
  const spoof = () =>
    register("127.0.0.2", { "x-forwarded-for": "198.51.100.9", forwarded: `for=203.0.113.${turn++}` });
  expect(await statusesOf(25, spoof)).toEqual([...nTimes(10, 200), ...nTimes(15, 429)]);
  expect((await register("127.0.0.2", { "x-forwarded-for": "203.0.113.0" })).status).toBe(200);
});

test("S-17: an IPv6 caller is counted by its /64", async () => {
  let turn = 1;
  const through = (address: string) => register("127.0.0.2", { "x-forwarded-for": address });
  expect(await statusesOf(10, () => through(`2001:db8:1:2::${(turn++).toString(16)}`))).toEqual(nTimes(10, 200));
  expect((await through("2001:db8:1:2:ffff:ffff:ffff:ffff")).status).toBe(429);
  expect((await through("[2001:db8:1:2::99]:4711")).status).toBe(429);
  expect((await through("2001:db8:1:3::1")).status).toBe(200);
  expect((await through("::ffff:192.0.2.7")).status).toBe(200);
});

test("S-F3, S-17: the callers of a /48 register ten times as often as one, and no more", async () => {
  const through = (index: number) =>
    register("127.0.0.2", { "x-forwarded-for": `2001:db8:9:${index.toString(16)}::1` });
  expect((await through(0)).status).toBe(200);
  await stack.sql`update rate_limits set full_at = full_at + 98 * 36 where kind = 'ip_registration' and key like '%/48'`;
  expect((await through(1)).status).toBe(200);
  expect((await through(2)).status).toBe(429);
  expect((await register("127.0.0.2", { "x-forwarded-for": "2001:db8:a:1::1" })).status).toBe(200);
});

test("S-16: the thirty-first lookup within a minute from one address is 429, whatever addresses it asks for", async () => {
  let turn = 0;
  const look = () =>
    post("/auth/lookup_registration", { email: `guess${turn++}@example.com`, code: "ABCDEFGH" }, "127.0.0.1");
  expect(await statusesOf(31, look)).toEqual([...nTimes(30, 200), 429]);
});

test("S-17: looks at a registration and codes mailed again are limited per caller, whomever they are for", async () => {
  const client = createClient(stack);
  const ask = (path: string, from: string) => post(path, { registration_token: `guess${serial++}` }, from);
  const renew = (from: string) => ask("/auth/renew_signup", from);
  expect(await statusesOf(31, () => renew("127.0.0.1"))).toEqual([...nTimes(30, 404), 429]);
  expect((await renew("127.0.0.3")).status).toBe(404);
  await client.command("app", "advance_clock", { seconds: 60 });
  expect(await statusesOf(2, () => renew("127.0.0.1"))).toEqual([404, 429]);
  const look = (from: string) => ask("/auth/registration_status", from);
  expect((await look("127.0.0.1")).status).toBe(404);
  await stack.sql`update rate_limits set full_at = full_at + 999 * 0.1 where kind = 'ip_status'`;
  const refused = await look("127.0.0.1");
  expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "1"]);
  expect((await look("127.0.0.3")).status).toBe(404);
});

test("S-17: guesses at setup links are limited", async () => {
  const guess = () =>
    post("/auth/setup_administrator", { setup_token: `guess${serial++}`, email: "root@example.com" }, "127.0.0.1");
  expect(await statusesOf(11, guess)).toEqual([...nTimes(10, 410), 429]);
});

test("S-17: full buckets are cleared away", async () => {
  await register("127.0.0.1");
  expect(await stack.sql`select from rate_limits where kind = 'ip_registration'`).toHaveLength(1);
  await createClient(stack).command("app", "advance_clock", { seconds: 4_000 });
  expect(await stack.sql`select from rate_limits where kind = 'ip_registration'`).toHaveLength(0);
});

test("S-19, S-F16: counts of guesses are cleared away when they no longer count, and not before", async () => {
  const client = createClient(stack);
  await post("/auth/lookup_registration", { email: "guessed@example.com", code: "ABCDEFGH" }, "127.0.0.1");
  const counts = () => stack.sql`select from guesses where subject = 'guessed@example.com'`;
  await client.command("app", "advance_clock", { seconds: 86_400 - 60 });
  expect(await counts()).toHaveLength(1);
  await client.command("app", "advance_clock", { seconds: 60 });
  expect(await counts()).toHaveLength(0);
});

test("S-17: no more mails leave in a minute than the operator allows; the rest follows", async () => {
  const client = createClient(stack);
  const send = (mail: number) => client.email({ type: "password_updated", email: `m${mail}@example.com` });
  const startedAt = Date.now();
  await Promise.all(Array.from({ length: 62 }, (_, mail) => send(mail)));
  const files = async () => (await readdir(stack.emailsDir)).filter((name) => name.endsWith(".txt"));
  await expect.poll(async () => (await files()).length, { timeout: patiently(10_000) }).toBe(62);
  const written = await Promise.all(
    (await files()).map(async (name) => (await stat(join(stack.emailsDir, name))).mtimeMs),
  );
  written.sort((a, b) => a - b);
  // Sixty may go at once, and then one each second.
  expect([60, 61].map((index) => (written[index] ?? 0) - startedAt > (index - 59) * 1_000 - 100)).toEqual([true, true]);
});

test("acc F19: a refusal says for how long, and the pages say it in words", async () => {
  for (let time = 0; time < 10; time++) await register("127.0.0.77");
  const refused = await register("127.0.0.77");
  expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "360"]);
  expect(uiWords.en.tooMany(360)).toBe("Too many tries in a short time. Wait 6 minutes, then try again.");
  expect(uiWords.en.tooMany(1_800)).toContain("30 minutes");
  expect(uiWords.en.tooMany(20)).toContain("a minute");
  expect(uiWords.nl.tooMany(3_600)).toContain("een uur");
});
