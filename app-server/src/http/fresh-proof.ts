import { equalInConstantTime } from "@anteroom/shared/runtime/crypto";
import type { Context } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { checkPassword, sessionIdOf, type WrongPassword } from "../auth-server/as-visitor.ts";
import type { Session } from "../auth-server/client.ts";
import type { AppContext } from "../context.ts";
import { type Refusal, refusalOf } from "../outcome.ts";
import { sessionTokenOf } from "./session.ts";

/** Seconds for which a password that was shown stands for what destroys, grants or hides something. */
const proofLasts = 900;

const cookieName = "proof";

/**
 * Whether the person at the browser has shown the password of this session lately, by signing in or since: a session that
 * was stolen, or left open, does not do for everything. A right password is remembered for its session.
 */
export async function requireFreshProof(
  http: Context,
  app: AppContext,
  session: Session,
  password: string | undefined,
): Promise<WrongPassword | Refusal<"password_needed"> | undefined> {
  const now = app.clock.now();
  if (password === undefined) return isFresh(http, app, session, now) ? undefined : refusalOf("password_needed");
  const sessionToken = sessionTokenOf(http);
  const refusal = await checkPassword(app, sessionToken, password);
  if (!refusal) writeProof(http, `${now}.${proofOf(app, sessionToken, now)}`);
  return refusal;
}

function isFresh(http: Context, app: AppContext, { createdAt }: Session, now: number): boolean {
  if (now - createdAt < proofLasts) return true;
  const [at = "", proof = ""] = (getCookie(http, cookieName, "host") ?? "").split(".");
  const shownAt = Number(at);
  if (!(now - shownAt < proofLasts)) return false;
  const expected = proofOf(app, sessionTokenOf(http), shownAt);
  return equalInConstantTime(Buffer.from(proof), Buffer.from(expected));
}

function proofOf({ credentials }: AppContext, sessionToken: string, at: number): string {
  return credentials.proofOf(sessionIdOf(sessionToken), at);
}

function writeProof(http: Context, proof: string): void {
  setCookie(http, cookieName, proof, {
    prefix: "host",
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite: "Lax",
    maxAge: proofLasts,
  });
}
