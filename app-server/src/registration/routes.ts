import { z } from "zod";
import { answerOutcome, answerRefusal, answerValues } from "../http/errors.ts";
import {
  addressField,
  afterField,
  codeField,
  handleField,
  languageField,
  limitField,
  nameField,
  newAddressField,
  reasonField,
  requestKeyField,
  searchField,
} from "../http/fields.ts";
import { readPreferredLanguage } from "../http/language.ts";
import { defineRoute, noBody, type Route } from "../http/serve.ts";
import { limits } from "../limits.ts";
import * as decisions from "./decisions.ts";
import * as queue from "./queue-store.ts";
import * as rules from "./rules.ts";
import { listedStates, notRejectedStates, waitingStates } from "./states.ts";
import { listRegistrations } from "./store.ts";

/** For people who register. */
export const registrationRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/auth/request_registration",
    summary:
      "Register and wait for an administrator's decision. Answers alike whether or not the address is known. Repeated with the same `request_key` (random, the client's own), it is the same request and gives the same token.",
    access: "anyone",
    ipLimit: limits.requestsPerAddress,
    body: z.object({
      email: newAddressField,
      firstname: nameField.default(""),
      lastname: nameField.default(""),
      language: languageField.optional(),
      request_key: requestKeyField.optional(),
    }),
    handle: async ({ http, app, body: { request_key: requestKey, ...body } }) => {
      const language = body.language ?? readPreferredLanguage(http);
      const result = await rules.requestRegistration(app, { ...body, language, requestKey });
      if (!result.ok) return answerRefusal(http, result.refusal);
      return http.json({
        success: true,
        message: "Your registration waits for an administrator. You will get a mail when it was approved.",
        registration_token: result.values,
      });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/auth/registration_status",
    summary: "Where a registration stands. With the mailed code, a sign-up token is given out in any case.",
    access: "anyone",
    ipLimit: limits.statusPerCaller,
    body: z.object({ registration_token: handleField, code: codeField.optional() }),
    handle: async ({ http, app, body }) => {
      const result = await rules.registrationStatus(app, body.registration_token, body.code);
      return answerValues(http, result);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/auth/lookup_registration",
    summary: "Find the registration token by address and mailed code, for those who have no link at hand.",
    access: "anyone",
    ipLimit: limits.lookupsPerAddress,
    body: z.object({ email: addressField, code: codeField }),
    handle: async ({ http, app, body }) => {
      const result = await rules.lookupRegistration(app, body.email, body.code);
      return answerValues(http, result);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/auth/renew_signup",
    summary: "Mail a code again: the same while it is valid, a new one after that.",
    access: "anyone",
    ipLimit: limits.renewalsPerCaller,
    body: z.object({ registration_token: handleField }),
    handle: async ({ http, app, body }) => {
      const result = await rules.renewSignup(app, body.registration_token);
      if (!result.ok) return answerRefusal(http, result.refusal);
      return http.json({ success: true, signup_token: result.values.signupToken, email: result.values.email });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/auth/withdraw_registration",
    summary: "Take a registration back. Once it is approved, that takes the mailed code.",
    access: "anyone",
    body: z.object({ registration_token: handleField, code: handleField.optional() }),
    handle: async ({ http, app, body }) => {
      const result = await rules.withdrawRegistration(app, body.registration_token, body.code);
      if (!result.ok) return answerRefusal(http, result.refusal);
      return http.json({ success: true, message: "Your registration was withdrawn." });
    },
  }),
];

const stateField = z
  .string()
  .default(waitingStates.join())
  .transform((text) => text.split(","))
  .pipe(z.array(z.enum(listedStates, `Use one or more of ${listedStates.join(", ")}.`)));

/** For administrators who decide. */
export const decisionRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/admin/list_newusers/",
    summary: "People who wait or were approved, oldest first. `?state=REJECTED` lists another state.",
    access: "admin",
    body: noBody,
    query: z.object({ state: z.enum(listedStates, `Use one of ${listedStates.join(", ")}.`).optional() }),
    handle: async ({ http, app, query: { state } }) => {
      const states = state === undefined ? notRejectedStates : [state];
      return http.json(await listRegistrations(app.db, states, 10_000));
    },
  }),
  defineRoute({
    method: "GET",
    path: "/admin/registrations/",
    summary:
      "The queue, oldest first, with what helps to decide. `state`: one or several, separated by commas; those who wait unless told. `search`: a part of name or address. `after`: the `next` of the page before.",
    access: "admin",
    body: noBody,
    query: z.object({ state: stateField, search: searchField, after: afterField, limit: limitField }),
    handle: async ({ http, app, query: { state: states, search, after, limit } }) => {
      const siteLanguage = app.settings.language;
      const [rows, counts] = await Promise.all([
        queue.listQueue(app.db, { states, search: queue.toPattern(search), after, limit, siteLanguage }),
        queue.countStates(app.db, listedStates),
      ]);
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return http.json({ rows, next: last ? `${last.created_at}_${last.id}` : null, counts });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/accept_user/",
    summary:
      "Approve a registration: opens the sign-up and mails the code. `registration_id` says which of several requests for the address; without, the first.",
    access: "admin",
    body: z.object({ email: addressField, registration_id: handleField.optional() }),
    handle: async ({ http, app, body, caller }) => {
      const result = await decisions.acceptRegistration(app, body.email, caller.userId, body.registration_id);
      if (!result.ok) return answerRefusal(http, result.refusal);
      return http.json({
        success: true,
        message: result.values.message,
        signup_token: result.values.signupToken,
      });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/resend_signup_email/",
    summary: "Mail the code of an approved registration once more.",
    access: "admin",
    body: z.object({ email: addressField }),
    handle: async ({ http, app, body, caller }) => {
      const result = await decisions.resendSignupEmail(app, body.email, caller.userId);
      return answerOutcome(http, result);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/reject_user/",
    summary: "Decide against a registration. The reason is kept, and mailed to the person.",
    access: "admin",
    body: z.object({ email: addressField, reason: reasonField.default("") }),
    handle: async ({ http, app, body, caller }) => {
      const decision = { address: body.email, reason: body.reason.trim(), actor: caller.userId };
      const result = await decisions.rejectRegistration(app, decision);
      return answerOutcome(http, result);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/reopen_registration/",
    summary: "Let a rejected registration wait for a decision again.",
    access: "admin",
    body: z.object({ email: addressField }),
    handle: async ({ http, app, body, caller }) => {
      const result = await decisions.reopenRegistration(app, body.email, caller.userId);
      return answerOutcome(http, result);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/delete_registration/",
    summary: "Take a registration away before its account is active.",
    access: "admin",
    body: z.object({ email: addressField }),
    handle: async ({ http, app, body, caller }) => {
      const result = await decisions.deleteRegistration(app, body.email, caller.userId);
      return answerOutcome(http, result);
    },
  }),
];
