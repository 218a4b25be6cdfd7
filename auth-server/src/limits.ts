import type { RateLimit } from "@anteroom/shared/runtime/rate-limits";

/** Faroe's four buckets. Right and wrong attempts cost the same, and success gives nothing back. */

/** Key: user id. */
export const passwordAttempts: RateLimit = { kind: "verify_user_password", capacity: 5, interval: 60 };
/** Key: the address the mail is for. Shared by all mails with a code. */
export const sentCodes: RateLimit = { kind: "send_email", capacity: 5, interval: 1800 };
/** Key: the address the code was mailed to. Empty, it also stops further mails to that address. */
export const codeAttempts: RateLimit = {
  kind: "verify_email_address_verification_code",
  capacity: 5,
  interval: 60,
};
/** Key: user id. Empty, it also stops further temporary passwords for that user. */
export const temporaryPasswordAttempts: RateLimit = { kind: "verify_temporary_password", capacity: 5, interval: 60 };
/** Key: the caller's address, whomever they ask for. Not in strict mode. */
export const resetsByCaller: RateLimit = { kind: "create_user_password_reset_by_caller", capacity: 10, interval: 360 };
