import { CallFailed, type Peer } from "@anteroom/shared/runtime/http/private-calls";
import { type Cause, forwardingHeaders } from "@anteroom/shared/runtime/http/request-scope";
import { z } from "zod";

/** An answer of the auth server. `error` is one of Faroe's codes, or `unknown_action` from one that lacks the action. */
export type Invoked<T> = { ok: true; values: T } | { ok: false; error: string };

export type AuthServer = ReturnType<typeof createAuthServer>;

export interface Session {
  userId: string;
  createdAt: number;
  /** Null when sessions have no absolute end. */
  expiresAt: number | null;
}

const resultSchema = z.union([
  z.object({ ok: z.literal(true), action_invocation_id: z.string(), values: z.record(z.string(), z.unknown()) }),
  z.object({ ok: z.literal(false), action_invocation_id: z.string(), error_code: z.string() }),
]);

const signupSchema = z
  .object({ signup_token: z.string(), signup: z.object({ expires_at: z.number() }) })
  .transform(({ signup, signup_token }) => ({ signupToken: signup_token, expiresAt: signup.expires_at }));

const sessionSchema = z
  .object({
    session: z.object({ user_id: z.string(), created_at: z.number(), expires_at: z.number().nullable() }),
  })
  .transform(({ session }): Session => {
    return { userId: session.user_id, createdAt: session.created_at, expiresAt: session.expires_at };
  });

export interface PasswordLengths {
  min: number;
  max: number;
}

const passwordLengthsSchema = z
  .object({ password_rules: z.object({ min_length: z.number(), max_length: z.number() }) })
  .transform(({ password_rules: { min_length: min, max_length: max } }): PasswordLengths => ({ min, max }));

/** Of the original, which is not asked: its protocol has them. */
const faroesLengths: PasswordLengths = { min: 10, max: 100 };

const nothingSchema = z.object({}).transform(() => undefined);

/** Calls of one request each; all throw CallFailed when no proper answer comes back. */
function createCalls(peer: Peer) {
  const post = (action: string, args: Record<string, string>, cause: Cause | undefined) =>
    peer.post("/", { action, arguments: args }, forwardingHeaders(cause));

  async function invoke<T>(
    action: string,
    args: Record<string, string>,
    values: z.ZodType<T>,
    cause?: Cause,
  ): Promise<Invoked<T>> {
    const response = await post(action, args, cause);
    if (response.status === 400) return { ok: false, error: "unknown_action" };
    const result = resultSchema.safeParse(response.body);
    if (response.status !== 200 || !result.success) throw unexpected(action, `status ${response.status}`);
    if (!result.data.ok) return { ok: false, error: result.data.error_code };
    return { ok: true, values: values.parse(result.data.values) };
  }

  /** An `internal_error` is an outage, and nothing that a caller could be told as a refusal. */
  async function ask<T>(...call: Parameters<typeof invoke<T>>): Promise<Invoked<T>> {
    const result = await invoke(...call);
    if (!result.ok && result.error === "internal_error") throw unexpected(call[0], result.error);
    return result;
  }

  return { post, invoke, ask };
}

/** The actions this server uses. */
export function createAuthServer(peer: Peer) {
  const { post, invoke, ask } = createCalls(peer);
  let isOurs = false;

  return {
    /**
     * Whether old sessions end with a password. Ours sees to that, and keeps the one in which it was changed; the original
     * Faroe, which knows none of our actions, leaves all of them alive. What was ours once stays so.
     */
    endsSessionsItself: async () => {
      if (isOurs) return true;
      const asked = await invoke("list_sessions", { session_token: "" }, nothingSchema);
      isOurs = asked.ok || asked.error !== "unknown_action";
      return isOurs;
    },
    /** For an approval, whoever's call brings it about: a sign-up is opened once and again when it has run out. */
    createSignup: (email: string) => invoke("create_signup", { email_address: email }, signupSchema, "site"),
    /** A sign-up of the caller's own beside an open one: same address and code, own token and progress. */
    createSiblingSignup: (signupToken: string, code: string | undefined) =>
      ask(
        "create_sibling_signup",
        { signup_token: signupToken, ...(code ? { email_address_verification_code: code } : {}) },
        signupSchema,
      ),
    sendCode: (signupToken: string, cause?: Cause) =>
      ask("send_signup_email_address_verification_code", { signup_token: signupToken }, nothingSchema, cause),
    deleteSignup: (signupToken: string) => ask("delete_signup", { signup_token: signupToken }, nothingSchema),
    getSession: (sessionToken: string) => ask("get_session", { session_token: sessionToken }, sessionSchema),
    deleteSession: (sessionToken: string) => ask("delete_session", { session_token: sessionToken }, nothingSchema),
    getPasswordLengths: async (): Promise<PasswordLengths> => {
      const rules = await ask("get_password_rules", {}, passwordLengthsSchema);
      return rules.ok ? rules.values : faroesLengths;
    },
    /** For the test commands, which walk a whole sign-up. */
    step: (action: string, args: Record<string, string>) => invoke(action, args, z.record(z.string(), z.unknown())),
    /**
     * Hands on a visitor's call; what the action means is theirs and the auth server's.
     * `not_taken`: it is no call that the auth server knows, or is too large.
     */
    relay: async (action: string, args: Record<string, string>, cause?: Cause) => {
      const { status, body } = await post(action, args, cause);
      if (status === 503) return "busy";
      if (status === 400 || status === 413) return "not_taken";
      const result = resultSchema.safeParse(body);
      if (status !== 200 || !result.success) throw unexpected(action, `status ${status}`);
      return result.data;
    },
    /** Ends every session of a user at once, those included that the auth server would still have trusted for a while. */
    revokeUserSessions: async (userId: string) => {
      const { status } = await peer.post("/command", { command: "revoke_user_sessions", user_id: userId });
      if (status !== 200) throw new CallFailed(`The auth server answered with status ${status}.`, "unknown", {});
    },
    isAlive: () => peer.isAlive(),
    close: () => peer.close(),
  };
}

function unexpected(action: string, answer: string): CallFailed {
  return new CallFailed(`The auth server answered ${action} with ${answer}.`, "unknown", {});
}
