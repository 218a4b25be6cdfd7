import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { inject } from "vitest";

declare module "vitest" {
  export interface ProvidedContext {
    /** How many times slower this machine was at the start of the run than a quiet one: 1 to 10. */
    patience: number;
  }
}

/** What is time enough, in milliseconds, on a quiet machine, made time enough on this one. */
export function patiently(milliseconds: number): number {
  return Math.ceil(milliseconds * inject("patience"));
}

/** Two processes that do nothing, side by side, take this long on two quiet cores. */
const norm = 50;

/**
 * Looks at what tests wait for most, processes: the slowest of a few, for it is the slow ones that need patience. A
 * machine that is quiet now will not stay so, for three test files share its cores: hence twice as much.
 */
export async function measurePatience(): Promise<number> {
  let slowest = 0;
  for (let turn = 0; turn < 5; turn++) {
    const start = performance.now();
    await Promise.all([doNothing(), doNothing()]);
    slowest = Math.max(slowest, performance.now() - start);
  }
  return Math.min(10, Math.max(1, (2 * slowest) / norm));
}

const doNothing = () => promisify(execFile)(process.execPath, ["-e", "0"]);
