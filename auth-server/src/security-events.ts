import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import type { SecurityEvent, SecurityEvents } from "@anteroom/shared/runtime/security-events";
import type { ServedAction } from "./http/invoke.ts";

/** What the success of an action means for accounts. Those that are not here change none, or only begin to. */
const successes: { readonly [A in ServedAction]?: SecurityEvent } = {
  complete_signup: "user_created",
  complete_signin: "authn_login_success",
  delete_session: "session_expired",
  delete_all_sessions: "session_expired",
  end_session: "session_expired",
  complete_user_email_address_update: "user_updated",
  complete_user_password_update: "authn_password_change",
  complete_user_deletion: "user_deleted",
  create_user_password_reset: "authn_token_created",
  complete_user_password_reset: "authn_password_change",
};

/** Strict mode says so; otherwise a decoy's password is wrong. */
const nobodyToSignIn = ["user_not_found", "user_disabled"];

function eventOf(action: ServedAction, outcome: string): SecurityEvent | undefined {
  if (outcome === "ok") return successes[action];
  if (["rate_limited", "password_locked", "queue_full"].includes(outcome))
    return action.startsWith("verify_") ? "authn_login_fail_max" : "excess_rate_limit_exceeded";
  return outcome.startsWith("incorrect_") || nobodyToSignIn.includes(outcome) ? "authn_login_fail" : undefined;
}

/** Called with the outcome of every action: its code, `ok`, or `queue_full`. */
export function recordOutcome(
  events: SecurityEvents,
  action: ServedAction,
  outcome: string,
  args: Record<string, string>,
): void {
  const event = eventOf(action, outcome);
  if (event === undefined) return;
  const { user, address } = currentRequest()?.subject ?? {};
  const named = args.user_email_address ?? args.email_address ?? args.new_email_address;
  events.record(event, { user, address: address ?? named, action, outcome });
}
