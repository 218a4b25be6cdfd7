import { availableParallelism } from "node:os";

/** More work is waiting than the server will take on. Answered with HTTP status 503. */
export class HashQueueFull extends Error {
  override readonly name = "HashQueueFull";
}

export type HashQueue = ReturnType<typeof createHashQueue>;

/**
 * One line for all hashes: as many at once as there are cores, for more would only make each of them slower and keep
 * files and look-ups waiting for a thread. At most `limit` callers wait.
 */
export function createHashQueue(limit: number) {
  const atOnce = availableParallelism();
  const waiting: (() => void)[] = [];
  let places = atOnce + limit;
  let running = 0;

  return {
    /**
     * A place in line, to be taken with `using` before anything that costs the caller, such as a guess. Throws
     * HashQueueFull.
     */
    takePlace(): Disposable {
      if (places === 0) throw new HashQueueFull("Too many passwords are waiting to be hashed.");
      places--;
      return { [Symbol.dispose]: () => void places++ };
    },
    async run<T>(work: () => Promise<T>): Promise<T> {
      if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
      else running++;
      try {
        return await work();
      } finally {
        // The turn goes to the next in line, or becomes free.
        const next = waiting.shift();
        if (next) next();
        else running--;
      }
    },
    waiting: () => waiting.length,
  };
}
