import { patiently } from "@anteroom/shared/testing/patience";
import type { Crossing, Gate, Link } from "./crossings.ts";

/** A place where a run can be stopped: before a message has reached its receiver. */
export interface Point {
  name: string;
  link: Link;
  what: RegExp;
  phase: Crossing["phase"];
}

export interface Hold {
  /** Resolves when the message is there and waits; rejects when it does not come. */
  isReached(): Promise<void>;
}

/** Stops messages of many runs at once, each at a point of its own. */
export function createHolds() {
  const armed = new Map<Point, { marks: string[]; reach: () => void }>();
  const released = Promise.withResolvers<undefined>();
  const gate: Gate = (crossing) => {
    for (const [point, { marks, reach }] of armed) {
      if (!isAt(point, crossing) || !carriesAny(crossing, marks)) continue;
      armed.delete(point);
      reach();
      return released.promise;
    }
    return undefined;
  };
  return {
    gate,
    /** The first message at the point that carries one of `marks` waits there. */
    stopAt: (point: Point, marks: string[]): Hold => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      armed.set(point, { marks, reach: resolve });
      return {
        isReached: async () => {
          const timer = setTimeout(
            () => reject(new Error(`This point was not reached: ${point.name}`)),
            patiently(5_000),
          );
          await promise.finally(() => clearTimeout(timer));
        },
      };
    },
    /** Lets everything go on that still has somewhere to go. */
    release: () => released.resolve(undefined),
  };
}

export function isAt(point: Point, crossing: Crossing): boolean {
  return point.link === crossing.link && point.phase === crossing.phase && point.what.test(crossing.what);
}

export function carriesAny(crossing: Crossing, marks: string[]): boolean {
  return marks.some((mark) => crossing.text.includes(mark));
}
