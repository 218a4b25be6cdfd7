import { currentRequest } from "@anteroom/shared/runtime/request-scope";
import type { AppErrorCode } from "@anteroom/shared/wire/app";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/**
 * An answer that is not success, as RFC 9457 `application/problem+json`. `code` is stable and meant for programs;
 * `error` is the same text as `detail`, for callers that know the Dodeka backend; `request_id` leads to its log lines.
 */
export interface Problem {
  status: ContentfulStatusCode;
  code: AppErrorCode;
  detail: string;
  /** Further members, such as `error_code` or `errors` per field. */
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
}

export function problem(
  status: ContentfulStatusCode,
  code: AppErrorCode,
  detail: string,
  members?: Problem["members"],
): Problem {
  return { status, code, detail, ...(members ? { members } : {}) };
}

export function answerProblem(context: Context, { status, code, detail, members, headers }: Problem): Response {
  context.set("problem", code);
  const body = {
    type: "about:blank",
    status,
    code,
    detail,
    error: detail,
    request_id: currentRequest()?.id,
    ...members,
  };
  return context.json(body, status, { "content-type": "application/problem+json", ...headers });
}

/** What a rule came to: `{success: true, …}`, or its problem. */
export function answerOutcome(
  context: Context,
  result: { ok: true; values: object } | { ok: false; problem: Problem },
): Response {
  return result.ok ? context.json({ success: true, ...result.values }) : answerProblem(context, result.problem);
}

export const notFound = problem(404, "not_found", "There is nothing here.");

export function tooManyRequests(retryAfter: number): Problem {
  return {
    ...problem(429, "rate_limited", "Too many requests. Wait a moment and try again."),
    headers: { "retry-after": String(Math.max(1, Math.ceil(retryAfter))) },
  };
}

/** Somebody else's outage: nothing is wrong with what was asked, and in a moment it may work. */
function unavailable(code: AppErrorCode, detail: string): Problem {
  return { ...problem(503, code, detail), headers: { "retry-after": "5" } };
}

export const authServerUnavailable = unavailable(
  "auth_server_unavailable",
  "Signing in and signing up are not available just now. Try again in a minute.",
);

export const databaseUnavailable = unavailable(
  "database_unavailable",
  "Nothing can be looked up or changed just now. Try again in a minute.",
);
