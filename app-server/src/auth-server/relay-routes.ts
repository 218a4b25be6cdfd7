import { relayedActions } from "@anteroom/shared/wire/app/session";
import { type AuthAction, authActions } from "@anteroom/shared/wire/faroe";
import { textArguments } from "@anteroom/shared/wire/invocation";
import type { Context } from "hono";
import type { AppContext } from "../context.ts";
import { rememberDevice } from "../http/device.ts";
import { type Call, defineRoute, type Handled } from "../http/serve.ts";
import {
  clearSessionCookie,
  dropsCookies,
  findCaller,
  replaceSession,
  sessionTokenOf,
  showsBearer,
} from "../http/session.ts";
import { refuse } from "../outcome.ts";
import { endLeftSession } from "./as-visitor.ts";

/**
 * Faroe's actions for pages of this origin, which never see a session's token: it goes from the cookie to the auth
 * server, and from its answer into the cookie. Request and answer look as the auth server's own, but for that member.
 */
export const actionRoute = defineRoute("POST /auth/actions", {
  access: "anyone",
  usesSession: true,
  handle: carryOut,
});

type Action = "POST /auth/actions";

async function carryOut({ http, app, body: { action, arguments: given } }: Call<Action>): Promise<Handled<Action>> {
  if (dropsCookies(http) && (!showsBearer(http) || opensSession(action))) return refuse("cookie_not_kept");
  const args = isRelayed(action) ? readArguments(http, action, given) : undefined;
  if (args === undefined) return refuse("invalid_request/action");
  const answer = await app.authServer.relay(action, args);
  if (answer === "busy") return refuse("auth_server_unavailable");
  if (answer === "not_taken") return refuse("invalid_request/action");
  if (!answer.ok) {
    if (answer.error_code === "invalid_session_token" && !showsBearer(http)) clearSessionCookie(http);
    return { ok: true, values: answer };
  }
  if (action === "delete_session" && !showsBearer(http)) clearSessionCookie(http);
  if (action === "complete_user_password_update") await rememberOwnDevice(http, app);
  return { ok: true, values: { ...answer, values: await keepSession(http, app, action, answer.values) } };
}

/** What answers with a session, which this server keeps in the cookie and tells no script. */
function opensSession(action: string): boolean {
  return isRelayed(action) && (authActions[action].values as readonly string[]).includes("session_token");
}

function isRelayed(action: string): action is AuthAction {
  return relayedActions.some((relayed) => relayed === action);
}

/** Whoever has changed the password has shown the new one: this browser is known by it. The change stands in any case. */
async function rememberOwnDevice(http: Context, app: AppContext): Promise<void> {
  const found = await findCaller(http, app).catch(() => undefined);
  if (found?.status === "valid") await rememberDevice(http, app, found.caller.userId);
}

function readArguments(http: Context, action: AuthAction, given: Record<string, unknown>) {
  const contract = authActions[action];
  const required: readonly string[] = contract.arguments;
  const optional: readonly string[] = "optional" in contract ? contract.optional : [];
  const session_token = sessionTokenOf(http);
  return textArguments(required.includes("session_token") ? { ...given, session_token } : given, required, optional);
}

/** A reset opens no session here: whoever chose the new password signs in with it. */
async function keepSession(
  http: Context,
  app: AppContext,
  action: string,
  { session_token: token, ...values }: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  if (typeof token !== "string") return values;
  const session = values.session as { user_id: string; expires_at: number | null };
  if (action === "complete_user_password_reset") await endLeftSession(app, token);
  else await replaceSession(http, app, token, session);
  await rememberDevice(http, app, session.user_id);
  return values;
}
