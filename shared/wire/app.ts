/** What the app server's public routes answer, as frontends see it. Names as on the wire; times are unix seconds. */

/** Every `code` of an `application/problem+json` answer. Each is stable. */
export type AppErrorCode =
  | "address_in_use"
  | "address_not_suppressed"
  | "address_suppressed"
  | "admin_not_grantable"
  | "already_registered"
  | "auth_server_unavailable"
  | "body_too_large"
  | "code_gone"
  | "internal_error"
  | "invalid_field"
  | "invalid_origin"
  | "invalid_request"
  | "invalid_session"
  | "invalid_transition"
  | "mail_not_found"
  | "missing_field"
  | "missing_permission"
  | "no_session"
  | "not_found"
  | "rate_limited"
  | "registration_changed"
  | "registration_not_accepted"
  | "registration_not_found"
  | "registration_rejected"
  | "resend_failed"
  | "setup_link_not_valid"
  | "signup_failed"
  | "signup_not_found"
  | "signup_outcome_unknown"
  | "unsubscribe_link_not_valid"
  | "user_not_found";

export interface RegistrationStatus {
  email: string;
  accepted: boolean;
  /** The caller's own; null while there is none to be had. */
  signup_token: string | null;
  /** Only for a registration that was decided against. */
  state?: "rejected";
}

export interface ListedRegistration {
  email: string;
  firstname: string;
  lastname: string;
  accepted: boolean;
  state: "REQUESTED" | "ACCEPTING" | "ACCEPTED" | "OPEN" | "REJECTED";
  created_at: number;
  /** A user id, `cli`, `setup-link`, or null while undecided. */
  decided_by: string | null;
  decided_at: number | null;
  reason: string | null;
  /** What became of the newest mail about it. */
  mail: MailSummary | null;
}

/**
 * `queued`: waits for its first try. `accepted`: the relay took it. `deferred`: will be tried again. `failed`: given up.
 * `bounced`: the relay took it and it came back.
 */
export type MailState = "queued" | "accepted" | "deferred" | "failed" | "bounced";

export interface MailSummary {
  type: string;
  status: MailState;
  /** The relay's reply, or why it was deferred, failed or bounced. */
  reason: string | null;
  /** When the status was last written. */
  at: number;
  /** Only while deferred. */
  next_try_at: number | null;
}

export interface ListedMail {
  id: string;
  type: string;
  email: string;
  registration_id: string | null;
  status: MailState;
  reason: string | null;
  attempts: number;
  next_try_at: number | null;
  created_at: number;
  updated_at: number;
}

export interface ListedSuppression {
  email: string;
  bounces: number;
  /** What was said the last time. */
  reason: string;
  suppressed_at: number;
}

/** What a person chose about their mails, or what holds because they have chosen nothing. */
export interface AccountPreferences {
  language: "en" | "nl";
  /** The mails they may switch off; `approval_request` for administrators only. */
  mail: Partial<Record<"signin_notification" | "approval_request", boolean>>;
}

export interface SessionInfo {
  user: { user_id: string; email: string; firstname: string; lastname: string; permissions: string[] };
  created_at: number;
  /** Null when sessions have no absolute end. */
  expires_at: number | null;
}

interface Done {
  success: true;
}

interface DoneWithMessage extends Done {
  message: string;
}

/** Per route what is sent and what comes back when all is well. */
export interface AppRoutes {
  "POST /auth/request_registration": {
    body: { email: string; firstname?: string; lastname?: string; language?: AccountPreferences["language"] };
    values: DoneWithMessage & { registration_token: string };
  };
  "POST /auth/registration_status": {
    body: { registration_token: string; code?: string };
    values: RegistrationStatus;
  };
  "POST /auth/lookup_registration": {
    body: { email: string; code: string };
    values: { found: true; token: string } | { found: false };
  };
  "POST /auth/renew_signup": {
    body: { registration_token: string };
    values: Done & { signup_token: string | null; email: string };
  };
  "POST /auth/withdraw_registration": { body: { registration_token: string }; values: DoneWithMessage };
  "POST /auth/setup_administrator": {
    body: { setup_token: string; email: string; firstname?: string; lastname?: string };
    values: DoneWithMessage & { registration_token: string };
  };
  "GET /auth/session_info/": { body: undefined; values: SessionInfo | { error: "no_session" } };
  "POST /cookies/set_session/": { body: { session_token: string }; values: Done };
  "POST /cookies/clear_session/": { body: Record<string, never>; values: Done };
  "GET /account/preferences/": { body: undefined; values: AccountPreferences };
  "POST /account/preferences/": { body: Partial<AccountPreferences>; values: AccountPreferences };
  "GET /admin/list_newusers/": { body: undefined; values: ListedRegistration[] };
  "POST /admin/accept_user/": { body: { email: string }; values: DoneWithMessage & { signup_token: string | null } };
  "POST /admin/resend_signup_email/": { body: { email: string }; values: DoneWithMessage };
  "POST /admin/reject_user/": { body: { email: string; reason?: string }; values: DoneWithMessage };
  "POST /admin/reopen_registration/": { body: { email: string }; values: DoneWithMessage };
  "POST /admin/delete_registration/": { body: { email: string }; values: DoneWithMessage };
  "GET /admin/mails/": { body: undefined; values: { mails: ListedMail[]; next: string | null } };
  "POST /admin/mails/replay/": {
    body: { id: string } | { all: true };
    values: Done & ({ message: string } | { queued: number; refused: Record<string, number> });
  };
  "POST /admin/mails/retry_deferred/": { body: Record<string, never>; values: Done & { due: number } };
  "GET /admin/mails/suppressions/": { body: undefined; values: ListedSuppression[] };
  "POST /admin/mails/clear_address/": { body: { email: string }; values: DoneWithMessage };
  "POST /admin/add_permission/": { body: { user_id: string; permission: string }; values: Done };
  "POST /admin/remove_permission/": { body: { user_id: string; permission: string }; values: Done };
}

export type AppRoute = keyof AppRoutes;
