import type { AppErrorCode, DecidedBefore, Problem } from "../wire/app/errors.ts";
import type { AppRoute, AppRoutes } from "../wire/app/routes.ts";

/** What was wrong. `code` is for programs, `detail` for people, `fields` names the fields of a form to mend. */
export interface AppFailure {
  ok: false;
  error: AppErrorCode | "unreachable";
  detail: string;
  /** A code of the auth server, when it was the one to refuse. */
  errorCode?: string;
  fields?: { field: string; message: string }[];
  /** Seconds until it is worth trying again, where the server can tell. */
  retryAfter?: number;
  /** When somebody else has decided: who, and when. */
  decided?: DecidedBefore;
}

export type AppClientResult<R extends AppRoute> = { ok: true; values: AppRoutes[R]["values"] } | AppFailure;

/** Calls a route of the app server by its name, such as `POST /auth/registration_status`. */
export type AppClient = <R extends AppRoute>(route: R, ...input: AppRouteInput<R>) => Promise<AppClientResult<R>>;

/** The body of a POST; of a GET what its query may say, where it has one. */
export type AppRouteInput<R extends AppRoute> = AppRoutes[R]["query"] extends object
  ? Record<string, never> extends AppRoutes[R]["query"]
    ? [query?: AppRoutes[R]["query"]]
    : [query: AppRoutes[R]["query"]]
  : AppRoutes[R]["body"] extends undefined
    ? []
    : [body: AppRoutes[R]["body"]];

export interface AppClientOptions {
  /** For callers that are no browser and keep the session cookie themselves. */
  headers?: Record<string, string> | (() => Record<string, string>);
  /** Milliseconds; 60,000 unless told, because an approval waits for the auth server. */
  timeout?: number;
}

/**
 * A client of the app server for browsers and for Node, without dependencies. In a browser the session's cookie goes
 * along by itself.
 *
 * @param baseUrl such as `http://127.0.0.1:12780`
 */
export function createAppClient(baseUrl: string, { headers, timeout = 60_000 }: AppClientOptions = {}): AppClient {
  return async (route, ...[input]) => {
    const [method = "", path = ""] = route.split(" ");
    const url = new URL(path, baseUrl);
    const body = method === "GET" ? undefined : input;
    if (method === "GET") addQuery(url, input as object | undefined);
    try {
      const response = await fetch(url, {
        method,
        credentials: "include",
        headers: {
          ...(body ? { "content-type": "application/json" } : {}),
          ...(typeof headers === "function" ? headers() : headers),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(timeout),
      });
      const answer = (await response.json()) as never;
      return response.ok ? { ok: true, values: answer } : { ...toFailure(answer), ...retryAfterOf(response) };
    } catch {
      return { ok: false, error: "unreachable", detail: "The server cannot be reached. Try again in a moment." };
    }
  };
}

function addQuery(url: URL, query: object = {}): void {
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
}

function retryAfterOf({ headers }: Response): { retryAfter?: number } {
  const seconds = Number(headers.get("retry-after"));
  return seconds > 0 ? { retryAfter: seconds } : {};
}

/** One route answers `{error}` alone, as the source document has it. */
function toFailure(body: Partial<Problem>): AppFailure {
  const { code, error, detail = "", error_code, errors, state, decided_at } = body;
  const { decided_by = null, decided_by_name = null } = body;
  return {
    ok: false,
    error: code ?? (error as AppErrorCode | undefined) ?? "internal_error",
    detail,
    ...(error_code ? { errorCode: error_code } : {}),
    ...(errors ? { fields: errors } : {}),
    ...(state && decided_at !== undefined ? { decided: { state, decided_by, decided_by_name, decided_at } } : {}),
  };
}
