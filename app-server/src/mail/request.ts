import type { Language } from "@anteroom/shared/wire/languages";
import type { MailType } from "./kinds.ts";

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
