import {
  type Bucket,
  hasToken,
  returnToken,
  runSteps,
  type Token,
  takingToken,
  tokensOfCaller,
} from "@anteroom/shared/runtime/rate-limits";
import type { AuthContext } from "../context.ts";
import type { Caller } from "../http/caller.ts";
import { countsByCaller } from "./guesses.ts";
import { faroeLimits, limits } from "./limits.ts";

/** A mail with a code that somebody asks for. Each purpose has buckets of its own: none can be used up by way of another. */
export type MailPurpose = "signup" | "update" | "reset" | "direct reset";

export interface AskedMail {
  purpose: MailPurpose;
  /** Where it goes. */
  address: string;
  caller: Caller;
  /** Who asks, where that is somebody signed in. */
  userId?: string;
}

const buckets: Record<MailPurpose, { own: Bucket; everybodys: Bucket }> = {
  signup: { own: limits.signupMailsByCaller, everybodys: limits.signupMails },
  update: { own: limits.updateMailsByUser, everybodys: limits.updateMails },
  reset: { own: limits.resetMailsByCaller, everybodys: limits.resetMails },
  "direct reset": { own: limits.resetMailsByCaller, everybodys: limits.directResetMails },
};

/** What a mail costs: of the asker's own first, so that nobody spends much of what all share. */
function priceOf(context: AuthContext, { purpose, address, caller, userId }: AskedMail): Token[] {
  if (context.settings.strict) return [{ limit: faroeLimits.sentCodes, key: address }];
  if (caller.isSite()) return [{ limit: limits.siteMails, key: address }];
  const { own, everybodys } = buckets[purpose];
  const shared = { limit: everybodys, key: address };
  if (userId !== undefined) return [{ limit: own, key: userId }, shared];
  return countsByCaller(context) ? [{ limit: own, key: `${address} ${caller.key()}` }, shared] : [shared];
}

/** One statement. */
export function payForMail(context: AuthContext, mail: AskedMail): Promise<boolean> {
  const now = context.clock.now();
  return runSteps(
    context.db,
    priceOf(context, mail).map((token) => takingToken(token, now)),
  );
}

/** Why a mail was refused: not because this caller asked for too many. */
export async function isOnlySharedEmpty(context: AuthContext, mail: AskedMail): Promise<boolean> {
  const [own] = priceOf(context, mail);
  return countsByCaller(context) && own !== undefined && hasToken(context.db, own.limit, own.key, context.clock.now());
}

/** In Faroe a mail that was never sent has cost its token all the same. */
export async function giveBackMail(context: AuthContext, mail: AskedMail): Promise<void> {
  if (context.settings.strict) return;
  for (const { limit, key } of priceOf(context, mail)) await returnToken(context.db, limit, key);
}

/** Whether this caller may ask for one more reset, whomever it is for. */
export async function mayAskForReset(context: AuthContext, caller: Caller): Promise<boolean> {
  if (!countsByCaller(context) || caller.isSite()) return true;
  const now = context.clock.now();
  const tokens = tokensOfCaller(limits.resetsByCaller, caller.key());
  return runSteps(
    context.db,
    tokens.map((token) => takingToken(token, now)),
  );
}
