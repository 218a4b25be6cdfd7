import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import { randomId } from "@anteroom/shared/runtime/crypto";
import { isBrokenOff } from "@anteroom/shared/runtime/http/listener";
import { requireInternalSecret } from "@anteroom/shared/runtime/http/private-calls";
import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import { parseInvocation, parseStrictJson } from "@anteroom/shared/wire/invocation";
import { type Context, type Handler, Hono, type MiddlewareHandler } from "hono";
import type { AuthContext } from "../context.ts";
import { HashQueueFull } from "../passwords/hash-queue.ts";
import type { Settings } from "../settings.ts";
import { readBody } from "./body.ts";
import { callerOf } from "./caller.ts";
import { runCommand } from "./commands.ts";
import { type Answer, invoke, publicActions, servedActions } from "./invoke.ts";

/** What is ready, by part. */
export type Readiness = { database: boolean; migrations: boolean; app_server: boolean };

export function createPublicApp(context: AuthContext, checkReadiness: () => Promise<Readiness>): Hono {
  const app = createApp(context);
  const headersFor = corsHeaders(context.settings);
  // Ahead of what all other answers pass through: it sends the same headers with its answers, which costs a tenth.
  const actions = publicActions(context.settings);
  app.post("/", invocationHandler(context, { actions, headersFor }));
  app.use(addHeaders(headersFor));
  app.use(refuseOtherMethods(context.settings));
  app.get("/alive", answerAlive);
  // Faroe has no such route. What describes is loaded when somebody asks.
  if (!context.settings.strict)
    app.get("/openapi.json", async (c) => c.json((await import("./openapi.ts")).openApiDocument(actions)));
  app.get("/ready", async (c) => {
    const parts = await checkReadiness();
    return c.json(parts, Object.values(parts).every(Boolean) ? 200 : 503);
  });
  return app;
}

export function createPrivateApp(context: AuthContext, clock: AdjustableClock): Hono {
  const app = createApp(context);
  app.use(requireInternalSecret(context.settings.internalSecrets, context.events));
  app.use(refuseOtherMethods(context.settings));
  const handling = { actions: servedActions, headersFor: () => ({}) };
  app.post("/", invocationHandler(context, handling));
  app.post("/command", commandHandler(context, clock));
  app.get("/alive", answerAlive);
  app.get("/metrics", async (c) =>
    c.body(await context.metrics.render(), 200, { "content-type": context.metrics.contentType }),
  );
  return app;
}

function createApp(context: AuthContext): Hono {
  const app = new Hono();
  app.notFound(() => refuse(context, 404));
  app.onError((error, c) => {
    if (isBrokenOff(c.env)) context.log.debug("a request was broken off");
    else context.log.error({ err: error }, "a request failed");
    return c.body(null, 500);
  });
  return app;
}

const refusals = { 400: "invalid_request", 404: "not_found", 413: "request_too_large", 503: "server_busy" } as const;

/** Faroe answers these without a body, on which its client's parser fails; outside strict mode they look like any refusal. */
function refuse(
  { settings }: AuthContext,
  status: keyof typeof refusals,
  headers: Record<string, string> = {},
): Response {
  if (settings.strict) return new Response(null, { status, headers });
  const answer: Answer = { ok: false, action_invocation_id: randomId(), error_code: refusals[status] };
  return Response.json(answer, { status, headers });
}

function answerAlive(c: Context): Response {
  return c.json({ status: "alive" });
}

/** What load balancers look at, some of them by HEAD. */
const probes: readonly string[] = ["/alive", "/ready"];

/** HEAD would otherwise be answered as GET everywhere; Faroe, and so strict mode, knows it as little as other methods. */
function refuseOtherMethods({ strict }: Settings): MiddlewareHandler {
  return async (c, next) => {
    const { method } = c.req.raw;
    if (method === "OPTIONS") return c.body(null, 204);
    const isProbe = method === "HEAD" && !strict && probes.includes(c.req.path);
    return isProbe || method === "GET" || method === "POST" ? next() : c.notFound();
  };
}

interface Handling {
  actions: readonly string[];
  headersFor: HeadersFor;
}

function invocationHandler(context: AuthContext, { actions, headersFor }: Handling): Handler {
  const served = new Set(actions);
  const carryOut = async (c: Context): Promise<Answer | 400 | 413> => {
    const body = await readBody(c.req.raw, context.settings.bodyLimit);
    if (body === undefined) return 413;
    const invocation = parseInvocation(body);
    const scope = currentRequest();
    if (scope === undefined) throw new Error("An action is taken outside of a request.");
    return (invocation && (await invoke(context, served, invocation, callerOf(scope)))) ?? 400;
  };
  return async (c) => {
    const headers = headersFor(c.req.header("origin"));
    try {
      const answer = await carryOut(c);
      if (typeof answer === "number") return refuse(context, answer, headers);
      return new Response(JSON.stringify(answer), { headers: { "content-type": "application/json", ...headers } });
    } catch (error) {
      if (!(error instanceof HashQueueFull)) throw error;
      return refuse(context, 503, { "retry-after": "5", ...headers });
    }
  };
}

function commandHandler(context: AuthContext, clock: AdjustableClock): Handler {
  return async (c) => {
    const body = await readBody(c.req.raw, context.settings.bodyLimit);
    if (body === undefined) return c.body(null, 413);
    const command = parseStrictJson(body);
    if (command === undefined) return c.json({ error: "invalid json" }, 400);
    const isRun = await runCommand(context, clock, command);
    return isRun ? c.json({ success: true }) : c.json({ error: "unknown command" }, 400);
  };
}

/** The headers of an answer to a request from `origin`. */
type HeadersFor = (origin: string | undefined) => Record<string, string>;

/**
 * Answers hold tokens, which no cache keeps. They belong to the origin that asked, if it is one of ours. Sessions travel in bodies: no credentials. In strict
 * mode as Faroe: the same headers on every answer, whoever asked.
 */
function corsHeaders({ corsOrigins, strict }: Settings): HeadersFor {
  const allow = (origin: string) => ({
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "Content-Type",
    "access-control-allow-methods": "GET, POST, OPTIONS",
  });
  if (strict) return () => (corsOrigins[0] === undefined ? {} : allow(corsOrigins[0]));
  const isSecure = corsOrigins.some((origin) => origin.startsWith("https:"));
  const common = {
    vary: "Origin",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(isSecure ? { "strict-transport-security": "max-age=31536000" } : {}),
  };
  return (origin) => ({
    ...common,
    ...(origin !== undefined && corsOrigins.includes(origin) ? allow(origin) : {}),
  });
}

function addHeaders(headersFor: HeadersFor): MiddlewareHandler {
  return async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(headersFor(c.req.header("origin")))) c.res.headers.set(name, value);
  };
}
