import { CallFailed } from "@anteroom/shared/runtime/http/private-calls";
import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import { type RateLimit, runSteps, takingToken, tokensOfCaller } from "@anteroom/shared/runtime/rate-limits";
import type { Contract } from "@anteroom/shared/wire/app/contract";
import type { Reason } from "@anteroom/shared/wire/app/errors";
import { contracts, type RouteContracts, type RouteName } from "@anteroom/shared/wire/app/routes";
import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Caller } from "../accounts/store.ts";
import type { Session } from "../auth-server/client.ts";
import type { AppContext } from "../context.ts";
import {
  missingFields,
  type Outcome,
  type Refusal,
  refusalOf,
  refuse,
  refuseWith,
  tooManyRequests,
} from "../outcome.ts";
import { answerRefusal } from "./errors.ts";
import { requireFreshProof } from "./fresh-proof.ts";
import { isPagePath } from "./pages.ts";
import { findCaller } from "./session.ts";

/** What a route's handler is given. `caller` is who is signed in, on routes that ask for it. */
export interface Call<R extends RouteName> {
  http: Context;
  app: AppContext;
  body: Given<RouteContracts[R], "body">;
  query: Given<RouteContracts[R], "query">;
  caller: Caller;
  /** What they are signed in with. */
  session: Session;
}

type Given<C, Part extends string> = C extends { [P in Part]: infer Schema extends z.ZodType }
  ? z.output<Schema>
  : Record<string, never>;

/** What a handler comes to: what the contract says it answers, or a refusal that the contract names. */
export type Handled<R extends RouteName> = HandledOf<RouteContracts[R]>;

type HandledOf<C> =
  | (C extends { answer: infer Answer extends z.ZodType } ? Outcome<z.input<Answer>, Named<C> | Outage> : Response)
  | (C extends { otherwise: object } ? Response : never);

type Named<C> = C extends { errors: readonly (infer R extends Reason)[] } ? R : never;

/** What may happen to any route. */
type Outage = "auth_server_unavailable" | "database_unavailable" | "internal_error";

interface Serving {
  /** `user` and `admin`: 401 without a session. `admin`: 403 without the permission. */
  access: "anyone" | "user" | "admin";
  /** Taken per caller's address; 429 when empty. */
  limit?: RateLimit;
  /** Bytes; 16 kB unless told. */
  maxBody?: number;
  /** Open to anyone, but looks at the session of whoever has one. */
  usesSession?: true;
  /** What destroys or grants: 403 unless the password was shown lately, or comes along as `password`. */
  needsProof?: true;
  /** Its answer is offered as a file of this name, laid out to be read. */
  file?: string;
}

export interface Route extends Serving {
  method: "GET" | "POST";
  path: string;
  contract: Contract;
  handle: (call: Call<never>) => Promise<Outcome<unknown, Reason> | Response>;
}

/** How a route of the contract is served. */
export function defineRoute<R extends RouteName>(
  name: R,
  serving: Serving & { handle: (call: Call<R>) => Promise<Handled<R>> },
): Route {
  const [method, path = ""] = name.split(" ");
  return { ...serving, method: method as Route["method"], path, contract: contracts[name] };
}

/** `{success: true, …}`, as the source document has most answers. */
export function done<T extends object, R extends Reason>(outcome: Outcome<T, R>): Outcome<T & { success: true }, R> {
  return outcome.ok ? { ok: true, values: { success: true, ...outcome.values } } : outcome;
}

export function doneUnless<R extends Reason>(refusal: Refusal<R> | undefined): Outcome<{ success: true }, R> {
  return refusal ? refuseWith(refusal) : { ok: true, values: { success: true } };
}

export function mountRoutes(hono: Hono, app: AppContext, routes: readonly Route[]): void {
  for (const route of routes) hono.on(route.method, spellings(route.path), (http) => serve(http, app, route));
  for (const [path, served] of Map.groupBy(routes, ({ path }) => path)) {
    const allow = served.map(({ method }) => method).join(", ");
    for (const spelt of spellings(path))
      hono.all(spelt, (http) => answerRefusal(http, refusalOf("method_not_allowed"), { allow }));
  }
}

/** The source document ends some paths with a slash; whoever leaves it out means the same, unless a page is there. */
function spellings(path: string): string[] {
  const bare = path.replace(/\/$/, "");
  return isPagePath(bare) ? [path] : [...new Set([path, bare])];
}

async function serve(http: Context, app: AppContext, route: Route): Promise<Response> {
  http.set("route", route.path);
  const refused = await checkIpLimit(app, route);
  if (refused) return answerRefusal(http, refused);
  try {
    const admitted = await admit(http, app, route);
    if (!admitted.ok) return answerRefusal(http, admitted.refusal);
    const body = await readBody(http, route);
    if (!body.ok) return answerRefusal(http, body.refusal);
    const query = check(route.contract.query ?? nothingAsked, http.req.query());
    if (!query.ok) return answerRefusal(http, query.refusal);
    const unproven = route.needsProof && (await checkProof(http, app, admitted.values.session, body.values));
    if (unproven) return answerRefusal(http, unproven);
    const call = { http, app, ...admitted.values, body: body.values, query: query.values };
    const result = await route.handle(call as unknown as Call<never>);
    return result instanceof Response ? result : answer(http, route, result);
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    app.log.error({ err: error, path: route.path }, "the auth server did not answer");
    return answerRefusal(http, refusalOf("auth_server_unavailable"));
  }
}

function answer(http: Context, { file }: Route, outcome: Outcome<unknown, Reason>): Response {
  if (!outcome.ok) return answerRefusal(http, outcome.refusal);
  if (file === undefined) return http.json(outcome.values as object);
  return http.body(`${JSON.stringify(outcome.values, undefined, 2)}\n`, 200, {
    "content-type": "application/json",
    "content-disposition": `attachment; filename="${file}"`,
  });
}

const nobody: Caller = { userId: "", email: "", firstname: "", lastname: "", permissions: [] };

type Admitted = Pick<Call<RouteName>, "caller" | "session">;

const anyone = {
  ok: true,
  values: { caller: nobody, session: { userId: "", createdAt: 0, expiresAt: null } },
} as const satisfies Outcome<Admitted, never>;

/** Whom a page shows as signed in: it acts for nobody else, though the browser's cookie may be another's by now. */
const actingAs = "x-acting-as";

async function admit(http: Context, app: AppContext, route: Route): Promise<Outcome<Admitted, Reason>> {
  const { access, usesSession } = route;
  const shown = http.req.header(actingAs);
  if (access === "anyone" && !(usesSession && shown)) return anyone;
  const found = await findCaller(http, app);
  if (shown && found.status === "valid" && found.caller.userId !== shown) return refuse("another_person_signed_in");
  if (access === "anyone") return anyone;
  if (found.status === "none") return refuse("no_session");
  if (found.status === "invalid") return refuse("invalid_session");
  if (access === "admin" && !found.caller.permissions.includes("admin")) return refuse("missing_permission");
  return { ok: true, values: { caller: found.caller, session: found.session } };
}

function checkProof(http: Context, app: AppContext, session: Session, values: unknown): Promise<Refusal | undefined> {
  return requireFreshProof(http, app, session, (values as { password?: string }).password);
}

async function checkIpLimit(app: AppContext, route: Route): Promise<Refusal | undefined> {
  const { limit } = route;
  if (!limit || !app.settings.ipLimits) return undefined;
  const now = app.clock.now();
  const tokens = tokensOfCaller(limit, currentRequest()?.caller ?? "");
  const isAllowed = await runSteps(
    app.db,
    tokens.map((token) => takingToken(token, now)),
  );
  return isAllowed ? undefined : tooManyRequests(limit.interval);
}

const nothing = { ok: true, values: {} } as const;

const nothingAsked = z.object({});

/** Missing fields and broken JSON are 400, as the source document has it; fields of a wrong kind are 422. */
async function readBody(http: Context, { contract }: Route): Promise<Outcome<unknown, Reason>> {
  const { body: schema, either = [] } = contract;
  if (!schema) return nothing;
  const json = parseObject(await http.req.text());
  if (json === undefined) return refuse("invalid_request");
  const isMissing = (name: string) => json[name] === undefined || json[name] === null || json[name] === "";
  const required = Object.keys(schema.shape).filter((name) => !schema.shape[name].safeParse(undefined).success);
  const missing = required.filter(isMissing);
  if (missing.length > 0) return missingFields(missing, required);
  if (either.length > 0 && either.every(isMissing)) return missingFields([either.join(" or ")], either);
  return check(schema, json);
}

function check(schema: z.ZodObject, given: Record<string, unknown>): Outcome<unknown, "invalid_field"> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return { ok: true, values: parsed.data };
  const errors = parsed.error.issues.map((issue) => ({ field: issue.path.join("."), message: issue.message }));
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join(" ");
  return refuse("invalid_field", { values: { detail }, members: { errors } });
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
