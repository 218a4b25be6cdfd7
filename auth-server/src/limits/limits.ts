import { type GuessLimit, unlimited } from "@anteroom/shared/runtime/guesses";
import type { Bucket, RateLimit } from "@anteroom/shared/runtime/rate-limits";

/** Faroe's four buckets. Right and wrong attempts cost the same, success gives nothing back, and everybody shares them. */
export const faroeLimits = {
  /** Key: user id. */
  passwordAttempts: { kind: "verify_user_password", capacity: 5, interval: 60 },
  /** Key: the address the mail is for. Shared by all mails with a code. */
  sentCodes: { kind: "send_email", capacity: 5, interval: 1800 },
  /** Key: the address the code was mailed to. Empty, it also stops further mails to that address. */
  codeAttempts: { kind: "verify_email_address_verification_code", capacity: 5, interval: 60 },
  /** Key: user id. Empty, it also stops further temporary passwords for that user. */
  temporaryPasswordAttempts: { kind: "verify_temporary_password", capacity: 5, interval: 60 },
} as const satisfies Record<string, Bucket>;

/**
 * Every bucket of the default mode; docs/security.md shows this table. What a stranger can spend is either their own, or
 * so large that a thousand of them do not empty it, or keeps nobody out when it is empty (decision 013).
 */
export const limits = {
  passwordsByCaller: {
    kind: "passwords_by_caller",
    capacity: 25,
    interval: 12,
    purpose: "wrong passwords, for whichever account",
    key: "caller",
    paidBy: "caller",
    harms: "the caller; a known device does not pay it",
  },
  signinsByCaller: {
    kind: "signins_by_caller",
    capacity: 100,
    interval: 1,
    purpose: "sign-ins that are begun",
    key: "caller",
    paidBy: "caller",
    harms: "the caller; known devices have one for each of their users",
  },
  codes: {
    kind: "codes",
    capacity: 50_000,
    interval: 2,
    purpose: "guesses at the code of a sign-up, all callers together",
    key: "address",
    paidBy: "anybody",
    harms:
      "nobody by a thousand callers or networks at their own limits; ten thousand at once keep the owner waiting as long as they go on. It keeps the chance of a hit below one in ten millions a day",
  },
  temporaryPasswords: {
    kind: "temporary_passwords",
    capacity: 50_000,
    interval: 2,
    purpose: "guesses at a temporary password, all callers together",
    key: "user",
    paidBy: "anybody",
    harms: "nobody by a thousand, likewise",
  },
  signupMailsByCaller: {
    kind: "signup_mails_by_caller",
    capacity: 5,
    interval: 1800,
    purpose: "mails with the code of a sign-up",
    key: "address and caller",
    paidBy: "caller",
    harms: "the caller",
  },
  signupMails: {
    kind: "signup_mails",
    capacity: 10,
    interval: 900,
    purpose: "mails with the code of a sign-up, all callers together",
    key: "address",
    paidBy: "anybody",
    harms: "nobody: when it is empty the same code was mailed less than 15 minutes ago, and is still good",
  },
  updateMailsByUser: {
    kind: "update_mails_by_user",
    capacity: 5,
    interval: 1800,
    purpose: "mails with the code of a change of address",
    key: "user",
    paidBy: "owner",
    harms: "the member who asks",
  },
  updateMails: {
    kind: "update_mails",
    capacity: 10,
    interval: 900,
    purpose: "mails with the code of a change of address, all members together",
    key: "address",
    paidBy: "anybody",
    harms: "a member who wants the same address as two other members who ask without end",
  },
  resetsByCaller: {
    kind: "create_user_password_reset_by_caller",
    capacity: 10,
    interval: 360,
    purpose: "password resets, for whichever address",
    key: "caller",
    paidBy: "caller",
    harms: "the caller",
  },
  resetMailsByCaller: {
    kind: "reset_mails_by_caller",
    capacity: 5,
    interval: 1800,
    purpose: "password resets for one address",
    key: "address and caller",
    paidBy: "caller",
    harms: "the caller",
  },
  resetMails: {
    kind: "reset_mails",
    capacity: 5,
    interval: 900,
    purpose: "mails with a link for a new password, all callers together",
    key: "address",
    paidBy: "anybody",
    harms: "nobody: when it is empty a link was mailed less than 15 minutes ago, and is still good",
  },
  directResetMails: {
    kind: "direct_reset_mails",
    capacity: 5,
    interval: 900,
    purpose: "mails with a temporary password alone, all callers together",
    key: "address",
    paidBy: "anybody",
    harms: "nobody: when it is empty the one that was mailed last is good for this reset too",
  },
  siteMails: {
    kind: "site_mails",
    capacity: 20,
    interval: 180,
    purpose: "mails with a code or a link that an administrator or the app server causes",
    key: "address",
    paidBy: "site",
    harms: "the administrator who asks",
  },
  lockMails: {
    kind: "lock_mails",
    capacity: 1,
    interval: 86_400,
    purpose: "mails that a password was guessed at too often",
    key: "user",
    paidBy: "anybody",
    harms: "nobody: whoever finds their password locked may ask for a link",
  },
} as const satisfies Record<string, RateLimit>;

/** Every count of guesses in a row. */
export const guessLimits = {
  passwordByCaller: {
    kind: "password_by_caller",
    free: 5,
    most: 20,
    ofNetwork: { free: 20, most: 40 },
    purpose: "password",
    key: "user and caller",
    paidBy: "caller",
    harms:
      "the caller, and an owner who has the address in common with them and no known device: a link for a new password is mailed at the last, and the caller may ask for one at any time",
  },
  passwordByDevice: {
    kind: "password_by_device",
    free: 5,
    most: 20,
    purpose: "password, from a known device or in a session",
    key: "user and device",
    paidBy: "owner",
    harms: "the owner, who is mailed a link for a new password",
  },
  passwordByDevices: {
    kind: "password_by_devices",
    free: 60,
    most: 60,
    purpose: "password, all known devices and sessions of a user together",
    key: "user",
    paidBy: "owner",
    harms: "the owner, who is mailed a link for a new password; how many devices there are gives no more guesses",
  },
  password: {
    kind: "password",
    free: 100,
    most: 100,
    purpose: "password, all callers together (NIST SP 800-63B 3.2.2)",
    key: "user",
    paidBy: "anybody",
    harms:
      "the owner where no device is known: a link for a new password is mailed at once; known devices and sessions go on",
  },
  codeByCaller: {
    kind: "code_by_caller",
    free: 5,
    most: unlimited,
    ofNetwork: { free: 50, most: unlimited },
    purpose: "code of a sign-up",
    key: "address and caller",
    paidBy: "caller",
    harms: "the caller, and an owner who has the address or network in common with them",
  },
  temporaryPasswordByCaller: {
    kind: "temporary_password_by_caller",
    free: 5,
    most: unlimited,
    ofNetwork: { free: 50, most: unlimited },
    purpose: "temporary password",
    key: "user and caller, or link",
    paidBy: "caller",
    harms:
      "the caller, and an owner who has the address or network in common with them: a mailed link has tries of its own",
  },
  updateCode: {
    kind: "update_code",
    free: 5,
    most: unlimited,
    purpose: "code of a change of address",
    key: "user",
    paidBy: "owner",
    harms: "the member",
  },
} as const satisfies Record<string, GuessLimit>;
