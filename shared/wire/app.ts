/** What the app server's public routes answer, as frontends see it. Names as on the wire; times are unix seconds. */

import type { SessionOverview } from "./faroe.ts";

/** Every `code` of an `application/problem+json` answer. Each is stable. */
export type AppErrorCode =
  | "address_in_use"
  | "address_not_suppressed"
  | "address_suppressed"
  | "address_unchanged"
  | "admin_not_grantable"
  | "already_registered"
  | "another_person_signed_in"
  | "auth_server_unavailable"
  | "batch_not_found"
  | "body_too_large"
  | "code_gone"
  | "code_needed"
  | "database_unavailable"
  | "email_address_not_allowed"
  | "incorrect_code"
  | "incorrect_password"
  | "password_locked"
  | "internal_conflict"
  | "internal_error"
  | "invalid_field"
  | "invalid_origin"
  | "invalid_password_length"
  | "invalid_request"
  | "invalid_session"
  | "invalid_transition"
  | "last_administrator"
  | "link_expired"
  | "link_not_valid"
  | "link_superseded"
  | "mail_not_found"
  | "method_not_allowed"
  | "missing_field"
  | "missing_permission"
  | "no_session"
  | "not_found"
  | "not_supported"
  | "own_account"
  | "password_needed"
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
  | "user_not_found"
  | "weak_password";

export interface RegistrationStatus {
  email: string;
  accepted: boolean;
  /** The caller's own; null while there is none to be had. */
  signup_token: string | null;
  /** Only for a registration that was decided against, or for an open sign-up whose token takes the mailed code. */
  state?: "rejected" | "code_needed";
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

/** Something that arrived where a mail comes back to. */
export interface ListedInboundMail {
  id: number;
  /** The mail it is about with its address and type; null when that is not kept any more. */
  mail_id: string | null;
  email: string | null;
  type: string | null;
  kind: "bounce" | "delay" | "success" | "complaint" | "other";
  /** What it changed. */
  outcome: "bounced" | "delayed" | "noted" | "known" | "unknown_mail";
  reason: string | null;
  /** How it begins. */
  excerpt: string;
  received_at: number;
}

export interface ListedSuppression {
  email: string;
  bounces: number;
  /** What was said the last time. */
  reason: string;
  suppressed_at: number;
}

/** A registration as the queue of decisions shows it. */
export interface QueuedRegistration extends ListedRegistration {
  id: string;
  decided_by_name: string | null;
  /** What mails to this person are written in. */
  language: AccountPreferences["language"];
  /** How earlier registrations of the address ended, and rejections that were reopened; newest first. */
  earlier: EarlierRegistration[];
  /** How many other people, waiting or with an account, have the same first and last name. */
  same_name: number;
  /** How many requests for the address wait: this one, and those that came after it. */
  requests: number;
  /** The first five of the others. Any may be accepted instead, by its `registration_id`. */
  alternatives: AlternativeRequest[];
}

export interface AlternativeRequest {
  registration_id: string;
  firstname: string;
  lastname: string;
  created_at: number;
}

export interface EarlierRegistration {
  state: "REJECTED" | "WITHDRAWN" | "EXPIRED";
  /** Null when nobody had decided. */
  decided_at: number | null;
  reason: string | null;
}

/** Decisions about many registrations at once, carried out one after the other. */
export interface ListedBatch {
  id: string;
  decision: "accept" | "reject";
  reason: string | null;
  actor: string;
  actor_name: string | null;
  total: number;
  /** How many were decided as asked. */
  done: number;
  failed: FailedBatchItem[];
  created_at: number;
  finished_at: number | null;
}

export interface FailedBatchItem {
  email: string;
  error: AppErrorCode;
  /** Who was quicker, when that is why. */
  decided_by_name: string | null;
  decided_at: number | null;
}

export type DecisionAction =
  | "accept"
  | "reject"
  | "reopen"
  | "delete_registration"
  | "resend"
  | "grant_permission"
  | "revoke_permission"
  | "disable_user"
  | "enable_user"
  | "end_sessions"
  | "send_reset_link"
  | "delete_user"
  | "clear_address"
  | "replay_mail"
  | "address_taken";

/** An entry of the log of decisions, which is only ever added to. */
export interface LoggedDecision {
  id: number;
  at: number;
  /** A user id, `cli` or `setup-link`. */
  actor: string;
  /** As it was then; null for those who are no person. */
  actor_name: string | null;
  action: DecisionAction;
  /** The mail address of whom it was about. */
  subject: string;
  reason: string | null;
  /** The permission, or the kind of mail. */
  detail: string | null;
}

export interface ListedPerson {
  user_id: string;
  email: string;
  firstname: string;
  lastname: string;
  permissions: string[];
  disabled: boolean;
  created_at: number;
  /** The newest mail to the address. */
  mail: MailSummary | null;
}

export interface Overview {
  /** The last 30 days, oldest first, in UTC. */
  days: { date: string; registrations: number; accepted: number; rejected: number }[];
  /** Of those 30 days; null when nothing was decided. */
  hours_to_decision: { median: number; p90: number } | null;
  waiting: { count: number; oldest_at: number | null };
  mails: Record<MailState, number>;
}

/** What a 409 says beside its code when somebody else has decided. */
export interface DecidedBefore {
  state: string;
  decided_by: string | null;
  decided_by_name: string | null;
  decided_at: number | null;
}

/** What a person chose about their mails, or what holds because they have chosen nothing. */
export interface AccountPreferences {
  language: "en" | "nl";
  /** The mails they may switch off, by their kind. Not everybody has all, and a newer server may have more. */
  mail: Partial<Record<string, boolean>>;
}

export interface SessionInfo {
  user: { user_id: string; email: string; firstname: string; lastname: string; permissions: string[] };
  created_at: number;
  /** Null when sessions have no absolute end. */
  expires_at: number | null;
}

/** An address that waits for its code. */
export interface PendingEmailChange {
  email: string;
  expires_at: number;
}

/** Everything that is kept of a person, as they may take it away. Nothing secret. */
export interface AccountExport {
  exported_at: number;
  account: SessionInfo["user"] & { language: AccountPreferences["language"]; created_at: number };
  permissions: { permission: string; granted_by: string; granted_at: number; expires_at: number | null }[];
  preferences: AccountPreferences;
  /** Null when the auth server does not list them. */
  sessions: SessionOverview[] | null;
  pending_email_change: PendingEmailChange | null;
  mails: ListedMail[];
  decisions: { at: number; action: string; reason: string | null }[];
}

interface Done {
  success: true;
}

/** What destroys, grants or hides something asks for the password of those who showed it more than 15 minutes ago. */
interface FreshProof {
  password?: string;
}

interface DoneWithMessage extends Done {
  message: string;
}

/** A page of a list; `after` is the `next` of the page before. */
interface PageQuery {
  after?: string | undefined;
  limit?: number | undefined;
}

/** Per route what is sent, as the body or in the query, and what comes back when all is well. */
export interface AppRoutes {
  "POST /auth/request_registration": {
    body: {
      email: string;
      firstname?: string;
      lastname?: string;
      language?: AccountPreferences["language"];
      request_key?: string;
    };
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
  "POST /auth/withdraw_registration": { body: { registration_token: string; code?: string }; values: DoneWithMessage };
  "POST /auth/setup_administrator": {
    body: { setup_token: string; email: string; firstname?: string; lastname?: string };
    values: DoneWithMessage & { registration_token: string };
  };
  "GET /auth/session_info/": { body: undefined; values: SessionInfo | { error: "no_session" } };
  "POST /cookies/set_session/": { body: { session_token: string }; values: Done };
  "POST /cookies/clear_session/": { body: Record<string, never>; values: Done };
  "GET /account/preferences/": { body: undefined; values: AccountPreferences };
  "POST /account/preferences/": { body: Partial<AccountPreferences> & FreshProof; values: AccountPreferences };
  /** With the token of a link that has expired, a new one goes to the same address. */
  "POST /account/request_password_link": { body: { email: string } | { token: string }; values: DoneWithMessage };
  "POST /account/password_link_status": { body: { token: string }; values: PendingEmailChange };
  "POST /account/use_password_link": {
    body: { code: string; password: string } & ({ token: string } | { email: string });
    values: Done;
  };
  "GET /account/email_change/": { body: undefined; values: { pending: PendingEmailChange | null } };
  "POST /account/change_email": { body: { email: string; password: string }; values: PendingEmailChange };
  "POST /account/cancel_email_change": { body: Record<string, never>; values: Done };
  /** Without a token the change of whoever is signed in. `already`: it had been confirmed before. */
  "POST /account/confirm_email": {
    body: { token?: string; code: string };
    values: Done & { email: string; already: boolean };
  };
  "POST /account/profile": { body: { firstname: string; lastname: string }; values: SessionInfo["user"] };
  "GET /account/sessions/": { body: undefined; values: { sessions: SessionOverview[] } };
  "POST /account/end_session/": { body: { session_id: string; password?: string }; values: Done };
  "POST /account/end_other_sessions/": { body: { password?: string }; values: Done & { ended: number } };
  "GET /account/export": { body: undefined; values: AccountExport };
  "POST /account/delete": { body: { password: string }; values: Done };
  "GET /admin/list_newusers/": { body: undefined; values: ListedRegistration[] };
  "POST /admin/accept_user/": {
    body: { email: string; registration_id?: string };
    values: DoneWithMessage & { signup_token: string | null };
  };
  "POST /admin/resend_signup_email/": { body: { email: string }; values: DoneWithMessage };
  "POST /admin/reject_user/": { body: { email: string; reason?: string }; values: DoneWithMessage };
  "POST /admin/reopen_registration/": { body: { email: string }; values: DoneWithMessage };
  "POST /admin/delete_registration/": { body: { email: string }; values: DoneWithMessage };
  "GET /admin/registrations/": {
    body: undefined;
    /** States separated by commas; those who wait unless told. `search` is a part of name or address. */
    query: PageQuery & { state?: string | undefined; search?: string | undefined };
    values: {
      rows: QueuedRegistration[];
      next: string | null;
      /** Of all there are, whatever is searched for. */
      counts: Record<ListedRegistration["state"], number>;
    };
  };
  "POST /admin/decide_many/": {
    body: { decision: "accept" | "reject"; emails: string[]; reason?: string } & FreshProof;
    values: Done & { batch_id: string };
  };
  /** One with `id`; without, the latest of them. */
  "GET /admin/batches/": {
    body: undefined;
    query: { id?: string | undefined };
    values: ListedBatch | { batches: ListedBatch[] };
  };
  "GET /admin/decisions/": {
    body: undefined;
    /** Newest first. `search` is a part of the subject or of who decided. */
    query: PageQuery & { search?: string | undefined };
    values: { rows: LoggedDecision[]; next: string | null };
  };
  "GET /admin/people/": {
    body: undefined;
    /** Newest first. `search` is a part of name or address. */
    query: PageQuery & { search?: string | undefined };
    values: { rows: ListedPerson[]; next: string | null };
  };
  "POST /admin/disable_user/": { body: { user_id: string } & FreshProof; values: DoneWithMessage };
  "POST /admin/enable_user/": { body: { user_id: string } & FreshProof; values: DoneWithMessage };
  "POST /admin/end_sessions/": { body: { user_id: string }; values: DoneWithMessage };
  "POST /admin/send_reset_link/": { body: { user_id: string } & FreshProof; values: DoneWithMessage };
  "POST /admin/delete_user/": { body: { user_id: string } & FreshProof; values: DoneWithMessage };
  "GET /admin/overview/": { body: undefined; values: Overview };
  /** What the person would get, in their language. */
  "GET /admin/preview_mail/": {
    body: undefined;
    query: {
      type: "registration_rejected" | "signup_verification" | "account_ready";
      email: string;
      reason?: string | undefined;
    };
    values: { subject: string; text: string; html: string };
  };
  "GET /admin/mails/": {
    body: undefined;
    query: PageQuery & { status?: MailState | undefined; email?: string | undefined };
    values: { mails: ListedMail[]; next: string | null };
  };
  "POST /admin/mails/replay/": {
    body: { id: string } | { all: true };
    values: Done & ({ message: string } | { queued: number; refused: Record<string, number> });
  };
  "POST /admin/mails/retry_deferred/": { body: Record<string, never>; values: Done & { due: number } };
  "GET /admin/mails/inbound/": {
    body: undefined;
    query: { mail?: string | undefined; before?: string | undefined; limit?: number | undefined };
    values: { inbound: ListedInboundMail[]; next: string | null };
  };
  "GET /admin/mails/suppressions/": { body: undefined; values: ListedSuppression[] };
  "POST /admin/mails/clear_address/": { body: { email: string }; values: DoneWithMessage };
  "POST /admin/add_permission/": { body: { user_id: string; permission: string } & FreshProof; values: Done };
  "POST /admin/remove_permission/": { body: { user_id: string; permission: string } & FreshProof; values: Done };
}

export type AppRoute = keyof AppRoutes;
