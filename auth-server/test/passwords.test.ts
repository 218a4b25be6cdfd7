import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { measured } from "@anteroom/shared/testing/measured";
import { expect, test } from "vitest";
import { isStrongEnough, parseHashAlgorithm } from "../src/passwords/hash-algorithm.ts";
import { createHashQueue, HashQueueFull } from "../src/passwords/hash-queue.ts";
import { createPasswords } from "../src/passwords/passwords.ts";

const known = JSON.parse(
  readFileSync(new URL("../../shared/testing/faroe/vectors/userserver/argon2id-kat.json", import.meta.url), "utf8"),
) as { algorithm_id: string; password: string; salt_base64: string; hash_base64: string }[];

const place = createHashQueue(200).takePlace(undefined);

function create(id: string) {
  const parameters = parseHashAlgorithm(id);
  if (parameters === undefined) throw new Error(id);
  return createPasswords(parameters, { anyAlgorithm: true });
}

test.for(known)("argon2id as Faroe computes it: $algorithm_id of $password", async (answer) => {
  const passwords = create(answer.algorithm_id);
  const stored = {
    hash: Buffer.from(answer.hash_base64, "base64"),
    algorithmId: answer.algorithm_id,
    salt: Buffer.from(answer.salt_base64, "base64"),
  };
  expect(await passwords.verify(place, answer.password, stored)).toBe(true);
  expect(await passwords.verify(place, `${answer.password}x`, stored)).toBe(false);
});

test("a hash has a salt of its own, 32 bytes, and its parameters beside it", async () => {
  const passwords = create("argon2id.1.64.1.32");
  const [one, two] = [await passwords.hash(place, "a password"), await passwords.hash(place, "a password")];
  expect(one.hash).toHaveLength(32);
  expect(one.salt).toHaveLength(16);
  expect(one.algorithmId).toBe("argon2id.1.64.1.32");
  expect(one.hash).not.toEqual(two.hash);
  expect(await passwords.verify(place, "a password", one)).toBe(true);
});

test("as many places as cores and the line have, given back when left", () => {
  const queue = createHashQueue(5);
  const places = Array.from({ length: availableParallelism() + 5 }, () => queue.takePlace(undefined));
  expect(() => queue.takePlace(undefined)).toThrow(HashQueueFull);
  places[0]?.[Symbol.dispose]();
  expect(queue.takePlace(undefined)).toBeTruthy();
});

test("no more hashes at once than cores, and everybody in line has a turn", async () => {
  const queue = createHashQueue(200);
  let running = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running--;
    if (running % 2) throw new Error("some fail");
  };
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => queue.takePlace(undefined).run(work)));
  expect(results).toHaveLength(50);
  expect(most).toBe(availableParallelism());
  expect([running, queue.waiting()]).toEqual([0, 0]);
});

test("hashing leaves the event loop free", async () => {
  const passwords = create("argon2id.3.65536.1.32");
  await measured(async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const start = performance.now();
    await Promise.all(Array.from({ length: 6 }, () => passwords.hash(place, "x")));
    const took = performance.now() - start;
    clearInterval(timer);
    expect(turns).toBeGreaterThan(took / 5 / 5);
  });
});

test("a hash of an algorithm that is not known throws", async () => {
  const stored = { hash: Buffer.alloc(32), algorithmId: "rot13", salt: Buffer.alloc(16) };
  await expect(create("argon2id.1.64.1.32").verify(place, "x", stored)).rejects.toThrow("unknown algorithm");
});

test.each(["", "argon2id", "argon2i.3.65536.1.32", "argon2id.0.65536.1.32", "argon2id.3.7.1.32", "argon2id.3.64.1.8"])(
  "not the parameters of a hash: %s",
  (id) => expect(parseHashAlgorithm(id)).toBeUndefined(),
);

test.each([
  ["argon2id.1.47104.1.32", true],
  ["argon2id.2.19456.1.32", true],
  ["argon2id.3.12288.1.32", true],
  ["argon2id.5.7168.1.32", true],
  ["argon2id.3.65536.1.32", true],
  ["argon2id.1.19456.1.32", false],
  ["argon2id.2.19455.1.32", false],
  ["argon2id.9.7167.1.32", false],
  ["argon2id.3.65536.1.16", false],
])("OWASP's minimum: %s is enough: %s", (id, isEnough) => {
  const parameters = parseHashAlgorithm(id);
  expect(parameters && isStrongEnough(parameters)).toBe(isEnough);
});
