import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isOutage } from "./database/errors.ts";
import type { Log } from "./log.ts";
import { SettingsError } from "./settings.ts";

/** Milliseconds after which a start is over, with what it does in the background. */
const settled = 2_000;

/**
 * Runs a server process: starts it, stops it on SIGINT, SIGTERM or when the launcher that spawned it is gone, and turns
 * a failed start into one readable message and exit code 1.
 *
 * @param start resolves, once listening, with the function that stops everything
 */
export async function runProcess(start: () => Promise<{ log: Log; stop: () => Promise<void> }>): Promise<void> {
  try {
    const starting = start();
    let stopping = false;
    // Asked for during the start, it waits for its end: a start that is broken off would have to be cleaned up after.
    const shutDown = async (reason: string) => {
      if (stopping) return;
      stopping = true;
      setTimeout(() => process.exit(1), 9_000).unref();
      const { log, stop } = await starting;
      log.info({ reason }, "stopping");
      await stop();
      process.exit(0);
    };
    const listen = (event: string, reason: string) =>
      process.once(event, () => void shutDown(reason).catch(() => undefined));
    listen("SIGINT", "SIGINT");
    listen("SIGTERM", "SIGTERM");
    listen("disconnect", "the launcher ended");
    // It may have ended while this process was starting, even before this line was loaded. Without a launcher: undefined.
    if (process.connected === false) void shutDown("the launcher ended").catch(() => undefined);
    const { log } = await starting;
    process.on("unhandledRejection", (error) => outlive(error, log));
    setTimeout(collectGarbage, settled).unref();
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    process.exit(1);
  }
}

/**
 * postgres.js 3.4.9 asks for the types of arrays whenever it connects, and nobody waits for the answer: a database that goes
 * away just then would take the process along (docs/decisions/001). Anything else that nobody waited for is a bug, and ends it.
 */
function outlive(error: unknown, log: Log): void {
  if (!isOutage(error)) throw error;
  log.warn({ err: error }, "a connection to the database was lost while it was being made");
}

/**
 * A start leaves garbage behind, which V8 keeps as long as there is little to do, with room for as much again: about 20
 * MiB of each server. Takes some 50 ms once. `gc` exists where the flag is set when its context is made.
 */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")({ type: "major", flavor: "last-resort", execution: "sync" });
  setFlagsFromString("--no-expose-gc");
}

function describe(error: unknown): string {
  if (error instanceof SettingsError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return error.message + cause;
}
