import { setTimeout as sleep } from "node:timers/promises";
import type { AppContext } from "../context.ts";
import type { PasswordLengths } from "./client.ts";

/** Milliseconds for which an answer holds, after which one that failed is asked for again, and which the first pages wait. */
const holdsFor = 60_000;
const pause = 5_000;
const waitsFor = 1_000;

/**
 * How long new passwords may be, as the auth server says, whose rule it is; undefined until it has said so. One that does
 * not answer holds none up but the first ones: what is known already is told at once, and asked for anew behind.
 */
export function createPasswordLengths({ authServer, log }: AppContext): () => Promise<PasswordLengths | undefined> {
  let known: PasswordLengths | undefined;
  let askAgainAt = 0;
  let asking: Promise<void> | undefined;

  async function ask() {
    try {
      known = await authServer.getPasswordLengths();
      askAgainAt = performance.now() + holdsFor;
    } catch (error) {
      askAgainAt = performance.now() + pause;
      log.debug({ err: error }, "how long passwords may be is not known yet");
    } finally {
      asking = undefined;
    }
  }

  return async () => {
    if (performance.now() < askAgainAt) return known;
    asking ??= ask();
    if (known) return known;
    await Promise.race([asking, sleep(waitsFor, undefined, { ref: false })]);
    return known;
  };
}
