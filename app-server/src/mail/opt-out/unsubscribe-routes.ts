import type { Context } from "hono";
import { answerRefusal } from "../../http/errors.ts";
import { readPreferredLanguage } from "../../http/language.ts";
import { type Call, defineRoute, type Route } from "../../http/serve.ts";
import { refusalOf } from "../../outcome.ts";
import { findPreferences, storeMailPreference } from "./preference-store.ts";
import { createUnsubscribeLinks, type Unsubscription } from "./unsubscribe.ts";
import { renderUnsubscribePage, type UnsubscribeState, unsubscribePagePolicy } from "./unsubscribe-page.ts";

/**
 * The links behind List-Unsubscribe (RFC 8058). Whoever has one may use it: without a session, and from any origin,
 * because mail services post for their readers. So these are served before the check of the origin.
 */
export const unsubscribeRoutes: readonly Route[] = [
  defineRoute("GET /mail/unsubscribe", {
    access: "anyone",
    handle: async (call) => {
      const asked = readToken(call);
      if (!asked) return answerNotValid(call);
      const isOn =
        (await findPreferences(call.app.db, asked.userId, call.app.settings.policy))?.mail[asked.type] ?? false;
      return answerPage(call, isOn ? "on" : "off", asked);
    },
  }),
  defineRoute("POST /mail/unsubscribe", {
    access: "anyone",
    handle: async (call) => {
      const asked = readToken(call);
      if (!asked) return answerNotValid(call);
      const isOn = (await readForm(call.http)).preference === "on";
      await storeMailPreference(call.app.db, asked.userId, asked.type, isOn);
      return answerPage(call, isOn ? "switchedOn" : "switchedOff", asked);
    },
  }),
];

type UnsubscribeCall = Pick<Call<"GET /mail/unsubscribe">, "http" | "app" | "query">;

function readToken({ app, query }: UnsubscribeCall): Unsubscription | undefined {
  return createUnsubscribeLinks(app.settings).read(query.token);
}

/** Mail services post `List-Unsubscribe=One-Click`, urlencoded or multipart; a body that cannot be read says nothing. */
async function readForm(http: Context): Promise<Record<string, unknown>> {
  try {
    return await http.req.parseBody();
  } catch {
    return {};
  }
}

async function answerPage({ http, app }: UnsubscribeCall, state: UnsubscribeState, { userId, type }: Unsubscription) {
  const { siteName } = app.settings;
  const language = (await findPreferences(app.db, userId, app.settings.policy))?.language ?? app.settings.language;
  http.header("Content-Security-Policy", unsubscribePagePolicy);
  return http.html(renderUnsubscribePage({ state, type, language, siteName }));
}

/** Browsers get a page, programs a problem. */
async function answerNotValid({ http, app }: UnsubscribeCall): Promise<Response> {
  if (!http.req.header("accept")?.includes("text/html"))
    return answerRefusal(http, refusalOf("unsubscribe_link_not_valid"));
  const { siteName } = app.settings;
  const language = readPreferredLanguage(http) ?? app.settings.language;
  http.header("Content-Security-Policy", unsubscribePagePolicy);
  return http.html(renderUnsubscribePage({ state: "notValid", language, siteName }), 400);
}
