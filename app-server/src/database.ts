import type { RateLimitTable } from "@anteroom/shared/runtime/rate-limits";
import type { Generated } from "kysely";

/** All times are unix seconds. Table names are those of the source document. */
export interface AppDatabase {
  newusers: NewUserTable;
  registration_state: RegistrationStateTable;
  tokens: TokenTable;
  users: UserTable;
  permissions: PermissionTable;
  setup_links: SetupLinkTable;
  rate_limits: RateLimitTable;
}

export type RegistrationState =
  | "REQUESTED"
  | "DECOY"
  | "ACCEPTING"
  | "ACCEPTED"
  | "OPEN"
  | "REJECTED"
  | "WITHDRAWN"
  | "EXPIRED";

/** The states in which a registration holds its address; there is at most one of them for an address. */
export const liveStates = ["REQUESTED", "ACCEPTING", "ACCEPTED", "OPEN"] as const satisfies RegistrationState[];

export interface RegistrationStateTable {
  /** Random; the registration token is derived from it. */
  id: string;
  /** SHA-256 of the registration token. */
  token_hash: Uint8Array;
  /** Normalised. */
  email: string;
  state: RegistrationState;
  accepted: Generated<boolean>;
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
  created_at: number;
  expires_at: number;
}

export interface NewUserTable {
  registration_id: string;
  email: string;
  firstname: string;
  lastname: string;
  accepted: Generated<boolean>;
  created_at: number;
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
  email_norm: string;
  firstname: string;
  lastname: string;
  password_hash: Uint8Array;
  password_hash_algorithm_id: string;
  password_salt: Uint8Array;
  disabled: Generated<boolean>;
  email_address_counter: Generated<number>;
  password_hash_counter: Generated<number>;
  disabled_counter: Generated<number>;
  sessions_counter: Generated<number>;
  created_at: number;
}

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
}
