import type { GuessesTable } from "@anteroom/shared/runtime/guesses";
import type { RateLimitTable } from "@anteroom/shared/runtime/rate-limits";
import type { SwitchableMailType } from "@anteroom/shared/wire/app/accounts";
import type { AppErrorCode } from "@anteroom/shared/wire/app/errors";
import type { InboundKind, InboundOutcome, MailStatus } from "@anteroom/shared/wire/app/mail";
import type { DecisionAction } from "@anteroom/shared/wire/app/oversight";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import type { Generated, GeneratedAlways, JSONColumnType, Selectable } from "kysely";
import type { MailType } from "../mail/kinds.ts";
import type { RegistrationState } from "../registration/states.ts";

/**
 * All times are unix seconds. Table names are those of the source document. A column of addresses holds one form: `EmailAddress`
 * is the normalised one, by which people are found; `string` is the one that its owner writes, to which mails go.
 */
export interface AppDatabase {
  newusers: NewUserTable;
  registration_state: RegistrationStateTable;
  tokens: TokenTable;
  users: UserTable;
  permissions: PermissionTable;
  setup_links: SetupLinkTable;
  mails: MailTable;
  mail_suppressions: MailSuppressionTable;
  inbound_mails: InboundMailTable;
  mail_preferences: MailPreferenceTable;
  account_links: AccountLinkTable;
  decisions: DecisionTable;
  batches: BatchTable;
  batch_items: BatchItemTable;
  rate_limits: RateLimitTable;
  guesses: GuessesTable;
  owed_links: OwedLinkTable;
  jobs: JobTable;
  approvers_told: ApproversToldTable;
}

/** Links for a new password that are to be sent without anybody asking. */
export interface OwedLinkTable {
  email: EmailAddress;
  owed_at: number;
}

/** What happens without anybody asking (operations/jobs.ts). */
export interface JobTable {
  name: string;
  /** The process that does it just now (leases.ts). */
  held_by: string | null;
}

/** One row, there as soon as those who decide have been told once of who waits. */
export interface ApproversToldTable {
  is_one: Generated<boolean>;
  told_at: number;
}

export interface RegistrationStateTable {
  /** Random; the registration token is derived from it. */
  id: string;
  /** SHA-256 of the registration token. */
  token_hash: Uint8Array;
  email: EmailAddress;
  state: RegistrationState;
  /** Follows from the state, by a trigger: what versions before `approved_at` look at. */
  accepted: GeneratedAlways<boolean>;
  /** When the approval that stands was decided. */
  approved_at: Generated<number | null>;
  /** When its owner proved the address, where that comes before the approval. */
  verified_at: Generated<number | null>;
  /** The auth server's token, sealed; only while OPEN. */
  signup_token: Uint8Array | null;
  signup_expires_at: number | null;
  /** The attempt to open a sign-up that is under way, the process that makes it, and until when nobody else may. */
  opening_id: string | null;
  opening_by: string | null;
  opening_until: number | null;
  /** Why the last attempt was refused. */
  opening_error: string | null;
  /** When /email was called for the current attempt. */
  mailed_at: number | null;
  /** Permissions the person gets with the account. */
  grants: Generated<string[]>;
  decided_by: string | null;
  decided_at: number | null;
  reason: string | null;
  /** When those who decide were told by a digest that it waits. */
  told_at: Generated<number | null>;
  created_at: number;
  expires_at: number;
}

export interface NewUserTable {
  registration_id: string;
  email: EmailAddress;
  firstname: string;
  lastname: string;
  accepted: Generated<boolean>;
  /** Null: the site's. */
  language: Language | null;
  /** What they wrote to those who decide. Null: nothing, or nobody asked. */
  message: string | null;
  created_at: number;
  /** Names and address as they are searched; made by the database. */
  searched: GeneratedAlways<string>;
}

/** The newest code mailed per kind and address. */
export interface TokenTable {
  /** `{type}:{email}` */
  key: string;
  /** HMAC of the code: enough to compare, useless to a reader of the table. */
  code_mac: Uint8Array;
  /** The code itself, under TEST_MODE only. */
  code: string | null;
  timestamp: number;
  expires_at: number;
}

export interface UserTable {
  id: string;
  /** As the person wrote it. */
  email: string;
  email_norm: EmailAddress;
  firstname: string;
  lastname: string;
  password_hash: Uint8Array;
  password_hash_algorithm_id: string;
  password_salt: Uint8Array;
  /** The registration that it came from; null for accounts older than this column. */
  registration_id: string | null;
  disabled: Generated<boolean>;
  email_address_counter: Generated<number>;
  password_hash_counter: Generated<number>;
  disabled_counter: Generated<number>;
  sessions_counter: Generated<number>;
  /** Null: the site's. */
  language: Language | null;
  created_at: number;
  /** Names and address as they are searched; made by the database. */
  searched: GeneratedAlways<string>;
}

/** A user as rules read one. */
export type UserRow = Omit<Selectable<UserTable>, "searched">;

export interface PermissionTable {
  user_id: string;
  permission: string;
  granted_by: string;
  granted_at: number;
  expires_at: number | null;
}

export interface SetupLinkTable {
  token_hash: Uint8Array;
  expires_at: number;
  /** It works only while there is no administrator. */
  only_first: Generated<boolean>;
}

/** Every mail from its cause until the purge, what became of it, and its place in the queue. */
export interface MailTable {
  /** UUID; part of the Message-ID, of the return path and of the file's name. */
  id: string;
  type: MailType;
  /** As it was given: the recipient. */
  email: string;
  email_norm: EmailAddress;
  /** Whose it is, also when the address has become somebody else's. Null for those who have no account. */
  user_id: string | null;
  registration_id: string | null;
  /** The row of `account_links` that its link leads to. */
  link_id: string | null;
  /** The request that caused it, as the logs name it. */
  request_id: string | null;
  /** What the template shows besides code and link; nothing secret. */
  values: JSONColumnType<Record<string, string>>;
  /** Gone once the mail is accepted or given up. */
  sealed_code: Uint8Array | null;
  status: Generated<MailStatus>;
  /** The relay's reply, or why it was deferred, failed or bounced: one line. */
  reason: string | null;
  attempts: Generated<number>;
  /** Higher goes first; that of its kind. */
  priority: Generated<number>;
  /** Deferred until then. Null: due, or under way. */
  next_try_at: number | null;
  /** When it is given up if no relay has taken it. */
  try_until: number;
  /** The process that delivers it just now (leases.ts). */
  claimed_by: string | null;
  /** How many processes have ended while it was theirs. */
  interruptions: Generated<number>;
  created_at: number;
  /** When `status` changed last. */
  updated_at: number;
}

/** Addresses that mails say are dead. Nothing is sent there from `suppressed_at` until `suppressed_until`, or for good. */
export interface MailSuppressionTable {
  email_norm: EmailAddress;
  bounces: number;
  reason: string;
  suppressed_at: number | null;
  suppressed_until: number | null;
  /** The mail that was counted last. */
  last_mail_id: string | null;
  /** When one was counted last. */
  updated_at: number;
}

/** What has arrived at a return path, understood or not. */
export interface InboundMailTable {
  id: Generated<number>;
  /** The mail that it is about. Null when that is not kept any more. */
  mail_id: string | null;
  kind: InboundKind;
  outcome: InboundOutcome;
  /** What the other server says, in one line. */
  reason: string | null;
  /** How it begins, without links and codes. */
  excerpt: string;
  received_at: number;
}

/** What a person switched, where it differs from the type's default. */
export interface MailPreferenceTable {
  user_id: string;
  type: SwitchableMailType;
  is_on: boolean;
}

/** A mailed link by which its reader chooses a new password or confirms a new address; made before the mail is asked for. */
export interface AccountLinkTable {
  /** Random; the token in the link is derived from it. */
  id: string;
  /** SHA-256 of that token. */
  token_hash: Uint8Array;
  kind: "password_reset" | "email_change";
  /** Where the mail goes: the account's address as asked for, or the new one as the person wrote it. */
  email: string;
  email_norm: EmailAddress;
  /** Whose address is to change. Null for passwords, where nobody is told whether the address has an account. */
  user_id: string | null;
  /** The session that asked for the change. */
  session_id: string | null;
  /** The user's counters when the change was asked for: it ends when one of them moves. */
  standing: string | null;
  /** False while the auth server is asked for the mail; at most one per kind and address. */
  is_open: Generated<boolean>;
  /** A newer one for the same purpose works instead. */
  superseded: Generated<boolean>;
  /** The process that asks it (leases.ts). */
  opened_by: string;
  /** The request in which it is asked, which comes back with the mail. Null in rows older than this column. */
  request_id: string | null;
  /** The auth server's token of the password reset, sealed. */
  auth_token: Uint8Array | null;
  /** HMAC of the code that goes with it. Of a new password null until the auth server mails one: never, without an account. */
  code_mac: Uint8Array | null;
  used_at: number | null;
  created_at: number;
  expires_at: number;
}

/** Who decided what about whom. Rows are added, and purged after a year; the database refuses everything else. */
export interface DecisionTable {
  id: GeneratedAlways<number>;
  at: number;
  /** A user id, or the name of a program that decides (shared/wire/app/actors.ts). */
  actor: string;
  /** As it was then, for accounts come and go. */
  actor_name: string | null;
  action: DecisionAction;
  /** The address of whom it was about. */
  subject: EmailAddress;
  /** Their account, if they had one. */
  user_id: string | null;
  reason: string | null;
  /** The permission, or the kind of mail. */
  detail: string | null;
  registration_id: string | null;
  /** When the registration was made that this is about. */
  requested_at: number | null;
  /** Of many that were decided together. */
  batch_id: string | null;
}

/** Decisions to be made one after the other, asked for together. */
export interface BatchTable {
  id: string;
  decision: "accept" | "reject";
  reason: string | null;
  actor: string;
  created_at: number;
  finished_at: number | null;
}

export interface BatchItemTable {
  batch_id: string;
  position: number;
  email: EmailAddress;
  /** Which of several requests for the address; null: the first. */
  registration_id: string | null;
  state: Generated<"waiting" | "done" | "failed">;
  error: AppErrorCode | null;
  decided_by_name: string | null;
  decided_at: number | null;
  attempts: Generated<number>;
  due_at: number;
  /** The process that works on it (leases.ts). */
  claimed_by: string | null;
}
