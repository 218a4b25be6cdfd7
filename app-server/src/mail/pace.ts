import { type RateLimit, takeToken } from "@anteroom/shared/runtime/rate-limits";
import type { AppContext } from "../context.ts";

/** Milliseconds a mail waits for its turn before its job is put back. */
const patience = 8_000;

/**
 * Holds mails to so many a minute, counted over all instances. Relays count in real time, so this does too: mails do
 * not wait for a clock that a test has stopped or turned back.
 */
export function createPace(context: AppContext): () => Promise<void> {
  const perMinute = context.settings.mailsPerMinute;
  const limit: RateLimit = { kind: "mails", capacity: perMinute, interval: 60 / perMinute };
  return async () => {
    const giveUpAt = Date.now() + patience;
    while (!(await takeToken(context.db, limit, "all", Date.now() / 1_000))) {
      if (Date.now() >= giveUpAt) throw new Error("More mails are due than BACKEND_MAILS_PER_MINUTE lets out.");
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
}
