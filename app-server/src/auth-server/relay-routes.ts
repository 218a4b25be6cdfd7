import { type AuthAction, authActions } from "@anteroom/shared/wire/faroe";
import { textArguments } from "@anteroom/shared/wire/invocation";
import type { Context } from "hono";
import { z } from "zod";
import type { AppContext } from "../context.ts";
import { rememberDevice } from "../http/device.ts";
import { answerRefusal } from "../http/errors.ts";
import { type Call, defineRoute } from "../http/serve.ts";
import { clearSessionCookie, findCaller, readSessionCookie, replaceSession } from "../http/session.ts";
import { refusalOf } from "../outcome.ts";
import { endLeftSession } from "./as-visitor.ts";

/**
 * Approval comes before a sign-up, and siblings are the app server's own business. Changes of address and the end of other
 * sessions have routes of their own, which ask for the password first; so has whatever else asks for it.
 */
const withheld: readonly string[] = [
  "check_new_email_address",
  "create_signup",
  "create_sibling_signup",
  "create_user_email_address_update",
  "delete_all_sessions",
  "end_session",
  "verify_user_password",
] satisfies AuthAction[];
const served = Object.keys(authActions).filter((action) => !withheld.includes(action)) as AuthAction[];

const body = z.object({
  action: z.string().meta({ enum: served }),
  arguments: z.record(z.string(), z.unknown()),
});

/** As the auth server answers; its own `/openapi.json` tells the values of each action. */
const answers = z.union([
  z.object({ ok: z.literal(true), action_invocation_id: z.string(), values: z.record(z.string(), z.unknown()) }),
  z.object({ ok: z.literal(false), action_invocation_id: z.string(), error_code: z.string() }),
]);

/**
 * Faroe's actions for pages of this origin, which never see a session's token: it goes from the cookie to the auth
 * server, and from its answer into the cookie. Request and answer look as the auth server's own, but for that member.
 */
export const actionRoute = defineRoute({
  method: "POST",
  path: "/auth/actions",
  summary: "An action of the auth server, with the session taken from the cookie and put into it.",
  access: "anyone",
  usesSession: true,
  body,
  answers,
  handle: carryOut,
});

const noSuchAction = refusalOf("invalid_request/action");

async function carryOut({ http, app, body: { action, arguments: given } }: Call<z.output<typeof body>>) {
  const args = served.includes(action as AuthAction) ? readArguments(http, action as AuthAction, given) : undefined;
  if (args === undefined) return answerRefusal(http, noSuchAction);
  const answer = await app.authServer.relay(action, args);
  if (answer === "busy") return answerRefusal(http, refusalOf("auth_server_unavailable"));
  if (answer === "not_taken") return answerRefusal(http, noSuchAction);
  if (!answer.ok) {
    if (answer.error_code === "invalid_session_token") clearSessionCookie(http);
    return http.json(answer);
  }
  if (action === "delete_session") clearSessionCookie(http);
  if (action === "complete_user_password_update") await rememberOwnDevice(http, app);
  return http.json({ ...answer, values: await keepSession(http, app, action, answer.values) });
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
  const session_token = readSessionCookie(http) ?? "";
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
