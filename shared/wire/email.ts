/** `POST /email`: the auth server hands a mail to the app server. Members as tiauth posts them; empty ones left out. */
export const emailTypes = [
  "signup_verification",
  "email_update_verification",
  "password_reset",
  "signin_notification",
  "password_updated",
  "email_updated",
  // Ours: a password is of no use any more, because it was guessed at too often. An app server that does not know it
  // answers 400.
  "password_locked",
] as const;

export type EmailType = (typeof emailTypes)[number];

export interface EmailRequest {
  type: EmailType;
  email: string;
  displayName?: string;
  /** 8 characters, or 12 for a temporary password. */
  code?: string;
  /** UTC in words, such as `January 2, 2026 15:04:05`. */
  timestamp?: string;
  newEmail?: string;
  /** Unix seconds until which the code works. Faroe posts no such member. */
  expiresAt?: number;
}

export function isEmailType(text: unknown): text is EmailType {
  return emailTypes.some((type) => type === text);
}

/** Spelled out, for `toLocaleDateString` sets up a formatter of its own on every call: half a millisecond each time. */
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

/** UTC as in `January 2, 2026 15:04:05`. `now` in unix seconds. */
export function formatTimestamp(now: number): string {
  const date = new Date(now * 1000);
  const day = `${months[date.getUTCMonth()]} ${date.getUTCDate()}, ${date.getUTCFullYear()}`;
  return `${day} ${date.toISOString().slice(11, 19)}`;
}
