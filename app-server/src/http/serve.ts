import { CallFailed } from "@anteroom/shared/runtime/private-calls";
import { type RateLimit, runInTurn, takingToken, tokensOfCaller } from "@anteroom/shared/runtime/rate-limits";
import { currentRequest } from "@anteroom/shared/runtime/request-scope";
import type { Context, Hono } from "hono";
import { z } from "zod";
import type { Caller } from "../accounts/store.ts";
import type { Session } from "../auth-server/client.ts";
import type { AppContext } from "../context.ts";
import { type Outcome, type Refusal, type Refused, refusalOf, refuse, tooManyRequests } from "../outcome.ts";
import { answerRefusal } from "./errors.ts";
import { requireFreshProof } from "./fresh-proof.ts";
import type { RouteErrors } from "./route-answers.ts";
import { findCaller } from "./session.ts";

/** What a route's handler is given. `caller` is who is signed in, on routes that ask for it. */
export interface Call<Body, Query = unknown> {
  http: Context;
  app: AppContext;
  body: Body;
  query: Query;
  caller: Caller;
  /** What they are signed in with. */
  session: Session;
}

export interface Route {
  method: "GET" | "POST";
  path: string;
  summary: string;
  /** `user` and `admin`: 401 without a session. `admin`: 403 without the permission. */
  access: "anyone" | "user" | "admin";
  body: z.ZodObject;
  /** Optional fields of the body of which one must be there. */
  either?: readonly string[];
  /** What may follow `?`; what is not named here is ignored. */
  query?: z.ZodObject;
  /** Bytes; 16 kB unless told. */
  maxBody?: number;
  /** Taken per caller's address; 429 when empty. */
  ipLimit?: RateLimit;
  /** Open to anyone, but looks at the session of whoever has one. */
  usesSession?: true;
  /** What destroys or grants: 403 unless the password was shown lately, or comes along as `password`. */
  needsProof?: true;
  /** What it answers and may refuse with, where `routeAnswers` does not say so. */
  answers?: z.ZodType | "page";
  errors?: RouteErrors;
  /** Refusals in a form of their own, which the source document has fixed. */
  otherwise?: Partial<Record<number, z.ZodType>>;
  handle: (call: Call<never, never>) => Promise<Response>;
}

/** Gives the handler the types of the body and the query it asked for. */
export function defineRoute<Body extends z.ZodObject, Query extends z.ZodObject = z.ZodObject>(
  route: Omit<Route, "body" | "query" | "handle"> & {
    body: Body;
    query?: Query;
    handle: (call: Call<z.output<Body>, z.output<Query>>) => Promise<Response>;
  },
): Route {
  return route;
}

export const noBody = z.object({});

export function mountRoutes(hono: Hono, app: AppContext, routes: readonly Route[]): void {
  for (const route of routes) hono.on(route.method, route.path, (http) => serve(http, app, route));
  for (const [path, served] of Map.groupBy(routes, ({ path }) => path)) {
    const allow = served.map(({ method }) => method).join(", ");
    hono.all(path, (http) => answerRefusal(http, refusalOf("method_not_allowed"), { allow }));
  }
}

async function serve(http: Context, app: AppContext, route: Route): Promise<Response> {
  http.set("route", route.path);
  const refused = await checkIpLimit(app, route);
  if (refused) return answerRefusal(http, refused);
  try {
    const admitted = await admit(http, app, route);
    if (!admitted.ok) return answerRefusal(http, admitted.refusal);
    const body = route.method === "GET" ? nothing : await readBody(http, route);
    if (!body.ok) return answerRefusal(http, body.refusal);
    const query = check(route.query ?? noBody, http.req.query());
    if (!query.ok) return answerRefusal(http, query.refusal);
    const unproven = route.needsProof && (await checkProof(http, app, admitted.values.session, body.values));
    if (unproven) return answerRefusal(http, unproven);
    const call = { http, app, ...admitted.values, body: body.values, query: query.values };
    return await route.handle(call as Call<never, never>);
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    app.log.error({ err: error, path: route.path }, "the auth server did not answer");
    return answerRefusal(http, refusalOf("auth_server_unavailable"));
  }
}

const nobody: Caller = { userId: "", email: "", firstname: "", lastname: "", permissions: [] };

type Admitted = Pick<Call<unknown>, "caller" | "session">;

const anyone: Outcome<Admitted> = {
  ok: true,
  values: { caller: nobody, session: { userId: "", createdAt: 0, expiresAt: null } },
};

/** Whom a page shows as signed in: it acts for nobody else, though the browser's cookie may be another's by now. */
const actingAs = "x-acting-as";

async function admit(http: Context, app: AppContext, route: Route): Promise<Outcome<Admitted>> {
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
  if (!route.ipLimit || !app.settings.ipLimits) return undefined;
  const now = app.clock.now();
  const tokens = tokensOfCaller(route.ipLimit, currentRequest()?.caller ?? "");
  const isAllowed = await runInTurn(
    app.db,
    tokens.map((token) => takingToken(token, now)),
  );
  return isAllowed ? undefined : tooManyRequests(route.ipLimit.interval);
}

const nothing: Outcome<unknown> = { ok: true, values: {} };

/** Missing fields and broken JSON are 400, as the source document has it; fields of a wrong kind are 422. */
async function readBody(http: Context, { body: schema, either = [] }: Route): Promise<Outcome<unknown>> {
  if (Object.keys(schema.shape).length === 0) return nothing;
  const json = parseObject(await http.req.text());
  if (json === undefined) return refuse("invalid_request");
  const isMissing = (name: string) => json[name] === undefined || json[name] === null || json[name] === "";
  const required = Object.keys(schema.shape).filter((name) => !schema.shape[name].safeParse(undefined).success);
  const missing = required.filter(isMissing);
  if (missing.length > 0) return missingFields(missing, required);
  if (either.length > 0 && either.every(isMissing)) return missingFields([either.join(" or ")], either);
  return check(schema, json);
}

/** `error` is the source document's text, which names every field that the route needs. */
function missingFields(missing: readonly string[], needed: readonly string[]): Refused {
  const errors = missing.map((field) => ({ field, message: "This is needed." }));
  const error = `Missing ${needed.join(" or ")}`;
  return refuse("missing_field", { values: { fields: missing.join(" and ") }, members: { error, errors } });
}

function check(schema: z.ZodObject, given: Record<string, unknown>): Outcome<unknown> {
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
