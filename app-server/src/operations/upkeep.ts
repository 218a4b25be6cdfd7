import { purgeGuesses } from "@anteroom/shared/runtime/guesses";
import { purgeRateLimits } from "@anteroom/shared/runtime/rate-limits";
import { purgeLinks } from "../accounts/link-store.ts";
import { sendOwedLinks } from "../accounts/owed-links.ts";
import { purgeBatches } from "../administration/batch-store.ts";
import { workBatches } from "../administration/batches.ts";
import { purgeSetupLinks } from "../administration/setup-store.ts";
import { purgeDecisions } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import { purgeCodes } from "../mail/codes.ts";
import { giveUpLost, purgeMails } from "../mail/store.ts";
import { expireRegistrations } from "../registration/ending-store.ts";
import { recoverOpenings } from "../registration/opening.ts";

/** Runs what must happen without anybody asking. Returns the function that stops it and waits for what is under way. */
export function startUpkeep(context: AppContext): () => Promise<void> {
  const stopRecovery = repeat(context, "recovery", 1_000, () => recoverOpenings(context));
  const stopSweep = repeat(context, "mail sweep", 1_000, () => context.mail.sweep());
  const stopBatches = repeat(context, "batches of decisions", 500, (isStopping) => workBatches(context, isStopping));
  const stopLinks = repeat(context, "links that are owed", 5_000, () => sendOwedLinks(context));
  const stopPurge = repeat(context, "purge", 60_000, () => purge(context));
  return async () => {
    await Promise.all([stopRecovery(), stopSweep(), stopBatches(), stopLinks(), stopPurge()]);
  };
}

export async function purge(context: AppContext): Promise<void> {
  const now = context.clock.now();
  await expireRegistrations(context.db, now, now + context.settings.policy.retention);
  await purgeCodes(context.db, now);
  await purgeSetupLinks(context.db, now);
  await purgeLinks(context.db, now);
  await purgeRateLimits(context.db, now);
  await purgeGuesses(context.db, now);
  await purgeMails(context.db, now - context.settings.policy.retention, now);
  await purgeBatches(context.db, now - context.settings.policy.retention);
  await purgeDecisions(context.db, now - context.settings.policy.logRetention);
  const givenUp = await giveUpLost(context.db, now);
  if (givenUp > 0) context.log.error({ mails: givenUp }, "mails whose worker ended every time were given up");
  const lost = await context.mail.requeueLost();
  if (lost > 0) context.log.warn({ mails: lost }, "mails that had lost their jobs are queued again");
}

/**
 * One run after the other, never two at once; a failing run is logged and the next one comes all the same. A run that
 * says true has left something to do, and the next follows at once.
 */
function repeat(
  context: AppContext,
  name: string,
  pause: number,
  run: (isStopping: () => boolean) => Promise<unknown>,
): () => Promise<void> {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();
  const next = () => {
    current = run(() => isStopped)
      .catch((error: unknown) => context.log.error({ err: error }, `${name} failed; it runs again soon`))
      .then((isUnfinished) => {
        if (!isStopped) timer = setTimeout(next, isUnfinished === true ? 0 : pause);
      });
  };
  next();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    return current;
  };
}
