import type { AuthContext } from "./context.ts";
import { purgeExpired } from "./store/maintenance.ts";

/** Milliseconds. */
const interval = 60_000;

/** Deletes what has expired, every minute; otherwise everybody who begins a sign-in would leave a row behind. */
export function startPurge(context: AuthContext): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(() => purge(context));
  }, interval);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}

async function purge({ db, clock, settings, log }: AuthContext): Promise<void> {
  const now = clock.now();
  const end = settings.expiration.session;
  try {
    await purgeExpired(db, {
      now,
      oldestSession: end > 0 ? now - end : undefined,
      oldestUse: now - settings.sessionInactivity,
    });
  } catch (error) {
    log.error({ err: error }, "expired rows could not be deleted; the next try is in a minute");
  }
}
