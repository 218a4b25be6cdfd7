import { normalizeCode } from "../wire/mailed-code.ts";
import type { CallFailure, CallOptions } from "./answer.ts";
import { type AppClient, type AppFailure, createAppClient } from "./app.ts";
import { type AuthClient, createAuthClient } from "./auth.ts";
import { type DecisionResult, type WaitingOptions, waitForApproval } from "./waiting.ts";
import type { SessionInfo } from "./wire.ts";

/** Where a page of another site keeps its session's token, since browsers keep no cookie for it. */
export interface TokenStore {
  read(): string | null;
  write(token: string | null): void;
}

export interface AnteroomOptions extends CallOptions {
  /**
   * For pages of another site alone: actions go to the auth server itself, and the session's token is sent in the header
   * `Authorization`. Kept in memory unless told; whatever script can read it can act as the person.
   */
  tokens?: { authServer: string; store?: TokenStore };
}

/** Why somebody is not signed in, or a step was not done. `cookie_not_kept`: all was right, but the browser kept no cookie. */
export interface SessionFailure extends Omit<CallFailure, "error" | "detail"> {
  error: string;
  detail?: string;
}

export type SessionResult = { ok: true; values: SessionInfo } | SessionFailure;

/** Who is signed in: undefined while that is not known, null for nobody. */
export type KnownSession = SessionInfo | null | undefined;

export interface Anteroom {
  app: AppClient;
  auth: AuthClient;
  /** Asks the server who is signed in; null for nobody. */
  getSession(): Promise<{ ok: true; values: SessionInfo | null } | AppFailure>;
  /** The code `incorrect_password` also stands for an address without an account. */
  signIn(person: { email: string; password: string }): Promise<SessionResult>;
  signOut(): Promise<{ ok: true } | AppFailure>;
  /** Code and password after an approval; whoever does that is signed in. Can be repeated when an answer was lost. */
  activate(given: { signupToken: string; code: string; password: string }): Promise<SessionResult>;
  /** See `waitForApproval`. */
  waitForApproval(registrationToken: string, options?: WaitingOptions): Promise<DecisionResult>;
  /** What is known without asking; `subscribe` tells when it changes. */
  session(): KnownSession;
  subscribe(listener: () => void): () => void;
}

/**
 * All that a frontend of its own needs: both clients, and who is signed in.
 *
 * @param server the app server as the browser reaches it; of the page's own origin where a proxy hands its paths on
 */
export function createAnteroom(server: string, { tokens, ...options }: AnteroomOptions = {}): Anteroom {
  const store = tokens ? (tokens.store ?? keptInMemory()) : undefined;
  const app = createAppClient(server, store ? { ...options, headers: withToken(store, options.headers) } : options);
  const auth = tokens
    ? createAuthClient(tokens.authServer, options)
    : createAuthClient(server, { ...options, path: "/auth/actions", credentials: "include" });
  const { known, ...watched } = createWatched();

  async function getSession() {
    const answer = await app("GET /auth/session_info/");
    // The server has cleared the cookie.
    const isOver = !answer.ok && answer.error === "invalid_session";
    if (!answer.ok && !isOver) return answer;
    if (isOver) store?.write(null);
    return { ok: true as const, values: known(answer.ok && "user" in answer.values ? answer.values : null) };
  }

  /** After an action that opened one. Browsers say nothing of a cookie that they do not keep, so it is looked for. */
  async function begin({ session_token }: { session_token: string }): Promise<SessionResult> {
    store?.write(session_token);
    const found = await getSession();
    if (!found.ok) return found;
    return found.values ? { ok: true, values: found.values } : cookieNotKept;
  }

  return {
    app,
    auth,
    getSession,
    async signIn({ email, password }) {
      const created = await auth.create_signin({ user_email_address: email.trim() });
      if (!created.ok) return created;
      const { signin_token } = created.values;
      const verified = await auth.verify_signin_user_password({ signin_token, password });
      if (!verified.ok) return verified;
      const completed = await auth.complete_signin({ signin_token });
      return completed.ok ? begin(completed.values) : completed;
    },
    async signOut() {
      const answer = await app("POST /cookies/clear_session/", {});
      if (!answer.ok) return answer;
      store?.write(null);
      known(null);
      return { ok: true };
    },
    async activate({ signupToken: signup_token, code, password }) {
      const verified = await auth.verify_signup_email_address_verification_code({
        signup_token,
        email_address_verification_code: normalizeCode(code),
      });
      if (!verified.ok && verified.error !== "email_address_already_verified") return verified;
      const set = await auth.set_signup_password({ signup_token, password });
      if (!set.ok && set.error !== "password_already_set") return set;
      const completed = await auth.complete_signup({ signup_token });
      return completed.ok ? begin(completed.values) : completed;
    },
    waitForApproval: (registrationToken, waiting) => waitForApproval(app, registrationToken, waiting),
    ...watched,
  };
}

const cookieNotKept: SessionFailure = {
  ok: false,
  error: "cookie_not_kept",
  detail:
    "You are signed in, but the browser kept no cookie. The page has to be of the server's own site and both on https (or both on localhost); for any other there are session tokens. See docs/embedding.md.",
};

function withToken(store: TokenStore, headers: CallOptions["headers"]): () => Record<string, string> {
  return () => {
    const token = store.read();
    return {
      ...(typeof headers === "function" ? headers() : headers),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    };
  };
}

function keptInMemory(): TokenStore {
  let kept: string | null = null;
  return {
    read: () => kept,
    write: (token) => {
      kept = token;
    },
  };
}

function createWatched() {
  let session: KnownSession;
  const listeners = new Set<() => void>();
  return {
    session: () => session,
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    known: (next: SessionInfo | null) => {
      if (JSON.stringify(next) !== JSON.stringify(session)) {
        session = next;
        for (const listener of listeners) listener();
      }
      return next;
    },
  };
}
