import type { PasswordReason } from "@anteroom/shared/wire/app/errors";
import type { SessionOverview } from "@anteroom/shared/wire/faroe";
import { checkPassword, refused, takeStep } from "../auth-server/as-visitor.ts";
import type { AppContext } from "../context.ts";
import { type Outcome, refuse, refuseWith } from "../outcome.ts";
import { deleteEmailChanges } from "./link-store.ts";

/** Seconds after signing in during which other sessions can be ended without the password. */
const recently = 600;

type NotListed = "invalid_session" | "not_supported" | "auth_server_unavailable";

/** All sessions of the person at the browser; the newest use first. An original Faroe lists none, and ends none but the caller's own. */
export async function listSessions(
  app: AppContext,
  session_token: string,
): Promise<Outcome<SessionOverview[], NotListed>> {
  const listed = await takeStep(app, "list_sessions", { session_token });
  if (!listed.ok) return listed.error === "not_taken" ? refuse("not_supported") : refused(listed.error);
  const sessions = listed.values.sessions as SessionOverview[];
  return { ok: true, values: sessions.sort((one, other) => other.last_active_at - one.last_active_at) };
}

/**
 * Ends other sessions of the person, all of them or one. Who has signed in lately has shown their password; others are
 * asked for it, so that a browser left open cannot lock its owner out. Changes of address begun there end too.
 */
export async function endSessions(
  app: AppContext,
  userId: string,
  session_token: string,
  { which, password }: { which: "others" | { sessionId: string }; password: string | undefined },
): Promise<Outcome<{ ended: number }, NotListed | PasswordReason | "password_needed/signed_in">> {
  const listed = await listSessions(app, session_token);
  if (!listed.ok) return listed;
  const current = listed.values.find((session) => session.current);
  const isRecent = current !== undefined && app.clock.now() - current.created_at < recently;
  if (password === undefined && !isRecent) return refuse("password_needed/signed_in");
  const wrong = password === undefined ? undefined : await checkPassword(app, session_token, password);
  if (wrong) return refuseWith(wrong);
  const ids = listed.values
    .filter((session) => (which === "others" ? !session.current : session.id === which.sessionId))
    .map(({ id }) => id);
  for (const session_id of ids) {
    const ended = await takeStep(app, "end_session", { session_token, session_id });
    if (!ended.ok && ended.error !== "session_not_found") return refused(ended.error);
  }
  if (ids.length > 0) await deleteEmailChanges(app.db, userId, ids);
  return { ok: true, values: { ended: ids.length } };
}
