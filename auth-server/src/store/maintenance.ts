import { deleteInBatches } from "@anteroom/shared/runtime/batches";
import { purgeGuesses } from "@anteroom/shared/runtime/guesses";
import { purgeRateLimits } from "@anteroom/shared/runtime/rate-limits";
import { type Kysely, sql } from "kysely";
import type { AuthDatabase } from "./database.ts";

type Db = Kysely<AuthDatabase>;

export interface Limits {
  now: number;
  /** Sessions created then or earlier have ended; undefined when they have no absolute end. */
  oldestSession: number | undefined;
  /** Sessions last used then or earlier have ended. */
  oldestUse: number;
}

/** Deletes what has expired, and buckets that are full again. Each step finds its rows by an index. */
export async function purgeExpired(db: Db, { now, oldestSession, oldestUse }: Limits): Promise<void> {
  await deleteInBatches(db, "signups", sql`expires_at <= ${now}`);
  await deleteInBatches(db, "signins", sql`expires_at <= ${now}`);
  await deleteInBatches(db, "user_changes", sql`expires_at <= ${now}`);
  if (oldestSession !== undefined) await deleteInBatches(db, "sessions", sql`created_at <= ${oldestSession}`);
  await deleteInBatches(db, "sessions", sql`last_active_at <= ${oldestUse}`);
  await purgeGuesses(db, now);
  await purgeRateLimits(db, now);
}

/** Whether codes have been sealed in this database. */
export async function isInUse(db: Db): Promise<boolean> {
  const { rows } = await sql<{ in_use: boolean }>`
    select exists (select from signups) or exists (select from user_changes) as in_use`.execute(db);
  return rows[0]?.in_use ?? false;
}

/** For the test command `reset`. */
export async function deleteEverything(db: Db): Promise<void> {
  await db.deleteFrom("signups").execute();
  await db.deleteFrom("signins").execute();
  await db.deleteFrom("sessions").execute();
  await db.deleteFrom("user_changes").execute();
  await db.deleteFrom("users").execute();
  await db.deleteFrom("guesses").execute();
  await db.deleteFrom("rate_limits").execute();
}

/** The user's password was hashed anew, and its counter went up by one: everything open under it follows. */
export async function updateHashCounters(db: Db, userId: string, from: number): Promise<void> {
  const next = { user_password_hash_counter: from + 1 };
  await db
    .with("sessions_moved", (sessions) =>
      sessions
        .updateTable("sessions")
        .set(next)
        .where("user_id", "=", userId)
        .where("user_password_hash_counter", "=", from),
    )
    .with("changes_moved", (changes) =>
      changes
        .updateTable("user_changes")
        .set(next)
        .where("user_id", "=", userId)
        .where("user_password_hash_counter", "=", from),
    )
    .updateTable("signins")
    .set(next)
    .where("user_id", "=", userId)
    .where("user_password_hash_counter", "=", from)
    .execute();
}
