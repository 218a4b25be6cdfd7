import { type CallFailure, type CallOptions, request } from "./answer.ts";
import type { AppErrorCode, AppRoute, AppRoutes, DecidedBefore, Problem } from "./wire.ts";

/** What was wrong. `code` is for programs, `detail` for people, `fields` names the fields of a form to mend. */
export interface AppFailure extends CallFailure {
  /** A code of the auth server, when it was the one to refuse. */
  errorCode?: string;
  fields?: { field: string; message: string }[];
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

/**
 * A client of the app server for browsers and for Node, without dependencies. In a browser the session's cookie goes
 * along by itself. A call has 60 s unless told, because an approval waits for the auth server.
 *
 * @param baseUrl such as `http://127.0.0.1:12780`
 */
export function createAppClient(baseUrl: string, options: CallOptions = {}): AppClient {
  return async (route, ...[input]) => {
    const [method = "", path = ""] = route.split(" ");
    const url = new URL(path, baseUrl);
    const body = method === "GET" ? undefined : (input as object);
    if (method === "GET") addQuery(url, input as object | undefined);
    const answer = await request(url, options, { method, body, credentials: "include" });
    if (!answer.ok) return answer;
    return answer.isSuccess
      ? { ok: true, values: answer.body as never }
      : { ...toFailure(answer.body), ...answer.told };
  };
}

function addQuery(url: URL, query: object = {}): void {
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value));
}

/** One route answers `{error}` alone, as the source document has it. */
function toFailure(body: Partial<Problem>): AppFailure {
  const { code, error, detail = "", error_code, errors, state, decided_at } = body;
  const { decided_by = null, decided_by_name = null } = body;
  return {
    ok: false,
    error: code ?? (error as AppErrorCode | undefined) ?? "unexpected_answer",
    detail,
    ...(error_code ? { errorCode: error_code } : {}),
    ...(errors ? { fields: errors } : {}),
    ...(state && decided_at !== undefined ? { decided: { state, decided_by, decided_by_name, decided_at } } : {}),
  };
}
