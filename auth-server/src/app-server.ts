import { createPeer, type Peer } from "@anteroom/shared/runtime/http/private-calls";
import type { EmailRequest } from "@anteroom/shared/wire/email";
import {
  readUser,
  readUserServerAnswer,
  type User,
  type UserServerAction,
  type UserServerArguments,
  type UserServerError,
  type UserServerResult,
  userServerActions,
} from "@anteroom/shared/wire/user-server";
import type { Settings } from "./settings.ts";
import type { UserStore } from "./users/user-store.ts";

export interface AppServer {
  users: UserStore;
  /** Resolves once the app server has taken the mail; throws otherwise. */
  sendEmail(email: EmailRequest): Promise<void>;
  isAlive(): Promise<boolean>;
  close(): Promise<void>;
}

/** The app server as the auth server sees it: users behind `POST /invoke`, mail through `POST /email`. */
export function createAppServer(settings: Settings): AppServer {
  const common = { baseUrl: settings.appServerUrl, secret: settings.internalSecrets[0] };
  const invocations = createPeer({ ...common, timeout: settings.invokeTimeout });
  const emails = createPeer({ ...common, timeout: settings.emailTimeout });
  return {
    users: createUserStore(invocations),
    sendEmail: async (email) => {
      const { status } = await emails.post("/email", email);
      if (status !== 200) throw new Error(`POST /email was answered with status ${status}.`);
    },
    isAlive: invocations.isAlive,
    close: async () => {
      await Promise.all([invocations.close(), emails.close()]);
    },
  };
}

function createUserStore(peer: Peer): UserStore {
  async function invoke<A extends UserServerAction>(
    action: A,
    args: UserServerArguments<A>,
  ): Promise<{ ok: true; values: Record<string, unknown> } | { ok: false; error: UserServerError<A> }> {
    const { status, body } = await peer.post("/invoke", { action, arguments: args });
    const answer = status === 200 ? readUserServerAnswer(body) : undefined;
    if (!answer) throw new Error(`The user server gave no proper answer to ${action} (status ${status}).`);
    if (answer.ok) return { ok: true, values: answer.values };
    const { error_code } = answer;
    if (isDeclared(action, error_code)) return { ok: false, error: error_code };
    throw new Error(`The user server answered ${action} with an unexpected code.`);
  }

  return {
    createUser: async (user): Promise<UserServerResult<"create_user">> => {
      const result = await invoke("create_user", user);
      return result.ok ? { ok: true, values: { user: toUser(result.values) } } : result;
    },
    getUser: async (userId) => {
      const result = await invoke("get_user", { user_id: userId });
      return result.ok ? toUser(result.values) : undefined;
    },
    getUserByEmailAddress: async (emailAddress) => {
      const result = await invoke("get_user_by_email_address", { email_address: emailAddress });
      return result.ok ? toUser(result.values) : undefined;
    },
    updateUserEmailAddress: async (update): Promise<UserServerResult<"update_user_email_address">> => {
      const result = await invoke("update_user_email_address", update);
      return result.ok ? { ok: true, values: {} } : result;
    },
    updateUserPasswordHash: async (update) => (await invoke("update_user_password_hash", update)).ok,
    incrementUserSessionsCounter: async (userId, value) =>
      (await invoke("increment_user_sessions_counter", { user_id: userId, user_sessions_counter: value })).ok,
    deleteUser: async (userId) => (await invoke("delete_user", { user_id: userId })).ok,
  };
}

function isDeclared<A extends UserServerAction>(action: A, code: string): code is UserServerError<A> {
  return userServerActions[action].errors.some((declared) => declared === code);
}

function toUser(values: Record<string, unknown>): User {
  const user = readUser(values.user);
  if (!user) throw new Error("The user server's answer holds no proper user.");
  return user;
}
