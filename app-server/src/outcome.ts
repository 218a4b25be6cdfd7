import type { AppErrorCode } from "@anteroom/shared/wire/app";

/** What a rule came to. Bugs and outages are thrown instead. */
export type Outcome<T> = { ok: true; values: T } | Refused;

export type Refused = { ok: false; refusal: Refusal };

/** Why not. The status and the sentence that it is answered with stand in http/errors.ts. */
export interface Refusal {
  reason: Reason;
  /** What the sentence names. */
  values?: Record<string, string>;
  /** Further members of the answer, such as `error_code`. */
  members?: Record<string, unknown>;
  /** Seconds after which another try may succeed. */
  retryAfter?: number;
}

/** A code of the contract; behind a slash, what is to be said where one code is met on several occasions. */
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
  | "invalid_transition/mail"
  | "invalid_transition/not_disabled"
  | "invalid_transition/rejected"
  | "last_administrator/self"
  | "not_found/session"
  | "password_needed/signed_in"
  | "registration_not_found/address"
  | "registration_not_found/newusers"
  | "user_not_found/address";

export function refusalOf(reason: Reason, more: Omit<Refusal, "reason"> = {}): Refusal {
  return { reason, ...more };
}

export function refuse(reason: Reason, more: Omit<Refusal, "reason"> = {}): Refused {
  return { ok: false, refusal: refusalOf(reason, more) };
}

export function refuseWith(refusal: Refusal): Refused {
  return { ok: false, refusal };
}

/** What programs read. */
export function codeOf({ reason }: Pick<Refusal, "reason">): AppErrorCode {
  return reason.split("/", 1)[0] as AppErrorCode;
}

export function tooManyRequests(retryAfter: number): Refusal {
  return refusalOf("rate_limited", { retryAfter });
}
