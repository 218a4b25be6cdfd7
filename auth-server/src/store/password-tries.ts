import { type Kysely, sql } from "kysely";
import type { AuthDatabase } from "./database.ts";

type Db = Kysely<AuthDatabase>;

/** Counts one more try; false, and nothing counted, when there were `limit` already. */
export async function countPasswordTry(db: Db, userId: string, limit: number, now: number): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("password_tries")
    .values({ user_id: userId, tries: 1, last_at: now })
    .onConflict((conflict) =>
      conflict
        .column("user_id")
        .doUpdateSet({ tries: sql`password_tries.tries + 1`, last_at: now })
        .where("password_tries.tries", "<", limit),
    )
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

export async function forgetPasswordTries(db: Db, userId: string): Promise<void> {
  await db.deleteFrom("password_tries").where("user_id", "=", userId).execute();
}
