import type { GuessesTable } from "@anteroom/shared/runtime/guesses";
import type { RateLimitTable } from "@anteroom/shared/runtime/rate-limits";
import type { Generated } from "kysely";

/** All times are unix seconds. Of secrets only the SHA-256 is kept, of mailed codes only a sealed form. */
export interface AuthDatabase {
  signups: SignupTable;
  signins: SigninTable;
  sessions: SessionTable;
  user_changes: UserChangeTable;
  users: UserTable;
  guesses: GuessesTable;
  rate_limits: RateLimitTable;
}

export interface SignupTable {
  id: string;
  secret_hash: Uint8Array;
  /** The id of the signup that `create_signup` made; its siblings carry it too. */
  family_id: string;
  /** On the family's first: how many siblings were opened. */
  siblings: Generated<number>;
  email_address: string;
  /** Sealed for the family. */
  code: Uint8Array;
  email_address_verified: Generated<boolean>;
  password_hash: Uint8Array | null;
  password_hash_algorithm_id: string | null;
  password_salt: Uint8Array | null;
  created_at: number;
  expires_at: number;
}

export interface SigninTable {
  id: string;
  secret_hash: Uint8Array;
  /** Null on a decoy: nobody can sign in with that address. */
  user_id: string | null;
  /** What the caller is told while the password is not verified. */
  shown_user_id: string;
  user_password_hash_counter: number;
  user_disabled_counter: number;
  user_first_factor_verified: Generated<boolean>;
  created_at: number;
  expires_at: number;
}

export interface SessionTable {
  id: string;
  secret_hash: Uint8Array;
  user_id: string;
  user_disabled_counter: number;
  user_sessions_counter: number;
  user_password_hash_counter: number;
  created_at: number;
  /** Written at most once a minute. */
  last_active_at: number;
  /** What opened it called itself. */
  user_agent: Generated<string>;
}

export type UserChangeKind = "email_address_update" | "password_update" | "password_reset" | "deletion";

export interface UserChangeTable {
  id: string;
  kind: UserChangeKind;
  secret_hash: Uint8Array;
  /** Null on a decoy: nobody can reset a password with that address. */
  user_id: string | null;
  shown_user_id: string;
  /** Null on a reset. */
  session_id: string | null;
  user_email_address_counter: number;
  user_password_hash_counter: number;
  user_disabled_counter: number;
  identity_verified: Generated<boolean>;
  new_email_address: string | null;
  /** Sealed. */
  code: Uint8Array | null;
  new_email_address_verified: Generated<boolean>;
  temporary_password_hash: Uint8Array | null;
  temporary_password_hash_algorithm_id: string | null;
  temporary_password_salt: Uint8Array | null;
  password_hash: Generated<Uint8Array | null>;
  password_hash_algorithm_id: Generated<string | null>;
  password_salt: Generated<Uint8Array | null>;
  created_at: number;
  expires_at: number;
  /** In the order in which they were begun. */
  number: Generated<number>;
}

/** Filled with AUTH_USER_STORE=local only. Members as in Faroe's user-server protocol. */
export interface UserTable {
  id: string;
  email_address: string;
  password_hash: Uint8Array;
  password_hash_algorithm_id: string;
  password_salt: Uint8Array;
  disabled: Generated<boolean>;
  display_name: Generated<string>;
  email_address_counter: Generated<number>;
  password_hash_counter: Generated<number>;
  disabled_counter: Generated<number>;
  sessions_counter: Generated<number>;
}
