import { normalizeEmailAddress } from "../wire/email-address.ts";
import { hmacSha256 } from "./crypto.ts";
import { currentRequest } from "./http/request-scope.ts";
import type { Log } from "./log.ts";

interface EventKind {
  /** For docs/operations.md. */
  when: string;
  /** What strangers can cause as often as they like is told once a minute for each caller, with how often it was. */
  oncePerMinute?: true;
}

/** Everything that whoever watches over the accounts is told, named as in OWASP's Application Logging Vocabulary. */
export const securityEvents = {
  authn_login_success: { when: "Somebody signed in." },
  authn_login_fail: {
    when: "A password, mailed code or temporary password was wrong, or there is no account to try it on.",
  },
  authn_login_fail_max: { when: "Another try was refused: there were too many.", oncePerMinute: true },
  authn_login_lock: { when: "A password stopped working after too many wrong tries in a row." },
  authn_password_change: { when: "A password was changed, or reset." },
  authn_token_created: { when: "A password reset was asked for; for an unknown address too." },
  authz_admin: {
    when: "An administrator did something to an account that changes nothing in it: `outcome` says what.",
  },
  authz_change: { when: "A permission was granted or taken: `outcome` says which. Also by a set-up link." },
  authz_fail: {
    when: "A request was denied (401, 403): no session, no permission, a set-up link that is not good, a wrong internal secret.",
    oncePerMinute: true,
  },
  excess_rate_limit_exceeded: { when: "A limit was reached (429, `rate_limited`).", oncePerMinute: true },
  malicious_cors: { when: "A page of another origin tried to change something.", oncePerMinute: true },
  sensitive_read: {
    when: "Somebody took everything that is kept of them, or an administrator the list of people or the log.",
  },
  session_expired: { when: "Sessions were ended: `action` or `outcome` says how." },
  sys_shutdown: { when: "A server stops." },
  sys_startup: { when: "A server listens." },
  user_created: { when: "A sign-up was completed." },
  user_deleted: { when: "An account was deleted." },
  user_updated: { when: "An account was disabled or enabled, or its address changed." },
} as const satisfies Record<string, EventKind>;

export type SecurityEvent = keyof typeof securityEvents;

/** What an event is about. Never a token, code or password. */
export interface EventDetails {
  /** The user's id; of an address without an account, the one that strangers are shown. */
  user?: string | undefined;
  /** A mail address, which the log shows as a keyed hash. */
  address?: string | undefined;
  /** Who did it to the user, if not the user: a user id, `cli` or `setup-link`. */
  by?: string | undefined;
  /** The action or route. */
  action?: string | undefined;
  outcome?: string | undefined;
}

export interface SecurityEvents {
  record(event: SecurityEvent, details?: EventDetails): void;
}

/** Callers of whom is remembered that they were told of; beyond that they count as one. */
const mostRemembered = 10_000;
const minute = 60_000;

/**
 * Writes each event as one line at `info`, with the caller's address and the request's id.
 *
 * @param key of the hashes that stand for mail addresses: the same for one address, and of no use to who lacks the key
 */
export function createSecurityEvents(log: Log, key: Uint8Array): SecurityEvents {
  const untold = new Map<string, number>();

  /** Tells the first at once, and after a minute how many more there were. */
  function tellSparingly(line: Line): void {
    const ownKey = JSON.stringify([line.name, line.caller, line.action, line.outcome]);
    const key = untold.has(ownKey) || untold.size < mostRemembered ? ownKey : line.name;
    const more = untold.get(key);
    untold.set(key, more === undefined ? 0 : more + 1);
    if (more !== undefined) return;
    tell(line);
    setTimeout(() => {
      const times = untold.get(key) ?? 0;
      untold.delete(key);
      if (times > 0) tell({ ...line, times });
    }, minute).unref();
  }

  function tell({ name, ...line }: Line): void {
    log.info(line, securityEvents[name].when);
  }

  return {
    record: (name, { user, address, by, action, outcome } = {}) => {
      const hash = address === undefined ? undefined : hashOf(key, address);
      const about = user ?? hash;
      const event = about === undefined ? name : `${name}:${about}`;
      const line = { name, event, user, address: hash, by, action, outcome, caller: currentRequest()?.caller };
      if ("oncePerMinute" in securityEvents[name]) tellSparingly(line);
      else tell(line);
    },
  };
}

type Line = { name: SecurityEvent; event: string; caller: string | undefined; times?: number } & EventDetails;

function hashOf(key: Uint8Array, address: string): string {
  return hmacSha256(key, normalizeEmailAddress(address)).subarray(0, 12).toString("base64url");
}
