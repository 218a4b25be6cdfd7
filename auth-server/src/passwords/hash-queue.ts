import { availableParallelism } from "node:os";
import type { Claimant } from "../limits/guesses.ts";

/** More work is waiting than the server will take on. Answered with HTTP status 503. */
export class HashQueueFull extends Error {
  override readonly name = "HashQueueFull";
}

export type HashQueue = ReturnType<typeof createHashQueue>;

/** A place in line, given back with `using`. What is hashed in it waits for its turn. */
export interface Place extends Disposable {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * One line for all hashes: as many at once as there are cores, for more would only make each of them slower and keep
 * files and look-ups waiting for a thread. At most `limit` callers wait, a tenth of them of one network, and networks
 * have their turns one after the other, however many places each has. A user with devices that are known needs only one
 * of as many places of their own: strangers may fill the line, but not against them.
 */
export function createHashQueue(limit: number) {
  const atOnce = availableParallelism();
  const mostOfOne = Math.max(2, Math.ceil(limit / 10));
  const taken = new Map<string, number>();
  const turns = createTurns(atOnce);
  let places = atOnce + limit;
  return {
    /**
     * To be taken before anything that costs the caller, such as a guess. Without a claimant only the whole line counts.
     * Throws HashQueueFull.
     */
    takePlace(claimant: Pick<Claimant, "payer" | "isKnown"> | undefined): Place {
      const who = claimant?.payer ?? "";
      const own = taken.get(who) ?? 0;
      const ofTheLine = claimant?.isKnown ? 0 : 1;
      if (places < ofTheLine || (claimant && own >= mostOfOne))
        throw new HashQueueFull("Too many passwords are waiting to be hashed.");
      places -= ofTheLine;
      taken.set(who, own + 1);
      return {
        run: (work) => turns.run(who, work),
        [Symbol.dispose]: () => {
          places += ofTheLine;
          const left = (taken.get(who) ?? 1) - 1;
          if (left === 0) taken.delete(who);
          else taken.set(who, left);
        },
      };
    },
    waiting: turns.waiting,
  };
}

/** So many run at once; of those who wait, each payer has one turn and then it is the next one's. */
function createTurns(atOnce: number) {
  /** Those who wait, by payer; the first entry is whose turn is next. */
  const lines = new Map<string, (() => void)[]>();
  let running = 0;
  let waiting = 0;

  function waitForTurn(who: string): Promise<void> {
    waiting++;
    return new Promise((resolve) => {
      const line = lines.get(who);
      if (line) line.push(resolve);
      else lines.set(who, [resolve]);
    });
  }

  /** The turn goes to the next in line, or becomes free. */
  function passOn(): void {
    const [next] = lines;
    if (next === undefined) return void running--;
    const [who, [begin, ...rest]] = next;
    lines.delete(who);
    if (rest.length > 0) lines.set(who, rest);
    waiting--;
    begin?.();
  }

  async function run<T>(who: string, work: () => Promise<T>): Promise<T> {
    if (running >= atOnce) await waitForTurn(who);
    else running++;
    try {
      return await work();
    } finally {
      passOn();
    }
  }

  return { run, waiting: () => waiting };
}
