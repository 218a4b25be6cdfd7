import { checkout } from "./checkout.ts";
import { launch } from "./launch.ts";
import { describeFailure } from "./refusal.ts";
import { readLaunchSettings } from "./settings.ts";

// The terminal may go away before we do; that must not keep us from stopping cleanly.
process.stdout.on("error", () => undefined);

const stop = new AbortController();
const hurry = new AbortController();
let stopAskedAt = 0;

/** npm passes Ctrl-C on to a process that the terminal has told already: two within a moment are one. */
function onSignal(): void {
  if (!stop.signal.aborted) {
    stopAskedAt = Date.now();
    stop.abort();
  } else if (Date.now() - stopAskedAt > 500) {
    hurry.abort();
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, onSignal);
}

// npm cannot pass SIGKILL on: without this, ending npm would leave everything running out of sight.
if (process.env.npm_lifecycle_event === "start") {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop.abort(), 200).unref();
}

try {
  await launch({
    settings: readLaunchSettings(process.env, checkout),
    environment: process.env,
    checkout,
    stop: stop.signal,
    hurry: hurry.signal,
    say: (line) => void process.stdout.write(`${line}\n`),
  });
  process.exit(0);
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exit(1);
}
