import { returnTokens, runInTurn, type Token, takingToken } from "@anteroom/shared/runtime/rate-limits";
import { currentRequest } from "@anteroom/shared/runtime/request-scope";
import type { AppContext } from "../context.ts";
import { limits } from "../limits.ts";
import { type Problem, tooManyRequests } from "../problems.ts";

export type Guess<T> = { is: "right"; value: T } | { is: "wrong" } | { is: "refused"; problem: Problem };

/**
 * A guess at a mailed code, which `look` compares. It is paid for before it is looked at, so that guesses made at once
 * count too, and a right one is given back. Who guesses wrong is out of turn, not whose code it is: each caller has a
 * bucket for each address, and behind them is one so large that a thousand callers do not empty it.
 */
export async function guessCode<T>(
  context: AppContext,
  subject: string,
  look: () => Promise<T | undefined>,
): Promise<Guess<T>> {
  const tokens = tokensOf(context, subject);
  const now = context.clock.now();
  if (
    !(await runInTurn(
      context.db,
      tokens.map((token) => takingToken(token, now)),
    ))
  )
    return { is: "refused", problem: tooManyRequests(limits.codesByCaller.interval) };
  const value = await look();
  if (value === undefined) return { is: "wrong" };
  await returnTokens(context.db, tokens);
  return { is: "right", value };
}

function tokensOf({ settings }: AppContext, subject: string): Token[] {
  const caller = settings.ipLimits ? (currentRequest()?.caller ?? "") : "everybody";
  return [
    { limit: limits.codesByCaller, key: `${subject} ${caller}` },
    { limit: limits.codes, key: subject },
  ];
}
