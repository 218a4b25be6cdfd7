import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import type { AuthContext } from "../context.ts";
import { deleteEverything } from "../store/maintenance.ts";
import { deleteSessionsOfUser } from "../store/sessions.ts";

/** Carries out `POST /command`. False when there is no such command or its arguments are not as they should be. */
export async function runCommand(context: AuthContext, clock: AdjustableClock, body: unknown): Promise<boolean> {
  const { command, ...args } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  if (command === "revoke_user_sessions") {
    if (typeof args.user_id !== "string" || args.user_id === "") return false;
    await revokeUserSessions(context, args.user_id);
    return true;
  }
  return context.settings.testMode && runTestCommand(context, clock, command, args);
}

/** Rows first: a session looked at in between would bring the user back into the cache, but finds no row any more. */
async function revokeUserSessions(context: AuthContext, userId: string): Promise<void> {
  await deleteSessionsOfUser(context.db, userId);
  context.userCache.forget(userId);
  context.events.record("session_expired", { user: userId, action: "revoke_user_sessions" });
}

async function runTestCommand(
  context: AuthContext,
  clock: AdjustableClock,
  command: unknown,
  { now, seconds }: Record<string, unknown>,
): Promise<boolean> {
  if (command === "reset") {
    await deleteEverything(context.db);
    context.userCache.clear();
  } else if (command === "set_clock" && Number.isSafeInteger(now) && Number(now) >= 0) clock.set(Number(now));
  else if (command === "advance_clock" && Number.isSafeInteger(seconds)) clock.advance(Number(seconds));
  else if (command === "release_clock") clock.release();
  else return false;
  return true;
}
