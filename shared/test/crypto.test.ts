import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import {
  derivedId,
  deriveKey,
  equalInConstantTime,
  hmacSha256,
  randomCode,
  randomId,
  seal,
  sha256,
  unseal,
} from "../runtime/crypto.ts";

const key = randomBytes(32);

test("S-5: the hash of a secret is its SHA-256 and holds nothing of the secret", () => {
  expect(sha256("abc").toString("hex")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const secret = randomId();
  expect(sha256(secret)).toHaveLength(32);
  expect(sha256(secret).includes(secret)).toBe(false);
});

test("ids are 24 characters of Faroe's lower-case alphabet, all of them about equally often", () => {
  const ids = Array.from({ length: 2_000 }, randomId);
  expect(new Set(ids).size).toBe(2_000);
  expect(ids.every((id) => /^[a-km-np-z2-9]{24}$/.test(id))).toBe(true);
  const counts = new Map<string, number>();
  for (const character of ids.join("")) counts.set(character, (counts.get(character) ?? 0) + 1);
  expect(counts.size).toBe(32);
  // 48,000 characters: 1,500 each, give or take 39.
  for (const count of counts.values()) expect(Math.abs(count - 1_500)).toBeLessThan(240);
});

test("codes are upper-case letters and digits without I, O, 0 and 1", () => {
  expect(randomCode(8)).toMatch(/^[A-HJ-NP-Z2-9]{8}$/);
  expect(randomCode(12)).toMatch(/^[A-HJ-NP-Z2-9]{12}$/);
});

test("a derived id has the form of a random one, depends on key and text, and repeats", () => {
  expect(derivedId(key, "a@example.com")).toMatch(/^[a-km-np-z2-9]{24}$/);
  expect(derivedId(key, "a@example.com")).toBe(derivedId(key, "a@example.com"));
  expect(derivedId(key, "a@example.com")).not.toBe(derivedId(key, "b@example.com"));
  expect(derivedId(key, "a@example.com")).not.toBe(derivedId(randomBytes(32), "a@example.com"));
});

test("a sealed text opens with its key and context only, and never looks the same twice", () => {
  const sealed = seal(key, "ABCD2345", "row 1");
  expect(unseal(key, sealed, "row 1")).toBe("ABCD2345");
  expect(sealed.includes("ABCD2345")).toBe(false);
  expect(seal(key, "ABCD2345", "row 1")).not.toEqual(sealed);
  expect(() => unseal(key, sealed, "row 2")).toThrow();
  expect(() => unseal(randomBytes(32), sealed, "row 1")).toThrow();
});

test("a sealed text that was changed or cut anywhere does not open", () => {
  const sealed = seal(key, "ABCD2345", "row 1");
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => unseal(key, changed, "row 1")).toThrow();
    expect(() => unseal(key, sealed.subarray(0, at), "row 1")).toThrow();
  }
});

test("keys differ by purpose and by secret, and repeat", () => {
  expect(deriveKey(key, "codes")).toHaveLength(32);
  expect(deriveKey(key, "codes")).toEqual(deriveKey(key, "codes"));
  expect(deriveKey(key, "codes")).not.toEqual(deriveKey(key, "others"));
  expect(deriveKey(key, "codes")).not.toEqual(deriveKey(randomBytes(32), "codes"));
});

test("keyed hashes depend on the key (RFC 4231, case 2)", () => {
  const hash = hmacSha256(Buffer.from("Jefe"), "what do ya want for nothing?").toString("hex");
  expect(hash).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
});

test("bytes are equal only in length and content", () => {
  expect(equalInConstantTime(Buffer.from("ab"), Buffer.from("ab"))).toBe(true);
  expect(equalInConstantTime(Buffer.from("ab"), Buffer.from("ac"))).toBe(false);
  expect(equalInConstantTime(Buffer.from("ab"), Buffer.from("abc"))).toBe(false);
  expect(equalInConstantTime(Buffer.from(""), Buffer.from(""))).toBe(true);
});
