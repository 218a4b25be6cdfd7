import { CompiledQuery, type Kysely } from "kysely";
import type { AuthDatabase, SessionTable } from "./database.ts";

type Db = Kysely<AuthDatabase>;

export interface Session {
  id: string;
  secretHash: Uint8Array;
  userId: string;
  userDisabledCounter: number;
  userSessionsCounter: number;
  createdAt: number;
  lastActiveAt: number;
}

export type NewSession = Omit<Session, "lastActiveAt">;

/** Written out, because it runs for every look at a session and building it anew would cost more than running it. */
const findById = `select id, secret_hash, user_id, user_disabled_counter, user_sessions_counter, created_at, last_active_at
  from sessions where id = $1`;

export async function findSession(db: Db, id: string): Promise<Session | undefined> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(findById, [id]) as CompiledQuery<SessionTable>);
  const row = rows[0];
  if (row === undefined) return undefined;
  return {
    id: row.id,
    secretHash: row.secret_hash,
    userId: row.user_id,
    userDisabledCounter: row.user_disabled_counter,
    userSessionsCounter: row.user_sessions_counter,
    createdAt: row.created_at,
    lastActiveAt: row.last_active_at,
  };
}

/** Records a use unless another caller did so since `before`. */
export async function recordSessionUse(db: Db, id: string, now: number, before: number): Promise<void> {
  await db
    .updateTable("sessions")
    .set({ last_active_at: now })
    .where("id", "=", id)
    .where("last_active_at", "<=", before)
    .execute();
}

/** False when it was gone. */
export async function deleteSessionRow(db: Db, id: string): Promise<boolean> {
  const { numDeletedRows } = await db.deleteFrom("sessions").where("id", "=", id).executeTakeFirst();
  return numDeletedRows === 1n;
}

export async function deleteSessionsOfUser(db: Db, userId: string): Promise<void> {
  await db.deleteFrom("sessions").where("user_id", "=", userId).execute();
}

/** Deletes the sessions that began before the user's sessions were last ended. */
export async function deleteEndedSessions(db: Db, userId: string, endedCounter: number): Promise<void> {
  await db
    .deleteFrom("sessions")
    .where("user_id", "=", userId)
    .where("user_sessions_counter", "<=", endedCounter)
    .execute();
}

export function toSessionRow(session: NewSession): SessionTable {
  return {
    id: session.id,
    secret_hash: session.secretHash,
    user_id: session.userId,
    user_disabled_counter: session.userDisabledCounter,
    user_sessions_counter: session.userSessionsCounter,
    created_at: session.createdAt,
    last_active_at: session.createdAt,
  };
}
