import {
  countingGuess,
  forgettingGuesses,
  type Guesses,
  guessesOfCaller,
  secondsToWait,
} from "@anteroom/shared/runtime/guesses";
import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import { returnTokens, runSteps, type Token, takingToken } from "@anteroom/shared/runtime/rate-limits";
import type { AppContext } from "./context.ts";
import { codesWithoutCallers, guessLimits, limits } from "./limits.ts";
import { type Refusal, tooManyRequests } from "./outcome.ts";

export type Guess<T> =
  | { is: "right"; value: T }
  | { is: "wrong" }
  | { is: "refused"; refusal: Refusal<"rate_limited"> };

/**
 * A guess at a mailed code, which `look` compares. It is counted before it is compared, so that guesses made at once
 * count too; a right one sets the count back. Whoever guesses wrong has to wait, longer each time. The owner of the code
 * does not: each caller and each network has a count of its own for each address. Behind these counts stands one bucket
 * for all callers together, too large for a thousand callers to empty.
 */
export async function guessCode<T>(
  context: AppContext,
  subject: string,
  look: () => Promise<T | undefined>,
): Promise<Guess<T>> {
  const { db, clock } = context;
  const { guesses, token } = priceOf(context, subject);
  const now = clock.now();
  if (!(await runSteps(db, [...guesses.map((guess) => countingGuess(guess, now)), takingToken(token, now)])))
    return { is: "refused", refusal: tooManyRequests((await secondsToWait(db, guesses, now)) || token.limit.interval) };
  const value = await look();
  if (value === undefined) return { is: "wrong" };
  await forgettingGuesses(db, guesses).execute();
  await returnTokens(db, [token]);
  return { is: "right", value };
}

function priceOf({ settings }: AppContext, subject: string): { guesses: Guesses[]; token: Token } {
  if (!settings.ipLimits) return { guesses: [], token: { limit: codesWithoutCallers, key: subject } };
  const caller = currentRequest()?.caller ?? "";
  return {
    guesses: guessesOfCaller(guessLimits.code, subject, caller),
    token: { limit: limits.codes, key: subject },
  };
}
