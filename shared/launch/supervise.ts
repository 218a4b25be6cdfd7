import { settlesWithin } from "./child.ts";

/** A program that runs: `gone` settles with how it ended. `stop` forces what has not ended after `patience` ms. */
export type Running = { gone: Promise<string>; stop: (patience: number) => Promise<void> };

/** A program that is started again whenever it ends, until it is stopped. */
export type Supervised = { restart: () => Promise<void>; stop: (patience: number) => Promise<void> };

const shortestDelay = 200;
const longestDelay = 10_000;
/** A program that ran for a minute has got over what ended it before. */
const stableAfter = 60_000;

/**
 * Watches a running program and starts it again when it ends, after 0.2 s at first and twice as long each time it ends
 * again, up to 10 s.
 *
 * @param say tells the log, one line a time
 */
export function supervise(
  name: string,
  first: Running,
  startAgain: () => Promise<Running>,
  say: (line: string) => void,
): Supervised {
  const stopping = Promise.withResolvers<void>();
  let stopped = false;
  let current: Running | undefined = first;
  const watching = watch();

  async function watch(): Promise<void> {
    for (let delay = shortestDelay; !stopped; delay = Math.min(2 * delay, longestDelay)) {
      const since = Date.now();
      const how = await current?.gone;
      if (stopped) {
        return;
      }
      if (Date.now() - since > stableAfter) {
        delay = shortestDelay;
      }
      if (how !== undefined) {
        say(`${name} ended (${how}); starting it again in ${delay / 1000} s`);
      }
      await settlesWithin(stopping.promise, delay);
      current = stopped ? undefined : await tryStart();
    }
  }

  async function tryStart(): Promise<Running | undefined> {
    try {
      return await startAgain();
    } catch (error) {
      if (!stopped) {
        say(`${name} did not start (${lastLine(error)}); trying again`);
      }
      return undefined;
    }
  }

  return {
    restart: async () => current?.stop(5_000),
    stop: async (patience) => {
      stopped = true;
      stopping.resolve();
      await current?.stop(patience);
      await watching;
      // A start that was under way when the stop came has only now ended.
      await current?.stop(patience);
    },
  };
}

/** Stops all at once, within `patience` ms; whatever is still there when `hurry` is aborted, at once. */
export async function stopAll(programs: Supervised[], hurry: AbortSignal, patience: number): Promise<void> {
  const stop = (milliseconds: number) => Promise.all(programs.map((program) => program.stop(milliseconds)));
  hurry.addEventListener("abort", () => void stop(0), { once: true });
  await stop(hurry.aborted ? 0 : patience);
}

/** The last line of PostgreSQL's report says why. */
function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split("\n").at(-1) ?? "";
}
