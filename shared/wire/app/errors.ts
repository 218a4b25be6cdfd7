import { z } from "zod";

/** Every `code` of an `application/problem+json` answer. Each is stable. */
export const appErrorCodes = [
  "address_in_use",
  "address_not_suppressed",
  "address_suppressed",
  "address_unchanged",
  "admin_not_grantable",
  "already_registered",
  "another_person_signed_in",
  "auth_server_unavailable",
  "batch_not_found",
  "body_too_large",
  "code_gone",
  "code_needed",
  "cookie_not_kept",
  "database_unavailable",
  "email_address_not_allowed",
  "incorrect_code",
  "incorrect_password",
  "password_locked",
  "internal_conflict",
  "internal_error",
  "invalid_field",
  "invalid_origin",
  "invalid_password_length",
  "invalid_request",
  "invalid_session",
  "invalid_transition",
  "last_administrator",
  "link_expired",
  "link_not_valid",
  "link_superseded",
  "mail_not_found",
  "method_not_allowed",
  "missing_field",
  "missing_permission",
  "no_session",
  "not_found",
  "not_supported",
  "own_account",
  "password_needed",
  "rate_limited",
  "registration_changed",
  "registration_not_accepted",
  "registration_not_found",
  "registration_rejected",
  "resend_failed",
  "setup_link_not_valid",
  "signup_failed",
  "signup_not_found",
  "signup_outcome_unknown",
  "unsubscribe_link_not_valid",
  "user_not_found",
  "weak_password",
] as const;

export type AppErrorCode = (typeof appErrorCodes)[number];

/**
 * Why something is refused: a code, and behind a slash the occasion, where one code is met on several and something else is to be
 * said, or answered with another status. Programs are told what stands before the slash.
 */
export type Reason =
  | AppErrorCode
  | "address_in_use/change"
  | "address_in_use/own_request"
  | "address_in_use/set_up"
  | "email_address_not_allowed/change"
  | "incorrect_code/address"
  | "invalid_origin/mailbox"
  | "invalid_request/action"
  | "invalid_transition/disabled"
  | "invalid_transition/disabled_first"
  | "invalid_transition/made"
  | "invalid_transition/mail"
  | "invalid_transition/not_disabled"
  | "invalid_transition/rejected"
  | "last_administrator/self"
  | "not_found/session"
  | "password_needed/signed_in"
  | "rate_limited/opening"
  | "registration_not_found/address"
  | "registration_not_found/newusers"
  | "user_not_found/address";

/** What programs are told. */
export type CodeOf<R extends Reason> = R extends `${infer Code}/${string}` ? Code : R;

/** Why a password that is shown is not taken. */
export const passwordReasons = [
  "incorrect_password",
  "password_locked",
  "rate_limited",
  "internal_conflict",
] as const satisfies Reason[];

export type PasswordReason = (typeof passwordReasons)[number];

const fieldError = z.object({ field: z.string(), message: z.string() });

/** What an answer says beside its code when somebody else has decided. */
const decidedBefore = z.object({
  state: z.string(),
  decided_by: z.string().nullable(),
  decided_by_name: z.string().nullable(),
  decided_at: z.int().nullable().describe("Unix seconds."),
});

export type DecidedBefore = z.output<typeof decidedBefore>;

/** RFC 9457 `application/problem+json`: how every refusal is answered. */
export const problem = z
  .object({
    type: z.string(),
    status: z.int(),
    code: z.enum(appErrorCodes).describe("Stable; for programs."),
    detail: z.string().describe("For people."),
    error: z.string().describe("For programs that know the Dodeka backend: a fixed text, or `detail`."),
    request_id: z.string().exactOptional().describe("By which the logs of both servers find the request."),
    errors: z.array(fieldError).exactOptional().describe("Fields that need attention."),
    error_code: z.string().exactOptional().describe("What the auth server refused with."),
    hint: z.string().exactOptional().describe("What may help, for people."),
    ...decidedBefore.partial().shape,
  })
  .meta({ id: "Problem" });

export type Problem = z.output<typeof problem>;
