import type { AppErrorCode, AppRoute, AppRoutes } from "@anteroom/shared/wire/app";
import { z } from "zod";
import { switchableMailTypes } from "../mail/kinds.ts";
import { inboundKinds, inboundOutcomes, mailStatuses } from "../mail/statuses.ts";

/**
 * What each route answers, for `/openapi.json`. The types hold it to `AppRoutes`; the tests hold it to every answer that
 * they see.
 */

const time = z.int().meta({ description: "Unix seconds." });
const done = z.object({ success: z.literal(true) });
const doneWithMessage = done.extend({ message: z.string().meta({ description: "For people." }) });
const next = z.string().nullable().meta({ description: "`after` of the next page; null on the last." });
const language = z.enum(["en", "nl"]);

const mailState = z.enum(mailStatuses).meta({ id: "MailState" });
const mailSummary = z
  .object({
    type: z.string(),
    status: mailState,
    reason: z.string().nullable(),
    at: time,
    next_try_at: time.nullable(),
  })
  .meta({ id: "MailSummary" });

const listedMail = z
  .object({
    id: z.string(),
    type: z.string(),
    email: z.string(),
    registration_id: z.string().nullable(),
    status: mailState,
    reason: z.string().nullable(),
    attempts: z.int(),
    next_try_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Mail" });

const listedInboundMail = z
  .object({
    id: z.int(),
    mail_id: z.string().nullable(),
    email: z.string().nullable(),
    type: z.string().nullable(),
    kind: z.enum(inboundKinds),
    outcome: z.enum(inboundOutcomes),
    reason: z.string().nullable(),
    excerpt: z.string(),
    received_at: time,
  })
  .meta({ id: "InboundMail" });

const registrationState = z.enum(["REQUESTED", "ACCEPTING", "ACCEPTED", "OPEN", "REJECTED"]);
const listedRegistration = z
  .object({
    email: z.string(),
    firstname: z.string(),
    lastname: z.string(),
    accepted: z.boolean(),
    state: registrationState,
    created_at: time,
    decided_by: z.string().nullable(),
    decided_at: time.nullable(),
    reason: z.string().nullable(),
    mail: mailSummary.nullable(),
  })
  .meta({ id: "Registration" });

const queuedRegistration = listedRegistration
  .extend({
    id: z.string(),
    decided_by_name: z.string().nullable(),
    language,
    earlier: z.array(
      z.object({
        state: z.enum(["REJECTED", "WITHDRAWN", "EXPIRED"]),
        decided_at: time.nullable(),
        reason: z.string().nullable(),
      }),
    ),
    same_name: z.int(),
    requests: z.int(),
    alternatives: z.array(
      z.object({ registration_id: z.string(), firstname: z.string(), lastname: z.string(), created_at: time }),
    ),
  })
  .meta({ id: "QueuedRegistration" });

const batch = z
  .object({
    id: z.string(),
    decision: z.enum(["accept", "reject"]),
    reason: z.string().nullable(),
    actor: z.string(),
    actor_name: z.string().nullable(),
    total: z.int(),
    done: z.int(),
    failed: z.array(
      z.object({
        email: z.string(),
        error: z.string() as z.ZodType<AppErrorCode>,
        decided_by_name: z.string().nullable(),
        decided_at: time.nullable(),
      }),
    ),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: "Batch" });

const decisionActions = [
  "accept",
  "reject",
  "reopen",
  "delete_registration",
  "resend",
  "grant_permission",
  "revoke_permission",
  "disable_user",
  "enable_user",
  "end_sessions",
  "send_reset_link",
  "delete_user",
  "clear_address",
  "replay_mail",
  "address_taken",
] as const;

const loggedDecision = z
  .object({
    id: z.int(),
    at: time,
    actor: z.string(),
    actor_name: z.string().nullable(),
    action: z.enum(decisionActions),
    subject: z.string(),
    reason: z.string().nullable(),
    detail: z.string().nullable(),
  })
  .meta({ id: "Decision" });

const person = z
  .object({
    user_id: z.string(),
    email: z.string(),
    firstname: z.string(),
    lastname: z.string(),
    permissions: z.array(z.string()),
    disabled: z.boolean(),
    created_at: time,
    mail: mailSummary.nullable(),
  })
  .meta({ id: "Person" });

const overview = z.object({
  days: z.array(z.object({ date: z.string(), registrations: z.int(), accepted: z.int(), rejected: z.int() })),
  hours_to_decision: z.object({ median: z.number(), p90: z.number() }).nullable(),
  waiting: z.object({ count: z.int(), oldest_at: time.nullable() }),
  mails: z.record(mailState, z.int()),
});

const sessionUser = z
  .object({
    user_id: z.string(),
    email: z.string(),
    firstname: z.string(),
    lastname: z.string(),
    permissions: z.array(z.string()),
  })
  .meta({ id: "SessionUser" });

const sessionOverview = z
  .object({
    id: z.string(),
    created_at: time,
    last_active_at: time,
    user_agent: z.string(),
    current: z.boolean(),
  })
  .meta({ id: "SessionOverview" });

const preferences = z
  .object({
    language,
    mail: z.partialRecord(z.enum(switchableMailTypes), z.boolean()),
  })
  .meta({ id: "Preferences" });

const pendingEmailChange = z.object({ email: z.string(), expires_at: time }).meta({ id: "PendingAddress" });

const accountExport = z.object({
  exported_at: time,
  account: sessionUser.extend({ language, created_at: time }),
  permissions: z.array(
    z.object({
      permission: z.string(),
      granted_by: z.string(),
      granted_at: time,
      expires_at: time.nullable(),
    }),
  ),
  preferences,
  sessions: z.array(sessionOverview).nullable(),
  pending_email_change: pendingEmailChange.nullable(),
  mails: z.array(listedMail),
  decisions: z.array(z.object({ at: time, action: z.string(), reason: z.string().nullable() })),
});

/** Codes by status, beside those that every route of its kind may answer with. */
export type RouteErrors = Partial<Record<number, readonly AppErrorCode[]>>;

interface RouteAnswer<R extends AppRoute> {
  values: z.ZodType<AppRoutes[R]["values"]>;
  errors?: RouteErrors;
}

const userNotFound = { 404: ["user_not_found"] } as const satisfies RouteErrors;
const passwordErrors = {
  403: ["incorrect_password", "password_locked"],
  409: ["internal_conflict"],
  429: ["rate_limited"],
} as const satisfies RouteErrors;

/** Before an original Faroe. */
const notListed = { 501: ["not_supported"] } as const;

export const routeAnswers: { readonly [R in AppRoute]: RouteAnswer<R> } = {
  "POST /auth/request_registration": {
    values: doneWithMessage.extend({ registration_token: z.string() }),
    errors: { 400: ["already_registered"] },
  },
  "POST /auth/registration_status": {
    values: z.object({
      email: z.string(),
      accepted: z.boolean(),
      signup_token: z.string().nullable(),
      state: z.enum(["rejected", "code_needed"]).exactOptional(),
    }),
    errors: { 404: ["registration_not_found"], 409: ["address_in_use"], 429: ["rate_limited"] },
  },
  "POST /auth/lookup_registration": {
    values: z.union([z.object({ found: z.literal(true), token: z.string() }), z.object({ found: z.literal(false) })]),
    errors: { 429: ["rate_limited"] },
  },
  "POST /auth/renew_signup": {
    values: done.extend({ signup_token: z.string().nullable(), email: z.string() }),
    errors: {
      400: ["registration_not_accepted"],
      404: ["registration_not_found"],
      409: ["email_address_not_allowed"],
      429: ["rate_limited"],
      500: ["signup_failed"],
    },
  },
  "POST /auth/withdraw_registration": {
    values: doneWithMessage,
    errors: {
      403: ["code_needed"],
      404: ["registration_not_found"],
      409: ["invalid_transition"],
      422: ["incorrect_code"],
      429: ["rate_limited"],
    },
  },
  "POST /auth/setup_administrator": {
    values: doneWithMessage.extend({ registration_token: z.string() }),
    errors: {
      409: ["address_in_use"],
      410: ["setup_link_not_valid"],
      429: ["rate_limited"],
      500: ["signup_failed", "signup_outcome_unknown"],
    },
  },
  "GET /auth/session_info/": {
    values: z.union([
      z.object({ user: sessionUser, created_at: time, expires_at: time.nullable() }),
      z.object({ error: z.literal("no_session") }),
    ]),
  },
  "POST /cookies/set_session/": { values: done, errors: { 401: ["invalid_session"] } },
  "POST /cookies/clear_session/": { values: done },
  "GET /account/preferences/": { values: preferences },
  "POST /account/preferences/": {
    values: preferences,
    errors: { ...passwordErrors, 403: ["incorrect_password", "password_locked", "password_needed"] },
  },
  "POST /account/request_password_link": {
    values: doneWithMessage,
    errors: { 404: ["link_not_valid", "link_expired"], 429: ["rate_limited"] },
  },
  "POST /account/password_link_status": {
    values: pendingEmailChange,
    errors: { 404: ["link_not_valid", "link_expired", "link_superseded"] },
  },
  "POST /account/use_password_link": {
    values: done,
    errors: {
      404: ["link_not_valid", "link_expired", "link_superseded"],
      409: ["internal_conflict"],
      422: ["incorrect_code", "weak_password", "invalid_password_length"],
      429: ["rate_limited"],
    },
  },
  "GET /account/email_change/": { values: z.object({ pending: pendingEmailChange.nullable() }) },
  "POST /account/change_email": {
    values: pendingEmailChange,
    errors: { ...passwordErrors, 422: ["address_unchanged", "email_address_not_allowed"] },
  },
  "POST /account/cancel_email_change": { values: done },
  "POST /account/confirm_email": {
    values: done.extend({ email: z.string(), already: z.boolean() }),
    errors: {
      401: ["no_session"],
      404: ["link_not_valid", "link_expired"],
      409: ["address_in_use", "internal_conflict"],
      422: ["incorrect_code", "email_address_not_allowed"],
      429: ["rate_limited"],
    },
  },
  "POST /account/profile": { values: sessionUser },
  "GET /account/sessions/": { values: z.object({ sessions: z.array(sessionOverview) }), errors: notListed },
  "POST /account/end_session/": {
    values: done,
    errors: {
      ...passwordErrors,
      ...notListed,
      403: ["incorrect_password", "password_locked", "password_needed"],
      404: ["not_found"],
    },
  },
  "POST /account/end_other_sessions/": {
    values: done.extend({ ended: z.int() }),
    errors: { ...passwordErrors, ...notListed, 403: ["incorrect_password", "password_locked", "password_needed"] },
  },
  "GET /account/export": { values: accountExport },
  "POST /account/delete": {
    values: done,
    errors: { ...passwordErrors, 409: ["internal_conflict", "last_administrator"] },
  },
  "GET /admin/list_newusers/": { values: z.array(listedRegistration) },
  "POST /admin/accept_user/": {
    values: doneWithMessage.extend({ signup_token: z.string().nullable() }),
    errors: {
      400: ["registration_not_found"],
      409: [
        "registration_rejected",
        "registration_changed",
        "invalid_transition",
        "address_in_use",
        "email_address_not_allowed",
      ],
      429: ["rate_limited"],
      500: ["signup_failed", "signup_outcome_unknown"],
    },
  },
  "POST /admin/resend_signup_email/": {
    values: doneWithMessage,
    errors: {
      400: ["resend_failed"],
      404: ["signup_not_found"],
      409: ["address_in_use", "email_address_not_allowed"],
      429: ["rate_limited"],
    },
  },
  "POST /admin/reject_user/": {
    values: doneWithMessage,
    errors: { 404: ["registration_not_found"], 409: ["invalid_transition", "registration_changed"] },
  },
  "POST /admin/reopen_registration/": {
    values: doneWithMessage,
    errors: { 404: ["registration_not_found"], 409: ["invalid_transition", "address_in_use"] },
  },
  "POST /admin/delete_registration/": {
    values: doneWithMessage,
    errors: { 404: ["registration_not_found"], 409: ["invalid_transition", "registration_changed"] },
  },
  "GET /admin/registrations/": {
    values: z.object({
      rows: z.array(queuedRegistration),
      next,
      counts: z.record(registrationState, z.int()),
    }),
  },
  "POST /admin/decide_many/": { values: done.extend({ batch_id: z.string() }) },
  "GET /admin/batches/": {
    values: z.union([batch, z.object({ batches: z.array(batch) })]),
    errors: { 404: ["batch_not_found"] },
  },
  "GET /admin/decisions/": { values: z.object({ rows: z.array(loggedDecision), next }) },
  "GET /admin/people/": { values: z.object({ rows: z.array(person), next }) },
  "POST /admin/disable_user/": {
    values: doneWithMessage,
    errors: { ...userNotFound, 409: ["own_account", "invalid_transition", "last_administrator"] },
  },
  "POST /admin/enable_user/": { values: doneWithMessage, errors: { ...userNotFound, 409: ["invalid_transition"] } },
  "POST /admin/end_sessions/": { values: doneWithMessage, errors: userNotFound },
  "POST /admin/send_reset_link/": {
    values: doneWithMessage,
    errors: { ...userNotFound, 409: ["invalid_transition", "internal_conflict"], 429: ["rate_limited"] },
  },
  "POST /admin/delete_user/": {
    values: doneWithMessage,
    errors: { ...userNotFound, 409: ["own_account", "last_administrator"] },
  },
  "GET /admin/overview/": { values: overview },
  "GET /admin/preview_mail/": {
    values: z.object({ subject: z.string(), text: z.string(), html: z.string() }),
  },
  "GET /admin/mails/": { values: z.object({ mails: z.array(listedMail), next }) },
  "POST /admin/mails/replay/": {
    values: z.union([doneWithMessage, done.extend({ queued: z.int(), refused: z.record(z.string(), z.int()) })]),
    errors: { 404: ["mail_not_found"], 409: ["address_suppressed", "code_gone", "invalid_transition"] },
  },
  "POST /admin/mails/retry_deferred/": { values: done.extend({ due: z.int() }) },
  "GET /admin/mails/inbound/": { values: z.object({ inbound: z.array(listedInboundMail), next }) },
  "GET /admin/mails/suppressions/": {
    values: z.array(z.object({ email: z.string(), bounces: z.int(), reason: z.string(), suppressed_at: time })),
  },
  "POST /admin/mails/clear_address/": {
    values: doneWithMessage,
    errors: { 404: ["address_not_suppressed"] },
  },
  "POST /admin/add_permission/": {
    values: done,
    errors: { ...userNotFound, 403: ["admin_not_grantable"] },
  },
  "POST /admin/remove_permission/": {
    values: done,
    errors: { ...userNotFound, 403: ["admin_not_grantable"], 409: ["last_administrator"] },
  },
};
