import { randomBytes } from "node:crypto";
import { equalInConstantTime } from "@anteroom/shared/runtime/crypto";
import { hashRaw } from "@node-rs/argon2";
import type { PasswordHash } from "../store/signups.ts";
import { verifyForeignHash } from "./foreign-hashes.ts";
import { type HashParameters, parseHashAlgorithm } from "./hash-algorithm.ts";
import type { Place } from "./hash-queue.ts";

export type Passwords = ReturnType<typeof createPasswords>;

/** Argon2id off the event loop, in a place of the queue. `anyAlgorithm`: other hashes than ours verify too. */
export function createPasswords(parameters: HashParameters, options: { anyAlgorithm: boolean }) {
  function compute(place: Place, password: string, salt: Uint8Array, algorithm: HashParameters): Promise<Buffer> {
    const { passes, memory, lanes, length } = algorithm;
    const parameters = { timeCost: passes, memoryCost: memory, parallelism: lanes, outputLen: length, salt };
    return place.run(() => hashRaw(Buffer.from(password), parameters));
  }

  function algorithmOf(id: string): HashParameters | undefined {
    if (id === parameters.id) return parameters;
    return options.anyAlgorithm ? parseHashAlgorithm(id) : undefined;
  }

  async function verifyForeign(place: Place, password: string, stored: PasswordHash): Promise<boolean> {
    const verified = options.anyAlgorithm
      ? await place.run(async () => verifyForeignHash(password, stored))
      : undefined;
    if (verified === undefined) throw new Error("The user's password hash is of an unknown algorithm.");
    return verified;
  }

  return {
    /** What new hashes are made with. */
    algorithmId: parameters.id,
    hash: async (place: Place, password: string): Promise<PasswordHash> => {
      const salt = randomBytes(16);
      return { hash: await compute(place, password, salt, parameters), algorithmId: parameters.id, salt };
    },
    /** Throws when the stored hash is of an algorithm that this server does not use. */
    verify: async (place: Place, password: string, stored: PasswordHash): Promise<boolean> => {
      const algorithm = algorithmOf(stored.algorithmId);
      if (algorithm === undefined) return verifyForeign(place, password, stored);
      return equalInConstantTime(await compute(place, password, stored.salt, algorithm), stored.hash);
    },
    /** Takes as long as `verify`, for when there is nobody whose password it could be. */
    verifyNothing: async (place: Place, password: string): Promise<false> => {
      await compute(place, password, randomBytes(16), parameters);
      return false;
    },
  };
}
