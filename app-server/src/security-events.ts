import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import type { SecurityEvent, SecurityEvents } from "@anteroom/shared/runtime/security-events";
import type { AppErrorCode } from "@anteroom/shared/wire/app/errors";
import type { DecisionAction } from "@anteroom/shared/wire/app/oversight";
import type { MiddlewareHandler } from "hono/types";

const refusalsByCode: { readonly [C in AppErrorCode]?: SecurityEvent } = {
  invalid_origin: "malicious_cors",
  setup_link_not_valid: "authz_fail",
};

const refusalsByStatus: Readonly<Record<number, SecurityEvent>> = {
  401: "authz_fail",
  403: "authz_fail",
  429: "excess_rate_limit_exceeded",
};

/** Told by the answer, so that no route can forget it. */
export function recordRefusals(events: SecurityEvents): MiddlewareHandler {
  return async (http, next) => {
    await next();
    const code: AppErrorCode | undefined = http.get("problem");
    const event = (code && refusalsByCode[code]) ?? refusalsByStatus[http.res.status];
    if (event === undefined) return;
    events.record(event, { user: currentRequest()?.subject?.user, action: http.get("route"), outcome: code });
  };
}

/** What administrators do to an account. */
export const eventsOfDecisions = {
  disable_user: "user_updated",
  enable_user: "user_updated",
  end_sessions: "session_expired",
  delete_user: "user_deleted",
  send_reset_link: "authz_admin",
} as const satisfies { [A in DecisionAction]?: SecurityEvent };
