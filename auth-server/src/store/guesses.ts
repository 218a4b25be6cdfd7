import type { Guesses } from "@anteroom/shared/runtime/guesses";
import type { Token } from "@anteroom/shared/runtime/rate-limits";
import type { Kysely } from "kysely";
import { guessLimits } from "../limits/limits.ts";
import type { AuthDatabase } from "./database.ts";

type Db = Kysely<AuthDatabase>;

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

/** What a right password begins anew, and gives back. */
export interface PasswordPayment {
  userId: string;
  guesses: readonly Guesses[];
  tokens: readonly Token[];
}

/** A reset ends what anybody did to the old password, but for what strangers have to wait. `callers`: whose reset it is. */
export async function forgetGuessesOnReset(db: Db, userId: string, callers: readonly string[]): Promise<void> {
  const ended = [guessLimits.password, guessLimits.passwordByDevice, guessLimits.passwordByDevices];
  await db
    .deleteFrom("guesses")
    .where("subject", "=", userId)
    .where((eb) =>
      eb.or([
        eb(
          "kind",
          "in",
          ended.map(({ kind }) => kind),
        ),
        eb("who", "in", callers),
      ]),
    )
    .execute();
}
