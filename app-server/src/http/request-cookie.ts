import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/**
 * The way back of those who wait: `__Host-request` keeps the registration token of what was asked for in this browser,
 * unreadable for scripts. Whoever sits there next sees the address that asked, and may forget the request, withdraw it while it
 * waits, or have its email sent again; to activate it takes the mailed code. Signing out forgets it.
 */
const cookieName = "request";

const attributes = { prefix: "host", path: "/", secure: true, httpOnly: true, sameSite: "Lax" } as const;

export function readRequestCookie(http: Context): string | undefined {
  return getCookie(http, cookieName, "host") || undefined;
}

/** `secondsLeft`: as long as the request may still lead to an account. */
export function writeRequestCookie(http: Context, registrationToken: string, secondsLeft: number): void {
  setCookie(http, cookieName, registrationToken, { ...attributes, maxAge: Math.min(secondsLeft, 400 * 86_400) });
}

export function clearRequestCookie(http: Context): void {
  deleteCookie(http, cookieName, attributes);
}
