import { noteSubject } from "@anteroom/shared/runtime/http/request-scope";
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { type Caller, findUserWithPermissions } from "../accounts/store.ts";
import { endLeftSession } from "../auth-server/as-visitor.ts";
import type { Session } from "../auth-server/client.ts";
import type { AppContext } from "../context.ts";

export type FoundCaller =
  | { status: "none" }
  | { status: "invalid" }
  | { status: "valid"; caller: Caller; session: Session };

/** The one cookie there is: `__Host-session`, unreadable for scripts, for this origin alone. */
const cookieName = "session";

export function readSessionCookie(http: Context): string | undefined {
  return getCookie(http, cookieName, "host");
}

/** Of the session that a visitor shows; empty when there is none. */
export function sessionTokenOf(http: Context): string {
  return readSessionToken(http) ?? "";
}

/** From the header, where a page of another site shows it, for which browsers send no cookie; or from the cookie. */
export function readSessionToken(http: Context): string | undefined {
  return readBearer(http) ?? readSessionCookie(http);
}

function readBearer(http: Context): string | undefined {
  return /^Bearer (\S+)$/i.exec(http.req.header("authorization") ?? "")?.[1];
}

/** Whether a browser would drop the session's cookie: it keeps none that comes to a page of another site. */
export function dropsCookies(http: Context): boolean {
  return http.req.header("sec-fetch-site") === "cross-site";
}

/** Whether the caller shows a session otherwise than by the cookie, which is then none of theirs. */
export function showsBearer(http: Context): boolean {
  return readBearer(http) !== undefined;
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

/** Keeps a new session in the cookie; what this browser was signed in with before ends (R24). */
export async function replaceSession(
  http: Context,
  app: AppContext,
  token: string,
  { expires_at: expiresAt }: { expires_at: number | null },
): Promise<void> {
  const before = readSessionCookie(http);
  writeSessionCookie(http, token, expiresAt === null ? undefined : expiresAt - app.clock.now());
  if (before !== undefined && before !== token) await endLeftSession(app, before);
}

/** Who calls, by their session. A cookie that is no longer good is cleared. One hop and one query; nothing is cached. */
export async function findCaller(http: Context, app: AppContext): Promise<FoundCaller> {
  const token = readSessionToken(http);
  if (token === undefined) return { status: "none" };
  const found = await findCallerByToken(app, token);
  if (found.status !== "valid" && !showsBearer(http)) clearSessionCookie(http);
  return found;
}

export async function findCallerByToken(app: AppContext, token: string): Promise<FoundCaller> {
  const session = await app.authServer.getSession(token);
  if (!session.ok) return { status: "invalid" };
  const caller = await findUserWithPermissions(app.db, session.values.userId, app.clock.now());
  if (caller) noteSubject({ user: caller.userId });
  return caller ? { status: "valid", caller, session: session.values } : { status: "invalid" };
}
