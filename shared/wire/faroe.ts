/**
 * The contract of the auth server: Faroe's 39 actions and ours, with names as on the wire. All times are unix seconds.
 * An action's `values` are the members of its answer; `errors` are all codes it may answer with, beside
 * `internal_error`, which any action may.
 */

export interface Signup {
  id: string;
  email_address: string;
  email_address_verified: boolean;
  password_set: boolean;
  created_at: number;
  expires_at: number;
}

export interface Signin {
  id: string;
  user_id: string;
  user_first_factor_verified: boolean;
  created_at: number;
  expires_at: number;
}

export interface Session {
  id: string;
  user_id: string;
  created_at: number;
  /** Null when sessions have no absolute end. */
  expires_at: number | null;
}

export interface UserEmailAddressUpdate {
  id: string;
  user_id: string;
  session_id: string;
  new_email_address: string;
  new_email_address_verified: boolean;
  user_identity_verified: boolean;
  created_at: number;
  expires_at: number;
}

export interface UserPasswordUpdate {
  id: string;
  user_id: string;
  session_id: string;
  user_identity_verified: boolean;
  new_password_set: boolean;
  created_at: number;
  expires_at: number;
}

export interface UserDeletion {
  id: string;
  user_id: string;
  session_id: string;
  user_identity_verified: boolean;
  created_at: number;
  expires_at: number;
}

export interface UserPasswordReset {
  id: string;
  user_id: string;
  user_first_factor_verified: boolean;
  new_password_set: boolean;
  created_at: number;
  expires_at: number;
}

/** One of a user's sessions, for them to recognise. */
export interface SessionOverview {
  id: string;
  created_at: number;
  /** To the minute. */
  last_active_at: number;
  /** What opened it called itself; may be empty. */
  user_agent: string;
  /** Whether it is the session that asks. */
  current: boolean;
}

/** How many code points a new password may have. */
export interface PasswordRules {
  min_length: number;
  max_length: number;
}

/** Every member that an answer's `values` may have. Tokens are `<id>.<secret>`, 24 characters each. */
export interface AuthValueTypes {
  signup: Signup;
  signup_token: string;
  signin: Signin;
  signin_token: string;
  session: Session;
  session_token: string;
  sessions: SessionOverview[];
  password_rules: PasswordRules;
  user_email_address_update: UserEmailAddressUpdate;
  user_email_address_update_token: string;
  user_password_update: UserPasswordUpdate;
  user_password_update_token: string;
  user_deletion: UserDeletion;
  user_deletion_token: string;
  user_password_reset: UserPasswordReset;
  user_password_reset_token: string;
}

interface ActionContract {
  readonly arguments: readonly string[];
  readonly optional?: readonly string[];
  readonly values: readonly (keyof AuthValueTypes)[];
  readonly errors: readonly string[];
}

const emailUpdateArguments = ["session_token", "user_email_address_update_token"] as const;
const emailUpdateErrors = [
  "invalid_session_token",
  "invalid_user_email_address_update_token",
  "session_mismatch",
] as const;
const passwordUpdateArguments = ["session_token", "user_password_update_token"] as const;
const passwordUpdateErrors = ["invalid_session_token", "invalid_password_update_token", "session_mismatch"] as const;
const deletionArguments = ["session_token", "user_deletion_token"] as const;
const deletionErrors = ["invalid_session_token", "invalid_user_deletion_token", "session_mismatch"] as const;

export const faroeActions = {
  create_signup: {
    arguments: ["email_address"],
    values: ["signup", "signup_token"],
    errors: [
      "invalid_email_address",
      "email_address_already_used",
      "email_address_not_allowed",
      "rate_limited",
      "internal_conflict",
    ],
  },
  get_signup: { arguments: ["signup_token"], values: ["signup"], errors: ["invalid_signup_token"] },
  delete_signup: { arguments: ["signup_token"], values: [], errors: ["invalid_signup_token"] },
  send_signup_email_address_verification_code: {
    arguments: ["signup_token"],
    values: [],
    errors: ["invalid_signup_token", "email_address_already_verified", "rate_limited", "internal_conflict"],
  },
  verify_signup_email_address_verification_code: {
    arguments: ["signup_token", "email_address_verification_code"],
    values: [],
    errors: [
      "invalid_signup_token",
      "email_address_already_verified",
      "rate_limited",
      "incorrect_email_address_verification_code",
      "internal_conflict",
    ],
  },
  set_signup_password: {
    arguments: ["signup_token", "password"],
    values: [],
    errors: [
      "invalid_signup_token",
      "email_address_not_verified",
      "password_already_set",
      "invalid_password_length",
      "weak_password",
      "internal_conflict",
    ],
  },
  complete_signup: {
    arguments: ["signup_token"],
    values: ["session", "session_token"],
    errors: [
      "invalid_signup_token",
      "email_address_not_verified",
      "password_not_set",
      "internal_conflict",
      "session_not_created",
      // Ours, not in strict mode: the user server knows the address and does not want it (yet).
      "registration_not_accepted",
    ],
  },

  create_signin: {
    arguments: ["user_email_address"],
    values: ["signin", "signin_token"],
    errors: ["invalid_email_address", "user_not_found", "user_disabled", "rate_limited"],
  },
  get_signin: { arguments: ["signin_token"], values: ["signin"], errors: ["invalid_signin_token"] },
  delete_signin: { arguments: ["signin_token"], values: [], errors: ["invalid_signin_token"] },
  verify_signin_user_password: {
    arguments: ["signin_token", "password"],
    values: [],
    errors: [
      "invalid_signin_token",
      "user_first_factor_already_verified",
      "rate_limited",
      "password_locked",
      "incorrect_password",
      "internal_conflict",
    ],
  },
  complete_signin: {
    arguments: ["signin_token"],
    values: ["session", "session_token"],
    errors: ["invalid_signin_token", "user_first_factor_not_verified"],
  },

  get_session: { arguments: ["session_token"], values: ["session"], errors: ["invalid_session_token"] },
  delete_session: { arguments: ["session_token"], values: [], errors: ["invalid_session_token"] },
  delete_all_sessions: {
    arguments: ["session_token"],
    values: [],
    errors: ["invalid_session_token", "internal_conflict"],
  },

  create_user_email_address_update: {
    arguments: ["session_token", "new_email_address"],
    values: ["user_email_address_update", "user_email_address_update_token"],
    errors: [
      "invalid_email_address",
      "invalid_session_token",
      "email_address_already_used",
      "email_address_not_allowed",
      "rate_limited",
      "internal_conflict",
    ],
  },
  get_user_email_address_update: {
    arguments: emailUpdateArguments,
    values: ["user_email_address_update"],
    errors: emailUpdateErrors,
  },
  delete_user_email_address_update: { arguments: emailUpdateArguments, values: [], errors: emailUpdateErrors },
  send_user_email_address_update_email_address_verification_code: {
    arguments: emailUpdateArguments,
    values: [],
    errors: [...emailUpdateErrors, "email_address_already_verified", "rate_limited", "internal_conflict"],
  },
  verify_user_email_address_update_email_address_verification_code: {
    arguments: [...emailUpdateArguments, "email_address_verification_code"],
    values: [],
    errors: [
      ...emailUpdateErrors,
      "email_address_already_verified",
      "rate_limited",
      "incorrect_email_address_verification_code",
      "internal_conflict",
    ],
  },
  verify_user_email_address_update_user_password: {
    arguments: [...emailUpdateArguments, "password"],
    values: [],
    errors: [
      ...emailUpdateErrors,
      "email_address_not_verified",
      "user_identity_already_verified",
      "rate_limited",
      "password_locked",
      "incorrect_password",
      "internal_conflict",
    ],
  },
  complete_user_email_address_update: {
    arguments: emailUpdateArguments,
    values: [],
    errors: [...emailUpdateErrors, "email_address_not_verified", "user_identity_not_verified", "internal_conflict"],
  },

  create_user_password_update: {
    arguments: ["session_token"],
    values: ["user_password_update", "user_password_update_token"],
    errors: ["invalid_session_token"],
  },
  get_user_password_update: {
    arguments: passwordUpdateArguments,
    values: ["user_password_update"],
    errors: passwordUpdateErrors,
  },
  delete_user_password_update: { arguments: passwordUpdateArguments, values: [], errors: passwordUpdateErrors },
  verify_user_password_update_user_password: {
    arguments: [...passwordUpdateArguments, "password"],
    values: [],
    errors: [
      ...passwordUpdateErrors,
      "user_identity_already_verified",
      "rate_limited",
      "password_locked",
      "incorrect_password",
      "internal_conflict",
    ],
  },
  set_user_password_update_new_password: {
    arguments: [...passwordUpdateArguments, "password"],
    values: [],
    errors: [
      ...passwordUpdateErrors,
      "user_identity_not_verified",
      "new_password_already_set",
      "invalid_password_length",
      "weak_password",
      "internal_conflict",
    ],
  },
  complete_user_password_update: {
    arguments: passwordUpdateArguments,
    values: [],
    errors: [...passwordUpdateErrors, "user_identity_not_verified", "new_password_not_set", "internal_conflict"],
  },

  create_user_deletion: {
    arguments: ["session_token"],
    values: ["user_deletion", "user_deletion_token"],
    errors: ["invalid_session_token"],
  },
  get_user_deletion: { arguments: deletionArguments, values: ["user_deletion"], errors: deletionErrors },
  delete_user_deletion: { arguments: deletionArguments, values: [], errors: deletionErrors },
  verify_user_deletion_user_password: {
    arguments: [...deletionArguments, "password"],
    values: [],
    errors: [
      ...deletionErrors,
      "user_identity_already_verified",
      "rate_limited",
      "password_locked",
      "incorrect_password",
      "internal_conflict",
    ],
  },
  complete_user_deletion: {
    arguments: deletionArguments,
    values: [],
    errors: [...deletionErrors, "user_identity_not_verified", "internal_conflict"],
  },

  create_user_password_reset: {
    arguments: ["user_email_address"],
    values: ["user_password_reset", "user_password_reset_token"],
    errors: ["invalid_email_address", "user_not_found", "user_disabled", "rate_limited", "internal_conflict"],
  },
  get_user_password_reset: {
    arguments: ["user_password_reset_token"],
    values: ["user_password_reset"],
    errors: ["invalid_user_password_reset_token"],
  },
  delete_user_password_reset: {
    arguments: ["user_password_reset_token"],
    values: [],
    errors: ["invalid_user_password_reset_token"],
  },
  verify_user_password_reset_temporary_password: {
    arguments: ["user_password_reset_token", "temporary_password"],
    values: [],
    errors: [
      "invalid_user_password_reset_token",
      "user_first_factor_already_verified",
      "rate_limited",
      "incorrect_temporary_password",
      "internal_conflict",
    ],
  },
  set_user_password_reset_new_password: {
    arguments: ["user_password_reset_token", "password"],
    values: [],
    errors: [
      "invalid_user_password_reset_token",
      "user_first_factor_not_verified",
      "new_password_already_set",
      "invalid_password_length",
      "weak_password",
      "internal_conflict",
    ],
  },
  complete_user_password_reset: {
    arguments: ["user_password_reset_token"],
    values: ["session", "session_token"],
    errors: [
      "invalid_user_password_reset_token",
      "user_first_factor_not_verified",
      "new_password_not_set",
      "internal_conflict",
      "session_not_created",
    ],
  },
} as const satisfies Record<string, ActionContract>;

/** Additions of ours, served on the private listener only. */
export const privateActions = {
  /**
   * Opens one more signup beside the given one: same address, code and end, its own token and its own state. At most
   * twenty without the code; with the right code, any number.
   */
  create_sibling_signup: {
    arguments: ["signup_token"],
    optional: ["email_address_verification_code"],
    values: ["signup", "signup_token"],
    errors: ["invalid_signup_token", "too_many_signups", "rate_limited", "incorrect_email_address_verification_code"],
  },
  /** Whether it is the password of the session's user: a guess like any other, which leaves nothing behind. */
  verify_user_password: {
    arguments: ["session_token", "password"],
    values: [],
    errors: ["invalid_session_token", "rate_limited", "password_locked", "incorrect_password"],
  },
  /** Whether mails reach such an address and the list of blocked ones lacks it; not whether somebody has it. */
  check_new_email_address: {
    arguments: ["email_address"],
    values: [],
    errors: ["invalid_email_address", "email_address_not_allowed"],
  },
  /** What new passwords are held to, for whoever shows a form. */
  get_password_rules: { arguments: [], values: ["password_rules"], errors: [] },
  /** The user's sessions, the latest used first. */
  list_sessions: { arguments: ["session_token"], values: ["sessions"], errors: ["invalid_session_token"] },
  /** Ends one of the user's sessions, by its id. */
  end_session: {
    arguments: ["session_token", "session_id"],
    values: [],
    errors: ["invalid_session_token", "session_not_found"],
  },
} as const satisfies Record<string, ActionContract>;

export const authActions = { ...faroeActions, ...privateActions };

type Contracts = typeof authActions;
export type AuthAction = keyof Contracts;
export type FaroeAction = keyof typeof faroeActions;
type Optional<A extends AuthAction> = Contracts[A] extends { optional: readonly (infer O extends string)[] }
  ? O
  : never;

export type AuthArguments<A extends AuthAction> = Record<Contracts[A]["arguments"][number], string> &
  Partial<Record<Optional<A>, string>>;
export type AuthValues<A extends AuthAction> = Pick<AuthValueTypes, Contracts[A]["values"][number]>;
/** The codes an action answers by decision. `internal_error` is not among them: it stands for a bug or an outage. */
export type AuthError<A extends AuthAction> = Contracts[A]["errors"][number];

/** What a rule returns. */
export type AuthResult<A extends AuthAction> = { ok: true; values: AuthValues<A> } | { ok: false; error: AuthError<A> };
