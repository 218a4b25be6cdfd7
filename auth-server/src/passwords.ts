import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { equalInConstantTime } from "@anteroom/shared/runtime/crypto";
import { hashRaw } from "@node-rs/argon2";
import { verifyForeignHash } from "./foreign-hashes.ts";
import { type HashParameters, parseHashAlgorithm } from "./hash-algorithm.ts";
import type { PasswordHash } from "./store/signups.ts";

/** More work is waiting than the server will take on. Answered with HTTP status 503. */
export class HashQueueFull extends Error {
  override readonly name = "HashQueueFull";
}

export type Passwords = ReturnType<typeof createPasswords>;

/**
 * Argon2id off the event loop, as many at once as there are cores: more would only make each of them slower. The rest
 * waits in line, at most `queueLimit` long.
 */
export function createPasswords(parameters: HashParameters, options: { anyAlgorithm: boolean; queueLimit: number }) {
  const atOnce = availableParallelism();
  const waiting: (() => void)[] = [];
  let running = 0;

  /** Throws HashQueueFull. For rules to ask before they take a token or do anything else that costs the caller. */
  function assertRoom(): void {
    if (waiting.length >= options.queueLimit) throw new HashQueueFull("Too many passwords are waiting to be hashed.");
  }

  function compute(password: string, salt: Uint8Array, algorithm: HashParameters): Promise<Buffer> {
    const { passes, memory, lanes, length } = algorithm;
    const parameters = { timeCost: passes, memoryCost: memory, parallelism: lanes, outputLen: length, salt };
    return inTurn(() => hashRaw(Buffer.from(password), parameters));
  }

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    assertRoom();
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      // The place goes to the next in line, or becomes free.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  }

  function algorithmOf(id: string): HashParameters | undefined {
    if (id === parameters.id) return parameters;
    return options.anyAlgorithm ? parseHashAlgorithm(id) : undefined;
  }

  async function verifyForeign(password: string, stored: PasswordHash): Promise<boolean> {
    const verified = options.anyAlgorithm ? await inTurn(async () => verifyForeignHash(password, stored)) : undefined;
    if (verified === undefined) throw new Error("The user's password hash is of an unknown algorithm.");
    return verified;
  }

  return {
    /** What new hashes are made with. */
    algorithmId: parameters.id,
    assertRoom,
    hash: async (password: string): Promise<PasswordHash> => {
      const salt = randomBytes(16);
      return { hash: await compute(password, salt, parameters), algorithmId: parameters.id, salt };
    },
    /** Throws when the stored hash is of an algorithm that this server does not use. */
    verify: async (password: string, stored: PasswordHash): Promise<boolean> => {
      const algorithm = algorithmOf(stored.algorithmId);
      if (algorithm === undefined) return verifyForeign(password, stored);
      return equalInConstantTime(await compute(password, stored.salt, algorithm), stored.hash);
    },
    /** Takes as long as `verify`, for when there is nobody whose password it could be. */
    verifyNothing: async (password: string): Promise<false> => {
      await compute(password, randomBytes(16), parameters);
      return false;
    },
    waiting: () => waiting.length,
  };
}
