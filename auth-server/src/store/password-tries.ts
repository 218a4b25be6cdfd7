import type { Step } from "@anteroom/shared/runtime/rate-limits";
import { type Kysely, sql } from "kysely";
import type { AuthDatabase } from "./database.ts";

type Db = Kysely<AuthDatabase>;

/** Counts one more try, unless there were `limit` already. */
export function countingPasswordTry(userId: string, limit: number, now: number): Step {
  return (source) => sql`insert into password_tries (user_id, tries, last_at)
    select ${userId}::text, 1, ${now}::bigint ${source} where true
    on conflict (user_id) do update
    set tries = password_tries.tries + 1, last_at = excluded.last_at
    where password_tries.tries < ${limit}::integer
    returning 1`;
}

export async function forgetPasswordTries(db: Db, userId: string): Promise<void> {
  await db.deleteFrom("password_tries").where("user_id", "=", userId).execute();
}
