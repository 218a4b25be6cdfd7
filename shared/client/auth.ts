import { type AuthArguments, type AuthError, type AuthValues, type FaroeAction, faroeActions } from "../wire/faroe.ts";
import { type CallFailure, type CallOptions, request, unexpected } from "./answer.ts";

/**
 * What an action brought: its values, or why not. Beside its own codes there are those of an app server that hands actions
 * on. `internal_error` is a fault of the server, which has logged it; after `unreachable` and `unexpected_answer` it is not
 * known whether the action was carried out.
 */
export type AuthClientResult<A extends FaroeAction> = { ok: true; values: AuthValues<A> } | AuthFailure<A>;

export interface AuthFailure<A extends FaroeAction> extends Omit<CallFailure, "error" | "detail"> {
  error: AuthError<A> | CallFailure["error"];
  /** For people, where there is something to say beside the code. */
  detail?: string;
}

/** One method for each of Faroe's actions, named and typed by the contract table. */
export type AuthClient = {
  [A in FaroeAction]: (args: AuthArguments<A>) => Promise<AuthClientResult<A>>;
};

export interface AuthClientOptions extends CallOptions {
  /** Where actions are called, for callers of something that hands them on; `/` unless told. */
  path?: string;
  /** Whether cookies go along to another origin: to an app server that hands actions on, never to the auth server itself. */
  credentials?: "include" | "same-origin";
}

/**
 * A client of the auth server for browsers and for Node, without dependencies. A call has 15 s unless told: hashing a
 * password takes part of a second.
 *
 * @param baseUrl such as `http://127.0.0.1:12770`
 */
export function createAuthClient(baseUrl: string, options: AuthClientOptions = {}): AuthClient {
  const names = Object.keys(faroeActions) as FaroeAction[];
  const methods = names.map((action) => [action, (args: object) => invoke(baseUrl, options, action, args)]);
  return Object.fromEntries(methods) as AuthClient;
}

async function invoke(baseUrl: string, options: AuthClientOptions, action: string, args: object) {
  const { path = "/", credentials = "same-origin" } = options;
  const body = { action, arguments: args };
  const answer = await request(
    new URL(path, baseUrl),
    { timeout: 15_000, ...options },
    { method: "POST", body, credentials },
  );
  if (!answer.ok) return answer;
  const { ok, values, error_code, code, detail } = answer.body as Invoked;
  if (ok === true && values) return { ok: true, values };
  if (ok === false && error_code) return { ok: false, error: error_code };
  return code ? { ok: false, error: code, detail, ...answer.told } : unexpected(answer.told);
}

/** An answer to an action, or the problem of an app server that did not hand it on. */
interface Invoked {
  ok?: boolean;
  values?: object;
  error_code?: string;
  code?: string;
  detail?: string;
}
