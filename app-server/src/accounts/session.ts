import { noteSubject } from "@anteroom/shared/runtime/request-scope";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { Session } from "../auth-server.ts";
import type { AppContext } from "../context.ts";
import { findUserWithPermissions } from "./store.ts";

/** A signed-in person. */
export interface Caller {
  userId: string;
  email: string;
  firstname: string;
  lastname: string;
  permissions: string[];
}

export type FoundCaller =
  | { status: "none" }
  | { status: "invalid" }
  | { status: "valid"; caller: Caller; session: Session };

/** The one cookie there is: `__Host-session`, unreadable for scripts, for this origin alone. */
const cookieName = "session";

export function readSessionCookie(http: Context): string | undefined {
  return getCookie(http, cookieName, "host");
}

/** How long a browser keeps the cookie of a session without an end of its own. */
const withoutEnd = 90 * 86_400;

/** The cookie lives exactly as long as the session. */
export function writeSessionCookie(http: Context, sessionToken: string, secondsLeft = withoutEnd): void {
  setCookie(http, cookieName, sessionToken, {
    prefix: "host",
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "Lax",
    // Browsers keep no cookie longer than 400 days.
    maxAge: Math.min(secondsLeft, 400 * 86_400),
  });
}

export function clearSessionCookie(http: Context): void {
  deleteCookie(http, cookieName, { prefix: "host", path: "/", secure: true, httpOnly: true, sameSite: "Lax" });
}

/** Who calls, by their cookie. A cookie that is no longer good is cleared. One hop and one query; nothing is cached. */
export async function findCaller(http: Context, app: AppContext): Promise<FoundCaller> {
  const token = readSessionCookie(http);
  if (token === undefined) return { status: "none" };
  const found = await findCallerByToken(app, token);
  if (found.status !== "valid") clearSessionCookie(http);
  return found;
}

export async function findCallerByToken(app: AppContext, token: string): Promise<FoundCaller> {
  const session = await app.authServer.getSession(token);
  if (!session.ok) return { status: "invalid" };
  const caller = await findUserWithPermissions(app.db, session.values.userId, app.clock.now());
  if (caller) noteSubject({ user: caller.userId });
  return caller ? { status: "valid", caller, session: session.values } : { status: "invalid" };
}
