import type { CodeOf, Problem, Reason } from "@anteroom/shared/wire/app/errors";

/** What a rule came to: what was asked for, or one of the reasons `R` that it may refuse for. Bugs and outages are thrown instead. */
export type Outcome<T, R extends Reason> = { ok: true; values: T } | Refused<R>;

export interface Refused<R extends Reason> {
  ok: false;
  refusal: Refusal<R>;
}

/** Why not. The status and the sentence that it is answered with stand in http/errors.ts. */
export interface Refusal<R extends Reason = Reason> {
  reason: R;
  /** What the sentence names. */
  values?: Record<string, string>;
  /** Further members of the answer, such as `error_code`. */
  members?: Members;
  /** Seconds after which another try may succeed. */
  retryAfter?: number;
}

type Members = Partial<Omit<Problem, "type" | "status" | "code" | "detail" | "hint" | "request_id">>;

type More = Omit<Refusal, "reason">;

export function refusalOf<R extends Reason>(reason: R, more: More = {}): Refusal<R> {
  return { reason, ...more };
}

export function refuse<R extends Reason>(reason: R, more: More = {}): Refused<R> {
  return { ok: false, refusal: refusalOf(reason, more) };
}

/** `error` is the source document's text, which names every field that the route needs. */
export function missingFields(missing: readonly string[], needed = missing): Refused<"missing_field"> {
  const errors = missing.map((field) => ({ field, message: "This is needed." }));
  const error = `Missing ${needed.join(" or ")}`;
  return refuse("missing_field", { values: { fields: missing.join(" and ") }, members: { error, errors } });
}

export function refuseWith<R extends Reason>(refusal: Refusal<R>): Refused<R> {
  return { ok: false, refusal };
}

/** What programs read. */
export function codeOf<R extends Reason>({ reason }: Refusal<R>): CodeOf<R> {
  return reason.split("/", 1)[0] as CodeOf<R>;
}

export function tooManyRequests(retryAfter: number): Refusal<"rate_limited"> {
  return refusalOf("rate_limited", { retryAfter });
}
