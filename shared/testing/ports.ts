import { randomInt } from "node:crypto";
import { freePort as freePortNear } from "@anteroom/launch/ports";

/**
 * Ports of one worker, apart from those of the others that run beside it: between the look at a port and the server that
 * listens on it, or while that server is started anew, another one's would take it.
 */
const [lowest, ofEach, workers] = [15_000, 5_000, 3];
const worker = (Number(process.env.VITEST_POOL_ID ?? 1) - 1) % workers;
let next = lowest + worker * ofEach + randomInt(ofEach / 2);

export async function freePort(): Promise<number> {
  for (;;) {
    const port = next++;
    if ((await freePortNear(port)) === port) return port;
  }
}
