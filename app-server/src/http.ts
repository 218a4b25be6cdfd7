import { CallFailed } from "@anteroom/shared/runtime/private-calls";
import { type RateLimit, runInTurn, takingToken, tokensOfCaller } from "@anteroom/shared/runtime/rate-limits";
import { currentRequest } from "@anteroom/shared/runtime/request-scope";
import type { Context, Hono } from "hono";
import { z } from "zod";
import { requireFreshProof } from "./accounts/fresh-proof.ts";
import { type Caller, findCaller } from "./accounts/session.ts";
import type { Session } from "./auth-server.ts";
import type { AppContext } from "./context.ts";
import { answerProblem, authServerUnavailable, type Problem, problem, tooManyRequests } from "./problems.ts";
import type { RouteErrors } from "./route-answers.ts";

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
    hono.all(path, (http) => answerProblem(http, { ...methodNotAllowed, headers: { allow } }));
  }
}

const methodNotAllowed = problem(405, "method_not_allowed", "This is done with another method.");

async function serve(http: Context, app: AppContext, route: Route): Promise<Response> {
  http.set("route", route.path);
  const refused = await checkIpLimit(app, route);
  if (refused) return answerProblem(http, refused);
  try {
    const admitted = await admit(http, app, route);
    if ("status" in admitted) return answerProblem(http, admitted);
    const body = route.method === "GET" ? { values: {} } : await readBody(http, route);
    if ("status" in body) return answerProblem(http, body);
    const query = check(route.query ?? noBody, http.req.query());
    if ("status" in query) return answerProblem(http, query);
    const unproven = route.needsProof && (await checkProof(http, app, admitted.session, body.values));
    if (unproven) return answerProblem(http, unproven);
    return await route.handle({ http, app, ...admitted, body: body.values as never, query: query.values as never });
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    app.log.error({ err: error, path: route.path }, "the auth server did not answer");
    return answerProblem(http, authServerUnavailable);
  }
}

const nobody: Caller = { userId: "", email: "", firstname: "", lastname: "", permissions: [] };

type Admitted = Pick<Call<unknown>, "caller" | "session">;

const anyone: Admitted = { caller: nobody, session: { userId: "", createdAt: 0, expiresAt: null } };

/** Whom a page shows as signed in: it acts for nobody else, though the browser's cookie may be another's by now. */
const actingAs = "x-acting-as";

const anotherPerson = problem(
  409,
  "another_person_signed_in",
  "Somebody else is signed in in this browser now. Nothing was changed.",
);

async function admit(http: Context, app: AppContext, route: Route): Promise<Admitted | Problem> {
  const { access, usesSession } = route;
  const shown = http.req.header(actingAs);
  if (access === "anyone" && !(usesSession && shown)) return anyone;
  const found = await findCaller(http, app);
  if (shown && found.status === "valid" && found.caller.userId !== shown) return anotherPerson;
  if (access === "anyone") return anyone;
  if (found.status === "none") return problem(401, "no_session", "Unauthorized: No session");
  if (found.status === "invalid") return problem(401, "invalid_session", "Invalid session");
  if (access === "admin" && !found.caller.permissions.includes("admin"))
    return problem(403, "missing_permission", "Missing permissions: admin");
  return { caller: found.caller, session: found.session };
}

function checkProof(http: Context, app: AppContext, session: Session, values: unknown): Promise<Problem | undefined> {
  return requireFreshProof(http, app, session, (values as { password?: string }).password);
}

async function checkIpLimit(app: AppContext, route: Route): Promise<Problem | undefined> {
  if (!route.ipLimit || !app.settings.ipLimits) return undefined;
  const now = app.clock.now();
  const tokens = tokensOfCaller(route.ipLimit, currentRequest()?.caller ?? "");
  const isAllowed = await runInTurn(
    app.db,
    tokens.map((token) => takingToken(token, now)),
  );
  return isAllowed ? undefined : tooManyRequests(route.ipLimit.interval);
}

/** Missing fields and broken JSON are 400, as the source document has it; fields of a wrong kind are 422. */
async function readBody(http: Context, { body: schema, either = [] }: Route): Promise<{ values: unknown } | Problem> {
  if (Object.keys(schema.shape).length === 0) return { values: {} };
  const json = parseObject(await http.req.text());
  if (json === undefined) return problem(400, "invalid_request", "Invalid request: the body must be a JSON object.");
  const isMissing = (name: string) => json[name] === undefined || json[name] === null || json[name] === "";
  const required = Object.keys(schema.shape).filter((name) => !schema.shape[name].safeParse(undefined).success);
  const missing = required.filter(isMissing);
  if (missing.length > 0) return missingFields(missing, required);
  if (either.length > 0 && either.every(isMissing)) return missingFields([either.join(" or ")], either);
  return check(schema, json);
}

/** `error` is the source document's text, which names every field that the route needs. */
function missingFields(missing: readonly string[], needed: readonly string[]): Problem {
  const errors = missing.map((field) => ({ field, message: "This is needed." }));
  const error = `Missing ${needed.join(" or ")}`;
  return problem(400, "missing_field", `Missing ${missing.join(" and ")}.`, { error, errors });
}

function check(schema: z.ZodObject, given: Record<string, unknown>): { values: unknown } | Problem {
  const parsed = schema.safeParse(given);
  if (parsed.success) return { values: parsed.data };
  const errors = parsed.error.issues.map((issue) => ({ field: issue.path.join("."), message: issue.message }));
  const detail = errors.map(({ field, message }) => `${field}: ${message}`).join(" ");
  return problem(422, "invalid_field", detail, { errors });
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
