import { forgettingGuesses } from "@anteroom/shared/runtime/guesses";
import { returningTokens, type Step } from "@anteroom/shared/runtime/rate-limits";
import { type Kysely, sql } from "kysely";
import type { AuthDatabase } from "./database.ts";
import type { PasswordPayment } from "./guesses.ts";
import { type NewSession, toSessionRow } from "./sessions.ts";

type Db = Kysely<AuthDatabase>;

export interface Signin {
  id: string;
  secretHash: Uint8Array;
  /** Undefined on a decoy. */
  userId: string | undefined;
  shownUserId: string;
  userPasswordHashCounter: number;
  userDisabledCounter: number;
  userFirstFactorVerified: boolean;
  createdAt: number;
  expiresAt: number;
}

/** One statement with what is paid for it. */
export function insertingSignin(signin: Omit<Signin, "userFirstFactorVerified">): Step {
  return (source) => sql`insert into signins (id, secret_hash, user_id, shown_user_id, user_password_hash_counter,
      user_disabled_counter, created_at, expires_at)
    select ${signin.id}::text, ${signin.secretHash}::bytea, ${signin.userId ?? null}::text, ${signin.shownUserId}::text,
      ${signin.userPasswordHashCounter}::integer, ${signin.userDisabledCounter}::integer,
      ${signin.createdAt}::bigint, ${signin.expiresAt}::bigint ${source} where true
    returning 1 as step`;
}

export async function findSignin(db: Db, id: string): Promise<Signin | undefined> {
  const row = await db.selectFrom("signins").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    id: row.id,
    secretHash: row.secret_hash,
    userId: row.user_id ?? undefined,
    shownUserId: row.shown_user_id,
    userPasswordHashCounter: row.user_password_hash_counter,
    userDisabledCounter: row.user_disabled_counter,
    userFirstFactorVerified: row.user_first_factor_verified,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  };
}

/** Begins the count of guesses anew, and gives back what the caller paid. False when it was verified already, or is gone. */
export async function markSigninVerified(db: Db, id: string, paid: PasswordPayment, now: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .with("forgotten", (guesses) => forgettingGuesses(guesses, paid.guesses))
    .with("given_back", () => sql`(${returningTokens(paid.tokens)})`)
    .updateTable("signins")
    .set({ user_first_factor_verified: true })
    .where("id", "=", id)
    .where("user_first_factor_verified", "=", false)
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** False when it was gone. */
export async function deleteSigninRow(db: Db, id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom("signins").where("id", "=", id).executeTakeFirst();
  return numDeletedRows === 1n;
}

/** The signin ends and the session begins in one statement. False when the signin was gone: no session then. */
export async function replaceSigninBySession(db: Db, signinId: string, session: NewSession): Promise<boolean> {
  const row = toSessionRow(session);
  const inserted = await db
    .with("ended", (signins) =>
      signins
        .deleteFrom("signins")
        .where("id", "=", signinId)
        .where("user_first_factor_verified", "=", true)
        .where("user_id", "=", session.userId)
        .where("expires_at", ">", session.createdAt)
        .returning("user_id"),
    )
    .insertInto("sessions")
    .columns([
      "user_id",
      "id",
      "secret_hash",
      "user_disabled_counter",
      "user_sessions_counter",
      "user_password_hash_counter",
      "created_at",
      "last_active_at",
      "user_agent",
    ])
    .expression((eb) =>
      eb
        .selectFrom("ended")
        .select((ended) => [
          "ended.user_id",
          ended.val(row.id).as("id"),
          ended.val(row.secret_hash).as("secret_hash"),
          ended.val(row.user_disabled_counter).as("user_disabled_counter"),
          ended.val(row.user_sessions_counter).as("user_sessions_counter"),
          ended.val(row.user_password_hash_counter).as("user_password_hash_counter"),
          ended.val(row.created_at).as("created_at"),
          ended.val(row.last_active_at).as("last_active_at"),
          ended.val(row.user_agent).as("user_agent"),
        ]),
    )
    .executeTakeFirst();
  return inserted.numInsertedOrUpdatedRows === 1n;
}
