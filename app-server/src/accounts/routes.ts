import { z } from "zod";
import { actionRoute } from "../auth-server/relay-routes.ts";
import { answerRefusal } from "../http/errors.ts";
import { handleField, languageField, proofField } from "../http/fields.ts";
import { requireFreshProof } from "../http/fresh-proof.ts";
import { type Call, defineRoute, noBody, type Route } from "../http/serve.ts";
import {
  clearSessionCookie,
  findCaller,
  findCallerByToken,
  readSessionCookie,
  replaceSession,
} from "../http/session.ts";
import { switchableMailTypes } from "../mail/kinds.ts";
import { refusalOf } from "../outcome.ts";
import { memberRoutes } from "./member-routes.ts";
import { changePreferences, readPreferences, silencesNotices } from "./preferences.ts";

export const accountRoutes: readonly Route[] = [
  actionRoute,
  ...memberRoutes,
  defineRoute({
    method: "GET",
    path: "/auth/session_info/",
    summary: "Who is signed in.",
    access: "anyone",
    usesSession: true,
    otherwise: { 401: z.object({ error: z.literal("invalid_session") }) },
    body: noBody,
    handle: async ({ http, app }) => {
      const found = await findCaller(http, app);
      if (found.status === "none") return http.json({ error: "no_session" });
      if (found.status === "invalid") return http.json({ error: "invalid_session" }, 401);
      const { userId, ...user } = found.caller;
      return http.json({
        user: { user_id: userId, ...user },
        created_at: found.session.createdAt,
        expires_at: found.session.expiresAt,
      });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/cookies/set_session/",
    summary: "Keep a session of the auth server in an HttpOnly cookie. A session that was there before ends.",
    access: "anyone",
    usesSession: true,
    body: z.object({ session_token: handleField }),
    handle: async ({ http, app, body }) => {
      const found = await findCallerByToken(app, body.session_token);
      if (found.status !== "valid") return answerRefusal(http, refusalOf("invalid_session"));
      await replaceSession(http, app, body.session_token, { expires_at: found.session.expiresAt });
      return http.json({ success: true });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/cookies/clear_session/",
    summary: "Sign out: ends the session on the auth server and clears the cookie.",
    access: "anyone",
    usesSession: true,
    body: noBody,
    handle: async ({ http, app }) => {
      const token = readSessionCookie(http);
      // The cookie goes last: if the auth server cannot be reached, the session is still there to be ended.
      if (token !== undefined) await app.authServer.deleteSession(token);
      clearSessionCookie(http);
      return http.json({ success: true });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/account/preferences/",
    summary: "The language that one's mails are written in, and which of the optional ones one gets.",
    access: "user",
    body: noBody,
    handle: answerPreferences,
  }),
  defineRoute({
    method: "POST",
    path: "/account/preferences/",
    summary:
      "Change language or mails; what is left out stays as it is. Answers what holds then. Notices of sign-ins are switched off with fresh proof only.",
    access: "user",
    body: z.object({
      language: languageField.optional(),
      mail: z.partialRecord(z.enum(switchableMailTypes), z.boolean("Use true or false.")).optional(),
      ...proofField,
    }),
    handle: async (call) => {
      const { http, app, session, body, caller } = call;
      if (await silencesNotices(app, caller.userId, body)) {
        const refusal = await requireFreshProof(http, app, session, body.password);
        if (refusal) return answerRefusal(http, refusal);
      }
      await changePreferences(app, caller, body);
      return answerPreferences(call);
    },
  }),
];

async function answerPreferences({ http, app, caller }: Call<unknown>): Promise<Response> {
  const preferences = await readPreferences(app, caller);
  return preferences ? http.json(preferences) : answerRefusal(http, refusalOf("invalid_session"));
}
