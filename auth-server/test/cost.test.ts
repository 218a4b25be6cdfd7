import { measured } from "@anteroom/shared/testing/measured";
import { repeated } from "@anteroom/shared/testing/worst-texts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { request, startTestServer, type TestServer } from "./harness.ts";

/** As long as Faroe reads, and so strict mode. */
const size = 2 * 1024 * 1024;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ AUTH_FAROE_STRICT: "on" });
});

afterAll(() => server?.stop());

const around = (before: string, filling: Buffer, after: string) =>
  Buffer.concat([Buffer.from(before), filling, Buffer.from(after)]);
const inString = (hex: string) => around('{"x":"', repeated(Buffer.from(hex, "hex"), size - 100), '"}');
const inArray = (unit: string) => around('{"x":[""', repeated(unit, size - 100), "]}");
const names = (name: (index: number) => string, count: number) =>
  Buffer.from(`{${Array.from({ length: count }, (_, index) => `"${name(index)}":1`).join(",")}}`);

const bodies: readonly (readonly [name: string, body: Buffer])[] = [
  ["no UTF-8 at all", inString("ff")],
  ["characters cut short", inString("f09f92")],
  ["every second byte no UTF-8", inString("41ff")],
  ["no UTF-8 outside strings", repeated(Buffer.from([0xff]), size)],
  ["short strings", inArray(',""')],
  ["strings and spaces", around('{"x":[""', repeated(" ", size - 100), "]}")],
  ["spaces", repeated(" ", size)],
  ["escapes", inArray(',"\\n"')],
  ["halves of characters", around('{"x":["\\ud83d\\ude00"', repeated(',"\\n"', size - 100), "]}")],
  ["small objects", inArray(',{"":0}')],
  ["empty arrays", inArray(",[]")],
  ["open brackets", repeated("[", size)],
  ["a number", around("[1", repeated("1", size - 100), "]")],
  ["names", names((index) => index.toString(36), size / 12)],
  ["names that are numbers far apart", names((index) => String(index * 65_536), size / 16)],
];

/** Milliseconds of work that this process, which is the server too, does for one request. */
async function workFor(body: Buffer): Promise<number> {
  const start = process.cpuUsage();
  const { status } = await request(server.public, "POST", "/", body, {});
  expect(status, "read, and no invocation").toBe(400);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

/** The least of up to three, of which one that is below `limit` will do: what else this process does only adds. */
async function leastWork(body: Buffer, limit = 0): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 3 && least > limit; turn++) least = Math.min(least, await workFor(body));
  return least;
}

// Dearest are objects of a hundred thousand members, ten times as dear as ordinary JSON: that is JSON.parse itself.
test("S-F4: no body of two megabytes takes out of proportion more work than ordinary JSON", async () => {
  for (const [name, body] of bodies)
    await measured(async () => {
      const ordinary = await leastWork(inArray(',{"name":"value","list":[1,2,3]}'));
      const limit = 15 * ordinary + 50;
      const work = await leastWork(body, limit);
      expect(work, `${name}: ${work} ms, and ${ordinary} ms for ordinary JSON`).toBeLessThan(limit);
    });
});
