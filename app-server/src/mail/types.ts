import type { EmailType } from "@anteroom/shared/wire/email";

interface MailTypeRules {
  /** Higher goes first: codes before notices. */
  priority: number;
  /** `mandatory`, or what a person gets who has chosen nothing. */
  preference: "mandatory" | "on" | "off";
}

/** Every kind of mail. A new one is an entry here and a folder of that name in `templates/`. */
export const mailTypes = {
  signup_verification: { priority: 10, preference: "mandatory" },
  email_update_verification: { priority: 10, preference: "mandatory" },
  password_reset: { priority: 10, preference: "mandatory" },
  password_locked: { priority: 5, preference: "mandatory" },
  password_updated: { priority: 5, preference: "mandatory" },
  email_updated: { priority: 5, preference: "mandatory" },
  notices_off: { priority: 5, preference: "mandatory" },
  reset_link_sent: { priority: 3, preference: "mandatory" },
  account_ready: { priority: 3, preference: "mandatory" },
  registration_rejected: { priority: 3, preference: "mandatory" },
  setup_link_used: { priority: 3, preference: "mandatory" },
  registration_hint: { priority: 0, preference: "mandatory" },
  closed_account_hint: { priority: 0, preference: "mandatory" },
  signin_notification: { priority: 0, preference: "on" },
  approval_request: { priority: 0, preference: "off" },
} as const satisfies Record<EmailType, MailTypeRules> & Record<string, MailTypeRules>;

export type MailType = keyof typeof mailTypes;

/** What people ask for, and wait for. Only who made their codes can make new ones. */
export const codeTypes: readonly MailType[] = ["signup_verification", "email_update_verification", "password_reset"];

/** The kinds a person may switch on and off. */
export type SwitchableMailType = {
  [Type in MailType]: (typeof mailTypes)[Type]["preference"] extends "mandatory" ? never : Type;
}[MailType];

export const mailStatuses = ["queued", "accepted", "deferred", "failed", "bounced"] as const;

/**
 * `queued`: waits for its first try. `accepted`: the relay took it. `deferred`: will be tried again. `failed`: given up.
 * `bounced`: the relay took it and it came back.
 */
export type MailStatus = (typeof mailStatuses)[number];

export const inboundKinds = ["bounce", "delay", "success", "complaint", "other"] as const;

/** What arrived at a return path: a report that a mail came back, waits or was delivered (RFC 3464, or in words), somebody's
 * complaint about it (RFC 5965), or something else. */
export type InboundKind = (typeof inboundKinds)[number];

export const inboundOutcomes = ["bounced", "delayed", "noted", "known", "unknown_mail"] as const;

/**
 * What it changed: `bounced` and `delayed` the mail's state; `noted`: nothing; `known`: the mail had been given up or had
 * come back before; `unknown_mail`: it is not kept any more.
 */
export type InboundOutcome = (typeof inboundOutcomes)[number];

export const languages = ["en", "nl"] as const;

export type Language = (typeof languages)[number];

/** A mail to be sent, as the rules ask for it. */
export interface MailRequest {
  type: MailType;
  email: string;
  /** Whose it is, where the address does not tell. */
  userId?: string;
  /** Sealed on its way through the queue. */
  code?: string;
  /** Unix seconds; when it is not said, as long as codes of the auth server live at least. */
  codeExpiresAt?: number | undefined;
  /** The registration that the mailed link leads to. */
  registrationId?: string;
  /** The account link that the mailed link leads to. */
  linkId?: string;
  /** What the template shows besides code and link; nothing secret. */
  values: Record<string, string>;
}

/** A mail whose turn has come. */
export interface DueMail extends MailRequest {
  id: string;
  /** The person's, or the site's. */
  language: Language;
  /** Whose preferences an unsubscribe link changes; only for types that may be switched off. */
  userId?: string;
  createdAt: Date;
}

/**
 * What a delivery came to. `deferred` is tried again by the schedule; `failed` is not: nobody reads mails to this address.
 * `concerns`: the relay would have taken no mail to anybody. `advice`: what an operator may do about it.
 */
export type DeliveryOutcome =
  | { status: "accepted"; reply: string }
  | { status: "deferred"; reason: string; concerns?: "relay"; advice?: string }
  | { status: "failed"; reason: string };
