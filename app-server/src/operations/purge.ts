import { purgeGuesses } from "@anteroom/shared/runtime/guesses";
import { purgeRateLimits } from "@anteroom/shared/runtime/rate-limits";
import { purgeLinks } from "../accounts/link-store.ts";
import { purgeBatches } from "../administration/batch-store.ts";
import { purgeSetupLinks } from "../administration/setup-store.ts";
import { purgeDecisions } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import { purgeCodes } from "../mail/code-store.ts";
import { giveUpDeadly, purgeMails } from "../mail/store.ts";
import { purgeSuppressions } from "../mail/suppression-store.ts";
import { expireRegistrations } from "../registration/store/endings.ts";

/** Ends and forgets what has had its time. */
export async function purge({ db, clock, log, settings: { policy } }: AppContext): Promise<void> {
  const now = clock.now();
  await expireRegistrations(db, now, now + policy.retention);
  await purgeCodes(db, now);
  await purgeSetupLinks(db, now);
  await purgeLinks(db, now);
  await purgeRateLimits(db, now);
  await purgeGuesses(db, now);
  await purgeMails(db, now - policy.retention);
  await purgeSuppressions(db, now - policy.retention, now);
  await purgeBatches(db, now - policy.retention);
  await purgeDecisions(db, now - policy.logRetention);
  const givenUp = await giveUpDeadly(db, now);
  if (givenUp > 0) log.error({ mails: givenUp }, "mails whose worker ended every time were given up");
}
