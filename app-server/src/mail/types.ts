import type { EmailType } from "@anteroom/shared/wire/email";

/** Every kind of mail. A new one is an entry here and a folder of that name in `templates/`. */
export const mailTypes = {
  signup_verification: { priority: 10 },
  email_update_verification: { priority: 10 },
  password_reset: { priority: 10 },
  signin_notification: { priority: 0 },
  password_updated: { priority: 5 },
  email_updated: { priority: 5 },
  registration_rejected: { priority: 0 },
  registration_hint: { priority: 0 },
} as const satisfies Record<EmailType, { priority: number }> & Record<string, { priority: number }>;

export type MailType = keyof typeof mailTypes;

/** A mail to be sent, as the rules ask for it. */
export interface MailRequest {
  type: MailType;
  email: string;
  /** Sealed on its way through the queue. */
  code?: string;
  /** The registration that the mailed link leads to. */
  registrationId?: string;
  /** What the template shows besides code and link; nothing secret. */
  values: Record<string, string>;
}
