import { noteSubject } from "@anteroom/shared/runtime/http/request-scope";
import type { AuthResult, Session as WireSession } from "@anteroom/shared/wire/faroe";
import { largestCounter, type User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import { createCredential, isRightSecret, parseToken, type TokenParts } from "../credentials.ts";
import type { Caller } from "../http/caller.ts";
import { done, failure, success } from "../result.ts";
import {
  deleteEndedSessions,
  deleteSessionRow,
  findSession,
  findSessionWithUser,
  listSessionsOfUser,
  type NewSession,
  recordSessionUse,
  type Session,
  type UserStanding,
} from "../store/sessions.ts";
import { isActive, isRefusedEarly } from "./user-objects.ts";

/** Seconds between two records of a session's use. */
const activityInterval = 60;

/**
 * Runs for every page that a signed-in person opens: one query, and no question to the user server while it is fresh.
 * Users of the local store are looked at every time, with the same query.
 */
export async function getSession(
  context: AuthContext,
  args: { session_token: string },
): Promise<AuthResult<"get_session">> {
  const valid = await (context.settings.userStore === "local"
    ? findValidLocalSession(context, args.session_token)
    : findValidSession(context, args.session_token, context.userCache.recall));
  return valid ? success({ session: toWire(context, valid.session) }) : failure("invalid_session_token");
}

export async function deleteSession(
  context: AuthContext,
  args: { session_token: string },
): Promise<AuthResult<"delete_session">> {
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid || !(await deleteSessionRow(context.db, valid.session.id))) return failure("invalid_session_token");
  return done;
}

export async function deleteAllSessions(
  context: AuthContext,
  args: { session_token: string },
): Promise<AuthResult<"delete_all_sessions">> {
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  const { id, sessions_counter: counter } = valid.user;
  if (counter >= largestCounter) throw new Error("The user's sessions counter is at its limit.");
  const changed = await context.users.incrementUserSessionsCounter(id, counter);
  context.userCache.forget(id);
  if (!changed) return failure("internal_conflict");
  // The counter has ended them; without their rows no other instance with an older look at the user lets them live on.
  await deleteEndedSessions(context.db, id, counter);
  return done;
}

export async function listSessions(
  context: AuthContext,
  args: { session_token: string },
): Promise<AuthResult<"list_sessions">> {
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  const { session: current, user } = valid;
  const sessions = await listSessionsOfUser(context.db, user.id);
  const living = sessions.filter((session) => !hasExpired(context, session) && isCurrent(context, user, session));
  return success({
    sessions: living.map((session) => ({
      id: session.id,
      created_at: session.createdAt,
      last_active_at: session.lastActiveAt,
      user_agent: session.userAgent,
      current: session.id === current.id,
    })),
  });
}

export async function endSession(
  context: AuthContext,
  args: { session_token: string; session_id: string },
): Promise<AuthResult<"end_session">> {
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  return (await deleteSessionRow(context.db, args.session_id, valid.user.id)) ? done : failure("session_not_found");
}

/** The session of a token, and its user as `look` sees it. Deletes what has expired or been ended. */
export async function findValidSession(
  context: AuthContext,
  token: string,
  look: (userId: string) => Promise<User | undefined>,
): Promise<{ session: Session; user: User } | undefined> {
  const parts = parseToken(token);
  const session = parts && (await findSession(context.db, parts.id));
  if (!session || isRefusedEarly(context.settings, session.secretHash, parts)) return undefined;
  const user = hasExpired(context, session) ? undefined : await lookUntilCurrent(context, session, look);
  return confirm(context, parts, session, user);
}

async function findValidLocalSession(context: AuthContext, token: string): Promise<{ session: Session } | undefined> {
  const parts = parseToken(token);
  const found = parts && (await findSessionWithUser(context.db, parts.id));
  if (!found || isRefusedEarly(context.settings, found.session.secretHash, parts)) return undefined;
  return confirm(context, parts, found.session, hasExpired(context, found.session) ? undefined : found.user);
}

/** Deletes a session that `user`, undefined when it has expired, does not stand for any more. */
async function confirm<Standing extends UserStanding>(
  context: AuthContext,
  parts: TokenParts,
  session: Session,
  user: Standing | undefined,
): Promise<{ session: Session; user: Standing } | undefined> {
  if (!isCurrent(context, user, session)) {
    if (!mayFollow(context, user, session)) await deleteSessionRow(context.db, session.id);
    return undefined;
  }
  // In default mode it was looked at before anything else.
  if (context.settings.strict && !isRightSecret(session.secretHash, parts)) return undefined;
  noteSubject({ user: session.userId });
  const now = context.clock.now();
  if (now - session.lastActiveAt >= activityInterval)
    await recordSessionUse(context.db, session.id, now, now - activityInterval);
  return { session, user };
}

/** What was remembered of a user may be older than the session, so it can confirm a session but not end one. */
async function lookUntilCurrent(
  context: AuthContext,
  session: Session,
  look: (userId: string) => Promise<User | undefined>,
): Promise<User | undefined> {
  const user = await look(session.userId);
  return isCurrent(context, user, session) || look === context.userCache.look
    ? user
    : context.userCache.look(session.userId);
}

/** A session ends with the password it was opened under; in Faroe, and so in strict mode, it does not. */
function isCurrent<Standing extends UserStanding>(
  { settings }: AuthContext,
  user: Standing | undefined,
  session: Session,
): user is Standing {
  return (
    isActive(user, session) &&
    user.sessions_counter === session.userSessionsCounter &&
    (settings.strict || user.password_hash_counter === session.userPasswordHashCounter)
  );
}

/**
 * Whether only the password is another. The session may be the one it was changed in, which is moved to the new one a
 * moment after the user: refused until then, but not deleted.
 */
function mayFollow({ settings }: AuthContext, user: UserStanding | undefined, session: Session): boolean {
  return !settings.strict && isActive(user, session) && user.sessions_counter === session.userSessionsCounter;
}

function hasExpired({ settings, clock }: AuthContext, session: Session): boolean {
  const now = clock.now();
  const end = settings.expiration.session;
  return (end > 0 && now >= session.createdAt + end) || now >= session.lastActiveAt + settings.sessionInactivity;
}

/** A session to be stored, the token that opens it, and what the caller is told. */
export function prepareSession(context: AuthContext, user: User, caller: Caller) {
  noteSubject({ user: user.id });
  const { id, secretHash, token } = createCredential(context.settings);
  const session: NewSession = {
    id,
    secretHash,
    userId: user.id,
    userDisabledCounter: user.disabled_counter,
    userSessionsCounter: user.sessions_counter,
    userPasswordHashCounter: user.password_hash_counter,
    createdAt: context.clock.now(),
    userAgent: caller.userAgent(),
  };
  return { session, values: { session: toWire(context, session), session_token: token } };
}

function toWire({ settings }: AuthContext, session: Omit<NewSession, "userAgent">): WireSession {
  const end = settings.expiration.session;
  return {
    id: session.id,
    user_id: session.userId,
    created_at: session.createdAt,
    expires_at: end > 0 ? session.createdAt + end : null,
  };
}
