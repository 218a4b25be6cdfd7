import { hasToken, type RateLimit, takeToken } from "@anteroom/shared/runtime/rate-limits";
import type { Caller } from "./caller.ts";
import type { AuthContext } from "./context.ts";
import { passwordAttempts } from "./limits.ts";
import { countPasswordTry, forgetPasswordTries } from "./store/password-tries.ts";

/** Tries without a right one, after which a password is of no use until it is reset (NIST SP 800-63B 3.2.2). */
const mostTries = 100;

/**
 * Whether a guess may be made at something of `subject`, a user or an address; it is paid for before it is looked at,
 * so that guesses made at once count too.
 *
 * In Faroe everybody shares the subject's bucket, so five wrong guesses by anyone lock the owner out. Here every caller's
 * address has a bucket of its own, of the same size, and a larger one bounds all of them together.
 */
export async function mayGuess(
  context: AuthContext,
  limit: RateLimit,
  subject: string,
  caller: Caller,
): Promise<boolean> {
  const { db, clock } = context;
  const now = clock.now();
  if (!countsByCaller(context)) return takeToken(db, limit, subject, now);
  return (
    (await takeToken(db, limit, `${subject} ${caller.key()}`, now)) && takeToken(db, byEverybody(limit), subject, now)
  );
}

/** Whether a guess could be made, making none. */
export function couldGuess(context: AuthContext, limit: RateLimit, subject: string, caller: Caller): Promise<boolean> {
  const key = countsByCaller(context) ? `${subject} ${caller.key()}` : subject;
  return hasToken(context.db, limit, key, context.clock.now());
}

/** Whether this caller may have one more mail sent to somebody; always, where callers are not counted. */
export async function mayAsk(context: AuthContext, limit: RateLimit, caller: Caller): Promise<boolean> {
  return !countsByCaller(context) || takeToken(context.db, limit, caller.key(), context.clock.now());
}

function countsByCaller({ settings }: AuthContext): boolean {
  return !settings.strict && settings.ipLimits;
}

function byEverybody(limit: RateLimit): RateLimit {
  return { kind: `${limit.kind}_by_everybody`, capacity: limit.capacity * 10, interval: limit.interval / 10 };
}

/** The same for passwords, which also stop working after too many wrong ones in a row. */
export async function mayTryPassword(context: AuthContext, userId: string, caller: Caller): Promise<boolean> {
  if (!(await mayGuess(context, passwordAttempts, userId, caller))) return false;
  return context.settings.strict || countPasswordTry(context.db, userId, mostTries, context.clock.now());
}

/** A right password, or a reset one, starts the count anew. */
export async function passwordWasRight(context: AuthContext, userId: string): Promise<void> {
  if (!context.settings.strict) await forgetPasswordTries(context.db, userId);
}
