import { listedStates } from "@anteroom/shared/wire/app/decisions";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Context } from "hono";
import type { AppContext } from "../context.ts";
import { readPreferredLanguage } from "../http/language.ts";
import { clearRequestCookie, readRequestCookie, writeRequestCookie } from "../http/request-cookie.ts";
import { defineRoute, done, type Route } from "../http/serve.ts";
import { limits } from "../limits.ts";
import { missingFields, type Outcome } from "../outcome.ts";
import * as decisions from "./decisions.ts";
import { renewSignup } from "./renewal.ts";
import { requestRegistration } from "./requesting.ts";
import { notRejectedStates } from "./states.ts";
import * as status from "./status.ts";
import * as queue from "./store/queue.ts";
import { listRegistrations } from "./store/queue.ts";
import { withdrawRegistration } from "./withdrawing.ts";

/** What is given goes before what the browser remembers: a mailed link leads to its own request. */
function tokenOf(http: Context, given: { registration_token: string }): Outcome<string, "missing_field"> {
  const token = given.registration_token || readRequestCookie(http);
  return token ? { ok: true, values: token } : missingFields(["registration_token"]);
}

/** Whoever asks again with the same address keeps the way back to the request that came first, if it is not over. */
async function rememberRequest(http: Context, app: AppContext, email: EmailAddress, token: string): Promise<void> {
  const before = readRequestCookie(http);
  const known = before === undefined ? undefined : await status.ownRequest(app, before);
  if (known?.email === email && known.stands !== "rejected") return;
  // As long as a request waits, and then as long as its approval waits for its owner.
  writeRequestCookie(http, token, 2 * app.settings.policy.registrationTtl);
}

/** For people who register. */
export const registrationRoutes: readonly Route[] = [
  defineRoute("POST /auth/request_registration", {
    access: "anyone",
    limit: limits.requestsPerCaller,
    handle: async ({ http, app, body: { request_key: requestKey, ...body } }) => {
      const language = body.language ?? readPreferredLanguage(http);
      const requested = await requestRegistration(app, { ...body, language, requestKey });
      if (requested.ok) await rememberRequest(http, app, body.email, requested.values.registration_token);
      return done(requested);
    },
  }),
  defineRoute("POST /auth/registration_status", {
    access: "anyone",
    limit: limits.statusPerCaller,
    handle: async ({ http, app, body }) => {
      const token = tokenOf(http, body);
      return token.ok ? status.registrationStatus(app, token.values, body.code) : token;
    },
  }),
  defineRoute("POST /auth/lookup_registration", {
    access: "anyone",
    limit: limits.lookupsPerCaller,
    handle: ({ app, body }) => status.lookupRegistration(app, body.email, body.code),
  }),
  defineRoute("POST /auth/renew_signup", {
    access: "anyone",
    limit: limits.renewalsPerCaller,
    handle: async ({ http, app, body }) => {
      const token = tokenOf(http, body);
      return token.ok ? done(await renewSignup(app, token.values)) : token;
    },
  }),
  defineRoute("POST /auth/withdraw_registration", {
    access: "anyone",
    handle: async ({ http, app, body }) => {
      const token = tokenOf(http, body);
      return token.ok ? done(await withdrawRegistration(app, token.values, body.code)) : token;
    },
  }),
  defineRoute("GET /auth/own_request/", {
    access: "anyone",
    limit: limits.statusPerCaller,
    handle: async ({ http, app }) => {
      const token = readRequestCookie(http);
      const request = token === undefined ? undefined : await status.ownRequest(app, token);
      if (token !== undefined && !request) clearRequestCookie(http);
      return { ok: true, values: { request: request ?? null } };
    },
  }),
  defineRoute("POST /auth/forget_request", {
    access: "anyone",
    handle: async ({ http }) => {
      clearRequestCookie(http);
      return done({ ok: true, values: {} });
    },
  }),
];

/** For administrators who decide. */
export const decisionRoutes: readonly Route[] = [
  defineRoute("GET /admin/list_newusers/", {
    access: "admin",
    handle: async ({ app, query: { state } }) => {
      const states = state === undefined ? notRejectedStates : [state];
      return { ok: true, values: await listRegistrations(app.db, states, 10_000) };
    },
  }),
  defineRoute("GET /admin/registrations/", {
    access: "admin",
    handle: async ({ app, query: { state: states, search, after, limit } }) => {
      const siteLanguage = app.settings.language;
      const [rows, counts] = await Promise.all([
        queue.listQueue(app.db, { states, search, after, limit, siteLanguage }),
        queue.countStates(app.db, listedStates),
      ]);
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return { ok: true, values: { rows, next: last ? `${last.created_at}_${last.id}` : null, counts } };
    },
  }),
  defineRoute("POST /admin/accept_user/", {
    access: "admin",
    handle: async ({ app, body, caller }) =>
      done(await decisions.acceptRegistration(app, body.email, caller.userId, body.registration_id)),
  }),
  defineRoute("POST /admin/resend_signup_email/", {
    access: "admin",
    handle: async ({ app, body, caller }) => done(await decisions.resendSignupEmail(app, body.email, caller.userId)),
  }),
  defineRoute("POST /admin/reject_user/", {
    access: "admin",
    handle: async ({ app, body, caller }) => {
      const decision = { email: body.email, reason: body.reason.trim(), actor: caller.userId };
      return done(await decisions.rejectRegistration(app, decision));
    },
  }),
  defineRoute("POST /admin/reopen_registration/", {
    access: "admin",
    handle: async ({ app, body, caller }) => done(await decisions.reopenRegistration(app, body.email, caller.userId)),
  }),
  defineRoute("POST /admin/delete_registration/", {
    access: "admin",
    handle: async ({ app, body, caller }) => done(await decisions.deleteRegistration(app, body.email, caller.userId)),
  }),
];
