import type { AdjustableClock } from "@anteroom/shared/runtime/clock";
import { requireInternalSecret } from "@anteroom/shared/runtime/private-calls";
import { parseInvocation, parseStrictJson } from "@anteroom/shared/wire/invocation";
import { type Context, type Handler, Hono, type MiddlewareHandler } from "hono";
import { readBody } from "./body.ts";
import { readCaller } from "./caller.ts";
import { runCommand } from "./commands.ts";
import type { AuthContext } from "./context.ts";
import { HashQueueFull } from "./hash-queue.ts";
import { invoke, publicActions, servedActions } from "./invoke.ts";
import type { Settings } from "./settings.ts";

/** What is ready, by part. */
export type Readiness = { database: boolean; migrations: boolean; app_server: boolean };

export function createPublicApp(context: AuthContext, checkReadiness: () => Promise<Readiness>): Hono {
  const app = createApp(context);
  app.use(context.settings.strict ? constantCors(context.settings) : corsByOrigin(context.settings));
  app.use(refuseOtherMethods);
  app.post("/", invocationHandler(context, publicActions(context.settings.strict)));
  app.get("/alive", answerAlive);
  app.get("/ready", async (c) => {
    const parts = await checkReadiness();
    return c.json(parts, Object.values(parts).every(Boolean) ? 200 : 503);
  });
  return app;
}

export function createPrivateApp(context: AuthContext, clock: AdjustableClock): Hono {
  const app = createApp(context);
  app.use(requireInternalSecret(context.settings.internalSecret));
  app.use(refuseOtherMethods);
  app.post("/", invocationHandler(context, servedActions));
  app.post("/command", commandHandler(context, clock));
  app.get("/alive", answerAlive);
  app.get("/metrics", async (c) =>
    c.body(await context.metrics.render(), 200, { "content-type": context.metrics.contentType }),
  );
  return app;
}

function createApp(context: AuthContext): Hono {
  const app = new Hono();
  app.notFound((c) => c.body(null, 404));
  app.onError((error, c) => {
    context.log.error({ err: error }, "a request failed");
    return c.body(null, 500);
  });
  return app;
}

function answerAlive(c: Context): Response {
  return c.json({ status: "alive" });
}

/** HEAD would otherwise be answered as GET; Faroe knows it as little as any other method. */
const refuseOtherMethods: MiddlewareHandler = async (c, next) => {
  const { method } = c.req.raw;
  if (method === "OPTIONS") return c.body(null, 204);
  return method === "GET" || method === "POST" ? next() : c.body(null, 404);
};

function invocationHandler(context: AuthContext, actions: readonly string[]): Handler {
  const served = new Set(actions);
  return async (c) => {
    const body = await readBody(c.req.raw, context.settings.bodyLimit);
    if (body === undefined) return c.body(null, 413);
    const invocation = parseInvocation(body);
    if (invocation === undefined) return c.body(null, 400);
    try {
      const answer = await invoke(context, served, invocation, readCaller(c, context.settings));
      return answer === undefined ? c.body(null, 400) : c.json(answer);
    } catch (error) {
      if (!(error instanceof HashQueueFull)) throw error;
      return c.body(null, 503, { "retry-after": "5" });
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

/** Answers belong to the origin that asked, if it is one of ours. Sessions travel in bodies: no credentials. */
function corsByOrigin({ corsOrigins }: Settings): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const origin = c.req.header("origin");
    c.res.headers.append("vary", "Origin");
    if (origin !== undefined && corsOrigins.includes(origin)) setCorsHeaders(c, origin);
  };
}

/** As Faroe: the same headers on every answer, whoever asked. */
function constantCors({ corsOrigins }: Settings): MiddlewareHandler {
  return async (c, next) => {
    await next();
    if (corsOrigins[0] !== undefined) setCorsHeaders(c, corsOrigins[0]);
  };
}

function setCorsHeaders(c: Context, origin: string): void {
  c.res.headers.set("access-control-allow-origin", origin);
  c.res.headers.set("access-control-allow-headers", "Content-Type");
  c.res.headers.set("access-control-allow-methods", "GET, POST, OPTIONS");
}
