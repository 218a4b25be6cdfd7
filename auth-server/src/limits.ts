import type { RateLimit } from "@anteroom/shared/runtime/rate-limits";

/** Every bucket of this server. docs/security.md shows this table. */
export const limits = {
  /** Faroe's four. Right and wrong attempts cost the same, and success gives nothing back. */
  passwordAttempts: {
    kind: "verify_user_password",
    capacity: 5,
    interval: 60,
    purpose: "password",
    key: "user",
    paidBy: "anybody",
    harms: "the user",
  },
  sentCodes: {
    kind: "send_email",
    capacity: 5,
    interval: 1800,
    purpose: "mails with a code",
    key: "address",
    paidBy: "anybody",
    harms: "the address's owner",
  },
  /** Empty, it also stops further mails to that address. */
  codeAttempts: {
    kind: "verify_email_address_verification_code",
    capacity: 5,
    interval: 60,
    purpose: "mailed code",
    key: "address",
    paidBy: "anybody",
    harms: "the address's owner",
  },
  /** Empty, it also stops further temporary passwords for that user. */
  temporaryPasswordAttempts: {
    kind: "verify_temporary_password",
    capacity: 5,
    interval: 60,
    purpose: "temporary password",
    key: "user",
    paidBy: "anybody",
    harms: "the user",
  },
  /** Whomever they ask for. Not in strict mode. */
  resetsByCaller: {
    kind: "create_user_password_reset_by_caller",
    capacity: 10,
    interval: 360,
    purpose: "password resets",
    key: "caller",
    paidBy: "caller",
    harms: "the caller",
  },
} as const satisfies Record<string, RateLimit>;
