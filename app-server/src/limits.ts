import { type GuessLimit, unlimited } from "@anteroom/shared/runtime/guesses";
import type { Bucket, RateLimit } from "@anteroom/shared/runtime/rate-limits";

/** Every bucket of this server. docs/security.md shows this table. */
export const limits = {
  requestsPerCaller: {
    kind: "ip_registration",
    capacity: 10,
    interval: 360,
    purpose: "registrations",
    key: "caller",
    paidBy: "caller",
    harms: "the caller",
  },
  lookupsPerCaller: {
    kind: "ip_lookup",
    capacity: 30,
    interval: 2,
    purpose: "look-ups of a registration",
    key: "caller",
    paidBy: "caller",
    harms: "the caller",
  },
  /** A page that waits looks every ten seconds, and a whole hall of them may have one address. */
  statusPerCaller: {
    kind: "ip_status",
    capacity: 1_000,
    interval: 0.1,
    purpose: "looks at where a registration stands",
    key: "caller",
    paidBy: "caller",
    harms: "the caller, whose page looks again later",
  },
  renewalsPerCaller: {
    kind: "ip_renewal",
    capacity: 30,
    interval: 60,
    purpose: "codes of a sign-up that are mailed again, whomever they are for",
    key: "caller",
    paidBy: "caller",
    harms: "the caller",
  },
  linksPerCaller: {
    kind: "ip_links",
    capacity: 10,
    interval: 360,
    purpose: "links for a new password, whomever they are for",
    key: "caller",
    paidBy: "caller",
    harms: "the caller",
  },
  codes: {
    kind: "codes",
    capacity: 50_000,
    interval: 2,
    purpose: "wrong codes of a sign-up or a link, all callers together",
    key: "address",
    paidBy: "anybody",
    harms:
      "nobody by a thousand callers or networks at their own limits; ten thousand at once keep the owner waiting as long as they go on",
  },
  resendsPerRegistration: {
    kind: "code_resend",
    capacity: 1,
    interval: 10,
    purpose: "mails with the same code, for a button that is pressed twice",
    key: "registration",
    paidBy: "anybody",
    harms: "nobody: whoever finds it empty has a mail on its way",
  },
  hintsPerAddress: {
    kind: "registration_hint",
    capacity: 1,
    interval: 86_400,
    purpose: "hints that an address has an account",
    key: "address",
    paidBy: "anybody",
    harms: "nobody: a hint is a courtesy",
  },
  setupsPerCaller: {
    kind: "ip_setup",
    capacity: 10,
    interval: 360,
    purpose: "uses of a setup link",
    key: "caller",
    paidBy: "caller",
    harms: "the caller",
  },
  /** Both are taken before anything is known of the address, so that running dry tells nothing of it. */
  changesPerUser: {
    kind: "email_change_user",
    capacity: 5,
    interval: 1800,
    purpose: "changes of address that a member asks for",
    key: "user",
    paidBy: "owner",
    harms: "the member",
  },
  changesPerAddress: {
    kind: "email_change_address",
    capacity: 5,
    interval: 1800,
    purpose: "changes to one address",
    key: "address",
    paidBy: "anybody",
    harms: "members who want the address",
  },
  changeCodeAttempts: {
    kind: "email_change_code",
    capacity: 5,
    interval: 60,
    purpose: "codes of a change of address",
    key: "link",
    paidBy: "owner",
    harms: "whoever has the link",
  },
} as const satisfies Record<string, RateLimit>;

/** Every count of guesses in a row. */
export const guessLimits = {
  code: {
    kind: "code",
    free: 5,
    most: unlimited,
    ofNetwork: { free: 50, most: unlimited },
    purpose: "code of a sign-up, or of a link for a new password",
    key: "address and caller",
    paidBy: "caller",
    harms: "the caller, and an owner who has the address or network in common with them",
  },
} as const satisfies Record<string, GuessLimit>;

/** With BACKEND_IP_LIMITS=off, for whoever guesses at an address. */
export const codesWithoutCallers = { kind: "code_by_caller", capacity: 5, interval: 60 } as const satisfies Bucket;
