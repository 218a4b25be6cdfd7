import type { User } from "@anteroom/shared/wire/user-server";
import { CompiledQuery, type Insertable, type Kysely, type Selectable } from "kysely";
import type { AuthDatabase, SessionTable } from "./database.ts";

type Db = Kysely<AuthDatabase>;

export interface Session {
  id: string;
  secretHash: Uint8Array;
  userId: string;
  userDisabledCounter: number;
  userSessionsCounter: number;
  userPasswordHashCounter: number;
  createdAt: number;
  lastActiveAt: number;
}

export type NewSession = Omit<Session, "lastActiveAt"> & { userAgent: string };

/** What of a user decides whether a session of theirs still holds. */
export type UserStanding = Pick<
  User,
  "id" | "disabled" | "disabled_counter" | "sessions_counter" | "password_hash_counter"
>;

// Written out, because one of them runs for every look at a session and building it anew would cost more than running it.
const columns = `session.id, session.secret_hash, session.user_id, session.user_disabled_counter,
  session.user_sessions_counter, session.user_password_hash_counter, session.created_at, session.last_active_at`;
const findById = `select ${columns} from sessions as session where session.id = $1`;
const findByIdWithUser = `select ${columns}, "user".disabled, "user".disabled_counter, "user".sessions_counter,
  "user".password_hash_counter
  from sessions as session left join users as "user" on "user".id = session.user_id where session.id = $1`;

export async function findSession(db: Db, id: string): Promise<Session | undefined> {
  const { rows } = await db.executeQuery(CompiledQuery.raw(findById, [id]) as CompiledQuery<Selectable<SessionTable>>);
  const row = rows[0];
  return row && toSession(row);
}

/** A session and how its user stands now, where users live in the same database. */
export async function findSessionWithUser(
  db: Db,
  id: string,
): Promise<{ session: Session; user: UserStanding | undefined } | undefined> {
  type Row = Selectable<SessionTable> & (UserStanding | { disabled: null });
  const { rows } = await db.executeQuery(CompiledQuery.raw(findByIdWithUser, [id]) as CompiledQuery<Row>);
  const row = rows[0];
  if (row === undefined) return undefined;
  return { session: toSession(row), user: row.disabled === null ? undefined : { ...row, id: row.user_id } };
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

/** False when it was gone, or is not the given user's. */
export async function deleteSessionRow(db: Db, id: string, userId?: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("sessions")
    .where("id", "=", id)
    .$if(userId !== undefined, (sessions) => sessions.where("user_id", "=", userId ?? ""))
    .executeTakeFirst();
  return numDeletedRows === 1n;
}

/** Which of them have ended is for the caller to say. The latest used first, at most 200. */
export async function listSessionsOfUser(db: Db, userId: string): Promise<(Session & { userAgent: string })[]> {
  const rows = await db
    .selectFrom("sessions")
    .selectAll()
    .where("user_id", "=", userId)
    .orderBy("last_active_at", "desc")
    .limit(200)
    .execute();
  return rows.map((row) => ({ ...toSession(row), userAgent: row.user_agent }));
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

export async function insertSession(db: Db, session: NewSession): Promise<void> {
  await db.insertInto("sessions").values(toSessionRow(session)).execute();
}

/** After a change of password: one session goes on under the new one, all others end. */
export async function endOtherSessions(
  db: Db,
  userId: string,
  { keptSessionId, passwordHashCounter }: { keptSessionId: string; passwordHashCounter: number },
): Promise<void> {
  await db
    .with("kept", (sessions) =>
      sessions
        .updateTable("sessions")
        .set({ user_password_hash_counter: passwordHashCounter })
        .where("id", "=", keptSessionId)
        .where("user_id", "=", userId),
    )
    .deleteFrom("sessions")
    .where("user_id", "=", userId)
    .where("id", "<>", keptSessionId)
    .execute();
}

function toSession(row: Selectable<SessionTable>): Session {
  return {
    id: row.id,
    secretHash: row.secret_hash,
    userId: row.user_id,
    userDisabledCounter: row.user_disabled_counter,
    userSessionsCounter: row.user_sessions_counter,
    userPasswordHashCounter: row.user_password_hash_counter,
    createdAt: row.created_at,
    lastActiveAt: row.last_active_at,
  };
}

export function toSessionRow(session: NewSession): Insertable<SessionTable> & { user_agent: string } {
  return {
    id: session.id,
    secret_hash: session.secretHash,
    user_id: session.userId,
    user_disabled_counter: session.userDisabledCounter,
    user_sessions_counter: session.userSessionsCounter,
    user_password_hash_counter: session.userPasswordHashCounter,
    created_at: session.createdAt,
    last_active_at: session.createdAt,
    user_agent: session.userAgent,
  };
}
