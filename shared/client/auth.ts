import { type AuthArguments, type AuthError, type AuthValues, type FaroeAction, faroeActions } from "../wire/faroe.ts";

/**
 * What an action brought: its values, or one of its own codes. `internal_error` is a fault of the server, which has
 * logged it; `unreachable` means that no proper answer came back, so it is not known whether the action was carried out.
 */
export type AuthClientResult<A extends FaroeAction> =
  | { ok: true; values: AuthValues<A> }
  | { ok: false; error: AuthError<A> | Refusal | "internal_error" | "unreachable" };

/** Refusals of an app server that hands actions on. */
const refusals = ["another_person_signed_in", "auth_server_unavailable", "body_too_large"] as const;
type Refusal = (typeof refusals)[number];

/** One method for each of Faroe's actions, named and typed by the contract table. */
export type AuthClient = {
  [A in FaroeAction]: (args: AuthArguments<A>) => Promise<AuthClientResult<A>>;
};

export interface AuthClientOptions {
  /** Sent with every call: a service that calls the private listener shows the internal secret here. */
  headers?: Record<string, string> | (() => Record<string, string>);
  /** Where actions are called, for callers of something that hands them on; `/` unless told. */
  path?: string;
  /** Milliseconds until a call counts as unreachable; 15,000 unless told. Hashing a password takes part of a second. */
  timeout?: number;
}

/**
 * A client of the auth server for browsers and for Node, without dependencies.
 *
 * @param baseUrl such as `http://127.0.0.1:12770`
 */
export function createAuthClient(baseUrl: string, options: AuthClientOptions = {}): AuthClient {
  const names = Object.keys(faroeActions) as FaroeAction[];
  const methods = names.map((action) => [action, (args: object) => invoke(baseUrl, options, action, args)]);
  return Object.fromEntries(methods) as AuthClient;
}

async function invoke(
  baseUrl: string,
  { headers, path = "/", timeout = 15_000 }: AuthClientOptions,
  action: string,
  args: object,
) {
  try {
    const response = await fetch(new URL(path, baseUrl), {
      method: "POST",
      headers: { "content-type": "application/json", ...(typeof headers === "function" ? headers() : headers) },
      body: JSON.stringify({ action, arguments: args }),
      signal: AbortSignal.timeout(timeout),
    });
    const answer = (await response.json()) as { ok?: boolean; values?: object; error_code?: string; code?: string };
    if (answer.ok === true && answer.values) return { ok: true, values: answer.values };
    const refusal = refusals.find((code) => code === answer.code);
    if (refusal) return { ok: false, error: refusal };
    if (answer.ok === false && answer.error_code) return { ok: false, error: answer.error_code };
  } catch {
    // Told below, as every answer that is none.
  }
  return { ok: false, error: "unreachable" };
}
