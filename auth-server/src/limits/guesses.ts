import {
  countingGuess,
  forgettingGuesses,
  type Guesses,
  type GuessLimit,
  guessesOfCaller,
} from "@anteroom/shared/runtime/guesses";
import {
  type Bucket,
  hasToken,
  readSteps,
  runSteps,
  type Token,
  takeToken,
  takingToken,
  tokensOfCaller,
} from "@anteroom/shared/runtime/rate-limits";
import type { User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import type { Caller } from "../http/caller.ts";
import { failure } from "../result.ts";
import { isUsedUp, type PasswordPayment } from "../store/guesses.ts";
import { faroeLimits, guessLimits, limits } from "./limits.ts";

/**
 * Guesses at secrets. Each is paid for before it is looked at, so that guesses made at once count too. In Faroe everybody
 * shares a subject's bucket, so five wrong guesses by anyone lock the owner out; here who guesses wrong waits, and nobody
 * else (decision 013).
 */

/** Whom something is counted for: a device or session that has shown the password before, or the caller's address. */
export interface Claimant {
  who: string;
  isKnown: boolean;
  /** Whose places in the line of hashes are counted: a known user's, on however many devices, or the caller's network's. */
  payer: string;
}

/** Whose secret is guessed at, and which password is theirs just now, if they have one. */
export interface Subject {
  id: string;
  passwordHashCounter?: number;
}

/** Undefined where callers are not counted: in strict mode, and with AUTH_IP_LIMITS=off. */
export function claimantOf(
  context: AuthContext,
  caller: Caller,
  subject: Subject,
  sessionId?: string,
): Claimant | undefined {
  if (!countsByCaller(context)) return undefined;
  const payer = `user ${subject.id}`;
  const device = caller.device(subject);
  if (device !== undefined) return { who: `device ${device}`, isKnown: true, payer };
  if (sessionId !== undefined) return { who: `session ${sessionId}`, isKnown: true, payer };
  return { who: caller.key(), isKnown: false, payer: caller.network() };
}

export function countsByCaller({ settings }: Pick<AuthContext, "settings">): boolean {
  return !settings.strict && settings.ipLimits;
}

/** A guess at a password that is paid for. */
export interface PaidGuess extends PasswordPayment {
  /** There is none after it, unless it is right. */
  isLast: boolean;
}

/** One statement, unless it is refused. */
export async function payForPassword(
  context: AuthContext,
  userId: string,
  claimant: Claimant | undefined,
): Promise<({ ok: true } & PaidGuess) | { ok: false; error: "rate_limited" | "password_locked" }> {
  const { db, clock } = context;
  const now = clock.now();
  const { tokens, guesses } = priceOfPassword(context, userId, claimant);
  const steps = await readSteps(db, [
    ...tokens.map((token) => takingToken(token, now)),
    ...guesses.map((guess) => countingGuess(guess, now)),
  ]);
  if (steps === undefined)
    return failure(guesses.length > 0 && (await isUsedUp(db, guesses, now)) ? "password_locked" : "rate_limited");
  const counts = steps.slice(tokens.length);
  const isLast = guesses.some(({ limit }, index) => (counts[index] ?? 0) >= limit.most);
  return { ok: true, userId, guesses, tokens: claimant ? tokens : [], isLast };
}

function priceOfPassword(
  { settings }: AuthContext,
  userId: string,
  claimant: Claimant | undefined,
): { tokens: Token[]; guesses: Guesses[] } {
  const of = (limit: GuessLimit, who: string) => ({ limit, subject: userId, who });
  const everybodys = of(guessLimits.password, "");
  if (claimant === undefined)
    return {
      tokens: [{ limit: faroeLimits.passwordAttempts, key: userId }],
      guesses: settings.strict ? [] : [everybodys],
    };
  const { who, isKnown } = claimant;
  if (isKnown)
    return { tokens: [], guesses: [of(guessLimits.passwordByDevice, who), of(guessLimits.passwordByDevices, "")] };
  return {
    tokens: tokensOfCaller(limits.passwordsByCaller, who),
    guesses: [...guessesOfCaller(guessLimits.passwordByCaller, userId, who), everybodys],
  };
}

/** What the beginning of a sign-in costs: known devices of a user have a bucket together. */
export function priceOfSignin({ who, isKnown, payer }: Claimant): Token[] {
  return isKnown ? [{ limit: limits.signinsByCaller, key: payer }] : tokensOfCaller(limits.signinsByCaller, who);
}

/** The last that somebody has, or all: the owner is told how to get in, once a day. Whose account it is not takes as long. */
export async function passwordWasWrong(context: AuthContext, guess: PaidGuess, user: User | undefined): Promise<void> {
  if (!guess.isLast) return;
  context.events.record("authn_login_lock", { user: guess.userId });
  const isFirstToday = await takeToken(context.db, limits.lockMails, guess.userId, context.clock.now());
  if (!user || !isFirstToday) return;
  const { email_address: email, display_name: displayName } = user;
  await context.mailer.notify({ type: "password_locked", email, ...(displayName === "" ? {} : { displayName }) });
}

/** A right password begins the counts anew that it was paid from. */
export async function passwordWasRight(context: AuthContext, guess: PaidGuess): Promise<void> {
  if (guess.guesses.length > 0) await forgettingGuesses(context.db, guess.guesses).execute();
}

/** Whether the code of a sign-up may be guessed at. Counted by address, so that a new code gives no more tries. */
export function mayGuessCode(context: AuthContext, emailAddress: string, caller: Caller): Promise<boolean> {
  return mayGuess(context, emailAddress, caller.key(), {
    faroe: faroeLimits.codeAttempts,
    byCaller: guessLimits.codeByCaller,
    byEverybody: limits.codes,
  });
}

/** Under which the guesses of whoever shows a mailed link are counted. */
export const linkOf = (resetId: string) => `link ${resetId}`;

/** Only who reads the mail can show its link, so the link has tries of its own that no stranger can spend. */
export function mayGuessTemporaryPassword(
  context: AuthContext,
  of: { userId: string; resetId: string },
  caller: Caller,
): Promise<boolean> {
  return mayGuess(context, of.userId, caller.isByLink() ? linkOf(of.resetId) : caller.key(), {
    faroe: faroeLimits.temporaryPasswordAttempts,
    byCaller: guessLimits.temporaryPasswordByCaller,
    byEverybody: limits.temporaryPasswords,
  });
}

/** Whether a member may guess at the code that was mailed to a new address of theirs. */
export function mayGuessUpdateCode(context: AuthContext, userId: string, newEmailAddress: string): Promise<boolean> {
  const now = context.clock.now();
  return runSteps(context.db, [
    context.settings.strict
      ? takingToken({ limit: faroeLimits.codeAttempts, key: newEmailAddress }, now)
      : countingGuess({ limit: guessLimits.updateCode, subject: userId, who: "" }, now),
  ]);
}

function mayGuess(
  context: AuthContext,
  subject: string,
  who: string,
  limit: { faroe: Bucket; byCaller: GuessLimit; byEverybody: Bucket },
): Promise<boolean> {
  const now = context.clock.now();
  if (!countsByCaller(context)) return runSteps(context.db, [takingToken({ limit: limit.faroe, key: subject }, now)]);
  return runSteps(context.db, [
    ...guessesOfCaller(limit.byCaller, subject, who).map((guess) => countingGuess(guess, now)),
    takingToken({ limit: limit.byEverybody, key: subject }, now),
  ]);
}

/** In Faroe too many guesses stop further mails too. Here who guesses too often waits, and the owner's mails go on. */
export async function couldGuess(context: AuthContext, limit: Bucket, subject: string): Promise<boolean> {
  return countsByCaller(context) || hasToken(context.db, limit, subject, context.clock.now());
}
