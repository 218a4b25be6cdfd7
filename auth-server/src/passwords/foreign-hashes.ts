import { pbkdf2, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { equalInConstantTime } from "@anteroom/shared/runtime/crypto";
import { verify as verifyBcrypt } from "@node-rs/bcrypt";
import type { PasswordHash } from "../store/signups.ts";

const deriveScrypt = promisify<string, Uint8Array, number, object, Buffer>(scrypt);
const derivePbkdf2 = promisify<string, Uint8Array, number, number, string, Buffer>(pbkdf2);

/** Bytes. */
const shortestHash = 16;

/**
 * Hashes that users brought along from other systems, by the form of their algorithm id. They are good for one sign-in,
 * which replaces them.
 *
 * - `bcrypt`: the hash is the text `$2b$10$…`, the salt empty
 * - `scrypt.N.r.p.bytes`
 * - `pbkdf2.sha256.iterations.bytes`, likewise sha1 and sha512
 *
 * Undefined when the id is of none of these forms, or the hash so short that many passwords have it; one of no bytes
 * would be everybody's. The work is done off the event loop.
 */
export function verifyForeignHash(password: string, stored: PasswordHash): Promise<boolean> | undefined {
  if (stored.algorithmId === "bcrypt") return verifyBcrypt(password, Buffer.from(stored.hash).toString("latin1"));
  if (stored.hash.length < shortestHash) return undefined;
  const scryptId = /^scrypt\.(\d{1,8})\.(\d{1,2})\.(\d{1,2})\.(\d{1,3})$/.exec(stored.algorithmId);
  if (scryptId) return verifyScrypt(password, stored, scryptId.slice(1).map(Number));
  const pbkdf2Id = /^pbkdf2\.(sha1|sha256|sha512)\.(\d{1,8})\.(\d{1,3})$/.exec(stored.algorithmId);
  if (pbkdf2Id) return verifyPbkdf2(password, stored, pbkdf2Id[1] ?? "", pbkdf2Id.slice(2).map(Number));
  return undefined;
}

async function verifyScrypt(password: string, { hash, salt }: PasswordHash, parameters: number[]): Promise<boolean> {
  const [cost = 0, blockSize = 0, parallelization = 0, length = 0] = parameters;
  // Twice what the parameters need; Node's own default is too little for the usual ones.
  const maxmem = 256 * cost * blockSize;
  const derived = await deriveScrypt(password, salt, length, { cost, blockSize, parallelization, maxmem });
  return equalInConstantTime(derived, hash);
}

async function verifyPbkdf2(
  password: string,
  { hash, salt }: PasswordHash,
  digest: string,
  [iterations = 0, length = 0]: number[],
): Promise<boolean> {
  return equalInConstantTime(await derivePbkdf2(password, salt, iterations, length, digest), hash);
}
