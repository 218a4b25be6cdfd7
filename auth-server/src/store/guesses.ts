import type { Step, Token } from "@anteroom/shared/runtime/rate-limits";
import { type Kysely, sql } from "kysely";
import { type GuessLimit, guessLimits } from "../limits.ts";
import type { AuthDatabase } from "./database.ts";

type Db = Kysely<AuthDatabase>;

/** Guesses in a row at something of a subject, as far as one caller or device made them; all together where `who` is empty. */
export interface Guesses {
  limit: GuessLimit;
  subject: string;
  who: string;
}

const day = 86_400;

/**
 * Counts one more guess, unless it comes before its wait is over or there were too many. Returns how many there are.
 *
 * A count is forgotten after a quiet time: a day after a single guess, twice as long after each further one, 30 days at
 * most. Whoever tries one password each on many addresses leaves no row behind for long.
 */
export function countingGuess({ limit, subject, who }: Guesses, now: number): Step {
  const isForgotten = sql`guesses.forget_at <= ${now}::bigint`;
  const wait = sql`case when guesses.tries < ${limit.free}::integer then 0
    else least(3600, 30 * 2 ^ least(guesses.tries - ${limit.free}::integer, 7)) end`;
  return (source) => sql`insert into guesses (kind, subject, who, tries, last_at, forget_at)
    select ${limit.kind}::text, ${subject}::text, ${who}::text, 1, ${now}::bigint, ${now + day}::bigint ${source} where true
    on conflict (kind, subject, who) do update
    set tries = case when ${isForgotten} then 1 else guesses.tries + 1 end,
      last_at = excluded.last_at,
      forget_at = ${now}::bigint + ${day} * least(30, 2 ^ least(guesses.tries, 5))::bigint
    where ${isForgotten}
      or (guesses.tries < ${limit.most}::integer and guesses.last_at + ${wait} <= ${now}::bigint)
    returning tries as step`;
}

/** Whether one of these has come to its end. */
export async function isUsedUp(db: Db, guesses: readonly Guesses[], now: number): Promise<boolean> {
  const found = await db
    .selectFrom("guesses")
    .select("kind")
    .where("forget_at", ">", now)
    .where((eb) =>
      eb.or(
        guesses.map(({ limit, subject, who }) =>
          eb.and([
            eb("kind", "=", limit.kind),
            eb("subject", "=", subject),
            eb("who", "=", who),
            eb("tries", ">=", limit.most),
          ]),
        ),
      ),
    )
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

const passwordKinds = [
  guessLimits.password.kind,
  guessLimits.passwordByCaller.kind,
  guessLimits.passwordByDevice.kind,
] as const;

/** What a right password begins anew, and gives back. */
export interface PasswordPayment {
  userId: string;
  guesses: readonly Guesses[];
  token: Token | undefined;
}

export function forgettingGuesses(db: Pick<Db, "deleteFrom">, { userId, guesses }: PasswordPayment) {
  return db
    .deleteFrom("guesses")
    .where("kind", "in", passwordKinds)
    .where("subject", "=", userId)
    .where(sql<boolean>`who = any(${guesses.map(({ who }) => who)}::text[])`);
}

/** A reset ends what anybody did to the old password, but for what strangers have to wait. */
export async function forgetGuessesOnReset(db: Db, userId: string, caller: string): Promise<void> {
  await db
    .deleteFrom("guesses")
    .where("subject", "=", userId)
    .where((eb) =>
      eb.or([eb("kind", "in", [guessLimits.password.kind, guessLimits.passwordByDevice.kind]), eb("who", "=", caller)]),
    )
    .execute();
}
