import {
  type Bucket,
  hasToken,
  runInTurn,
  type Step,
  takeToken,
  takingToken,
} from "@anteroom/shared/runtime/rate-limits";
import type { Caller } from "./caller.ts";
import type { AuthContext } from "./context.ts";
import { limits } from "./limits.ts";
import { countingPasswordTry, forgetPasswordTries } from "./store/password-tries.ts";

/** Tries without a right one, after which a password is of no use until it is reset (NIST SP 800-63B 3.2.2). */
const mostTries = 100;

/**
 * Whether a guess may be made at something of `subject`, a user or an address; it is paid for before it is looked at,
 * so that guesses made at once count too.
 *
 * In Faroe everybody shares the subject's bucket, so five wrong guesses by anyone lock the owner out. Here every caller's
 * address has a bucket of its own, of the same size, and a larger one bounds all of them together.
 */
export function mayGuess(context: AuthContext, limit: Bucket, subject: string, caller: Caller): Promise<boolean> {
  return runInTurn(context.db, payingForGuess(context, limit, subject, caller));
}

function payingForGuess(context: AuthContext, limit: Bucket, subject: string, caller: Caller): Step[] {
  const now = context.clock.now();
  if (!countsByCaller(context)) return [takingToken({ limit, key: subject }, now)];
  return [
    takingToken({ limit, key: `${subject} ${caller.key()}` }, now),
    takingToken({ limit: byEverybody(limit), key: subject }, now),
  ];
}

/** Whether a guess could be made, making none. */
export function couldGuess(context: AuthContext, limit: Bucket, subject: string, caller: Caller): Promise<boolean> {
  const key = countsByCaller(context) ? `${subject} ${caller.key()}` : subject;
  return hasToken(context.db, limit, key, context.clock.now());
}

/** Whether this caller may have one more mail sent to somebody; always, where callers are not counted. */
export async function mayAsk(context: AuthContext, limit: Bucket, caller: Caller): Promise<boolean> {
  return !countsByCaller(context) || takeToken(context.db, limit, caller.key(), context.clock.now());
}

function countsByCaller({ settings }: AuthContext): boolean {
  return !settings.strict && settings.ipLimits;
}

function byEverybody(limit: Bucket): Bucket {
  return { kind: `${limit.kind}_by_everybody`, capacity: limit.capacity * 10, interval: limit.interval / 10 };
}

/** The same for passwords, which also stop working after too many wrong ones in a row. One statement. */
export function mayTryPassword(context: AuthContext, userId: string, caller: Caller): Promise<boolean> {
  const payment = payingForGuess(context, limits.passwordAttempts, userId, caller);
  const tries = context.settings.strict ? [] : [countingPasswordTry(userId, mostTries, context.clock.now())];
  return runInTurn(context.db, [...payment, ...tries]);
}

/** A right password, or a reset one, starts the count anew. */
export async function passwordWasRight(context: AuthContext, userId: string): Promise<void> {
  if (!context.settings.strict) await forgetPasswordTries(context.db, userId);
}
