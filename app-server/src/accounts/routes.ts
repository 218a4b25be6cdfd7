import { actionRoute } from "../auth-server/relay-routes.ts";
import type { AppContext } from "../context.ts";
import { requireFreshProof } from "../http/fresh-proof.ts";
import { clearRequestCookie, readRequestCookie } from "../http/request-cookie.ts";
import { defineRoute, type Handled, type Route } from "../http/serve.ts";
import {
  clearSessionCookie,
  dropsCookies,
  findCaller,
  findCallerByToken,
  readSessionToken,
  replaceSession,
  showsBearer,
} from "../http/session.ts";
import { refuse } from "../outcome.ts";
import { memberRoutes } from "./member-routes.ts";
import { changePreferences, readPreferences, silencesNotices } from "./preferences.ts";
import type { Caller } from "./store.ts";

export const accountRoutes: readonly Route[] = [
  actionRoute,
  ...memberRoutes,
  defineRoute("GET /auth/session_info/", {
    access: "anyone",
    usesSession: true,
    handle: async ({ http, app }) => {
      const found = await findCaller(http, app);
      if (found.status === "none") return { ok: true, values: { error: "no_session" } };
      if (found.status === "invalid") return http.json({ error: "invalid_session" }, 401);
      const { userId, ...user } = found.caller;
      const { createdAt: created_at, expiresAt: expires_at } = found.session;
      return { ok: true, values: { user: { user_id: userId, ...user }, created_at, expires_at } };
    },
  }),
  defineRoute("POST /cookies/set_session/", {
    access: "anyone",
    usesSession: true,
    handle: async ({ http, app, body }) => {
      if (dropsCookies(http)) return refuse("cookie_not_kept");
      const found = await findCallerByToken(app, body.session_token);
      if (found.status !== "valid") return refuse("invalid_session");
      await replaceSession(http, app, body.session_token, { expires_at: found.session.expiresAt });
      return { ok: true, values: { success: true } };
    },
  }),
  defineRoute("POST /cookies/clear_session/", {
    access: "anyone",
    usesSession: true,
    handle: async ({ http, app }) => {
      const token = readSessionToken(http);
      // The cookie goes last: if the auth server cannot be reached, the session is still there to be ended.
      if (token !== undefined) await app.authServer.deleteSession(token);
      if (!showsBearer(http)) clearSessionCookie(http);
      // Whoever leaves a computer that others use leaves nothing there.
      if (readRequestCookie(http) !== undefined) clearRequestCookie(http);
      return { ok: true, values: { success: true } };
    },
  }),
  defineRoute("GET /account/preferences/", {
    access: "user",
    handle: ({ app, caller }) => showPreferences(app, caller),
  }),
  defineRoute("POST /account/preferences/", {
    access: "user",
    handle: async ({ http, app, session, body, caller }) => {
      if (await silencesNotices(app, caller.userId, body)) {
        const refusal = await requireFreshProof(http, app, session, body.password);
        if (refusal) return { ok: false, refusal };
      }
      await changePreferences(app, caller, body);
      return showPreferences(app, caller);
    },
  }),
];

async function showPreferences(app: AppContext, caller: Caller): Promise<Handled<"GET /account/preferences/">> {
  const preferences = await readPreferences(app, caller);
  return preferences ? { ok: true, values: preferences } : refuse("invalid_session");
}
