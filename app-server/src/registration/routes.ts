import { listedStates } from "@anteroom/shared/wire/app/decisions";
import { readPreferredLanguage } from "../http/language.ts";
import { defineRoute, done, type Route } from "../http/serve.ts";
import { limits } from "../limits.ts";
import * as decisions from "./decisions.ts";
import * as queue from "./queue-store.ts";
import * as rules from "./rules.ts";
import { notRejectedStates } from "./states.ts";
import { listRegistrations } from "./store.ts";

/** For people who register. */
export const registrationRoutes: readonly Route[] = [
  defineRoute("POST /auth/request_registration", {
    access: "anyone",
    limit: limits.requestsPerCaller,
    handle: async ({ http, app, body: { request_key: requestKey, ...body } }) => {
      const language = body.language ?? readPreferredLanguage(http);
      return done(await rules.requestRegistration(app, { ...body, language, requestKey }));
    },
  }),
  defineRoute("POST /auth/registration_status", {
    access: "anyone",
    limit: limits.statusPerCaller,
    handle: ({ app, body }) => rules.registrationStatus(app, body.registration_token, body.code),
  }),
  defineRoute("POST /auth/lookup_registration", {
    access: "anyone",
    limit: limits.lookupsPerCaller,
    handle: ({ app, body }) => rules.lookupRegistration(app, body.email, body.code),
  }),
  defineRoute("POST /auth/renew_signup", {
    access: "anyone",
    limit: limits.renewalsPerCaller,
    handle: async ({ app, body }) => done(await rules.renewSignup(app, body.registration_token)),
  }),
  defineRoute("POST /auth/withdraw_registration", {
    access: "anyone",
    handle: async ({ app, body }) => done(await rules.withdrawRegistration(app, body.registration_token, body.code)),
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
