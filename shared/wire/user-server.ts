/**
 * Faroe's user-server protocol (`POST /invoke`): the auth server asks, the app server answers. Names as on the wire.
 * Bytes are standard base64 with padding; counters are int32 and start at 0.
 */
export interface User {
  id: string;
  email_address: string;
  password_hash: string;
  password_hash_algorithm_id: string;
  password_salt: string;
  disabled: boolean;
  /** Empty when there is none, never null. */
  display_name: string;
  email_address_counter: number;
  password_hash_counter: number;
  disabled_counter: number;
  sessions_counter: number;
}

/** Per action its text and counter arguments and the error codes it may answer with. */
export const userServerActions = {
  create_user: {
    texts: ["email_address", "password_hash", "password_hash_algorithm_id", "password_salt"],
    counters: [],
    errors: ["email_address_already_used", "user_not_found", "user_not_accepted"],
  },
  get_user: { texts: ["user_id"], counters: [], errors: ["user_not_found"] },
  get_user_by_email_address: { texts: ["email_address"], counters: [], errors: ["user_not_found"] },
  update_user_email_address: {
    texts: ["user_id", "email_address"],
    counters: ["user_email_address_counter"],
    errors: ["user_not_found", "email_address_already_used"],
  },
  update_user_password_hash: {
    texts: ["user_id", "password_hash", "password_hash_algorithm_id", "password_salt"],
    counters: ["user_password_hash_counter"],
    errors: ["user_not_found"],
  },
  increment_user_sessions_counter: {
    texts: ["user_id"],
    counters: ["user_sessions_counter"],
    errors: ["user_not_found"],
  },
  delete_user: { texts: ["user_id"], counters: [], errors: ["user_not_found"] },
} as const satisfies Record<
  string,
  { texts: readonly string[]; counters: readonly string[]; errors: readonly string[] }
>;

export type UserServerAction = keyof typeof userServerActions;
export type UserServerError<A extends UserServerAction> = (typeof userServerActions)[A]["errors"][number];
export type UserServerArguments<A extends UserServerAction> = Record<
  (typeof userServerActions)[A]["texts"][number],
  string
> &
  Record<(typeof userServerActions)[A]["counters"][number], number>;
export type UserServerValues<A extends UserServerAction> = A extends
  | "create_user"
  | "get_user"
  | "get_user_by_email_address"
  ? { user: User }
  : Record<string, never>;

export type UserServerResult<A extends UserServerAction> =
  | { ok: true; values: UserServerValues<A> }
  | { ok: false; error: UserServerError<A> };

/** The most a counter can hold; one step further would turn negative in Faroe's readers. */
export const largestCounter = 2_147_483_647;

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const bytesArguments = ["password_hash", "password_salt"];

export function isUserServerAction(text: string): text is UserServerAction {
  return Object.hasOwn(userServerActions, text);
}

/** The action's arguments, or undefined when one is missing or of the wrong type. Unknown members are ignored. */
export function readUserServerArguments<A extends UserServerAction>(
  action: A,
  given: Record<string, unknown>,
): UserServerArguments<A> | undefined {
  const { texts, counters } = userServerActions[action];
  const isSound =
    texts.every((name) => isText(given[name]) && (!bytesArguments.includes(name) || base64.test(given[name]))) &&
    counters.every((name) => isCounter(given[name]));
  return isSound ? (given as UserServerArguments<A>) : undefined;
}

const userTexts = ["id", "email_address", "password_hash_algorithm_id", "display_name"];
const userCounters = ["email_address_counter", "password_hash_counter", "disabled_counter", "sessions_counter"];

/** The user in an answer's values, or undefined when there is no proper one. */
export function readUser(value: unknown): User | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const given = value as Record<string, unknown>;
  const isSound =
    userTexts.every((name) => typeof given[name] === "string") &&
    bytesArguments.every((name) => typeof given[name] === "string" && base64.test(given[name])) &&
    userCounters.every((name) => isCounter(given[name])) &&
    typeof given.disabled === "boolean";
  return isSound ? (given as unknown as User) : undefined;
}

export type UserServerAnswer =
  | { ok: true; action_invocation_id: string; values: Record<string, unknown> }
  | { ok: false; action_invocation_id: string; error_code: string };

/** The body of an answer, or undefined when it is none. */
export function readUserServerAnswer(value: unknown): UserServerAnswer | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { ok, action_invocation_id, values, error_code } = value as Record<string, unknown>;
  const isSound =
    typeof action_invocation_id === "string" &&
    ((ok === true && typeof values === "object" && values !== null) ||
      (ok === false && typeof error_code === "string"));
  return isSound ? (value as UserServerAnswer) : undefined;
}

/** U+0000 is in no address and no id, and databases do not take it. */
function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

function isCounter(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= largestCounter;
}
