import { isOutage } from "@anteroom/shared/runtime/database/errors";
import { isBrokenOff } from "@anteroom/shared/runtime/http/listener";
import { isLoopback } from "@anteroom/shared/runtime/settings";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { MiddlewareHandler } from "hono/types";
import { accountRoutes } from "../accounts/routes.ts";
import { mailRoutes } from "../administration/mail-routes.ts";
import { adminRoutes } from "../administration/routes.ts";
import type { AppContext } from "../context.ts";
import { createDevMailbox } from "../mail/dev/dev-mailbox.ts";
import { unsubscribeRoutes } from "../mail/opt-out/unsubscribe-routes.ts";
import { refusalOf } from "../outcome.ts";
import { decisionRoutes, registrationRoutes } from "../registration/routes.ts";
import { recordRefusals } from "../security-events.ts";
import type { Settings } from "../settings.ts";
import { answerRefusal } from "./errors.ts";
import { openApiDocument } from "./openapi.ts";
import { createPages, isPagePath } from "./pages.ts";
import { createReference } from "./reference.ts";
import { mountRoutes } from "./serve.ts";

const originCheckedRoutes = [...registrationRoutes, ...accountRoutes, ...decisionRoutes, ...mailRoutes, ...adminRoutes];

export const publicRoutes = [...originCheckedRoutes, ...unsubscribeRoutes];

export interface Readiness {
  database: boolean;
  migrations: boolean;
  auth_server: boolean;
  /** `off`: not in this process. */
  mail_worker: boolean | "off";
}

/** The public listener. */
export function createPublicApp(context: AppContext, checkReadiness: () => Promise<Readiness>): Hono {
  const app = new Hono({ strict: true });
  const { frontendOrigin, trustedOrigins } = context.settings;
  app.use(secureHeaders(frontendOrigin));
  app.use(leadToOwnAddress(context.settings));
  app.use(recordRefusals(context.events));
  if (context.settings.devMailbox) app.route("/dev/mailbox", createDevMailbox(context.settings));
  app.use("/mail/*", limitBody);
  mountRoutes(app, context, unsubscribeRoutes);
  app.use(onlyFrom(new Set(trustedOrigins)));
  app.use((http, next) => (limits.get(http.req.path) ?? limitBody)(http, next));
  app.get("/alive", (http) => http.json({ status: "alive" }));
  app.get("/ready", async (http) => {
    const readiness = await checkReadiness();
    return http.json(readiness, Object.values(readiness).every(Boolean) ? 200 : 503);
  });
  app.get("/openapi.json", (http) => http.json(openApiDocument(publicRoutes, frontendOrigin)));
  app.route("/", createReference());
  mountRoutes(app, context, originCheckedRoutes);
  app.route("/", createPages(context));
  return withErrors(app, context);
}

/** What every app of this server answers to the unknown and the unforeseen. */
export function withErrors(app: Hono, context: AppContext): Hono {
  app.notFound((http) => answerRefusal(http, refusalOf("not_found")));
  app.onError((error, http) => {
    if (isBrokenOff(http.env)) context.log.debug({ path: http.req.path }, "a request was broken off");
    else context.log.error({ err: error, path: http.req.path }, "request failed");
    return answerRefusal(http, refusalOf(isOutage(error) ? "database_unavailable" : "internal_error"));
  });
  return app;
}

export const limitBody = limitBodyTo(16 * 1024);

/** Those of routes that take more than the others. */
const limits = new Map(
  publicRoutes.flatMap(({ path, maxBody }): [string, MiddlewareHandler][] =>
    maxBody === undefined ? [] : [[path, limitBodyTo(maxBody)]],
  ),
);

/**
 * The HTTP parser lets no more through than was announced, so a body of a known length needs no counting, which would
 * cost as much as a small request itself.
 */
function limitBodyTo(mostBytes: number): MiddlewareHandler {
  const detail = `The request is larger than ${mostBytes / 1024} kB.`;
  const countBody = bodyLimit({
    maxSize: mostBytes,
    onError: (http) => answerRefusal(http, refusalOf("body_too_large", { values: { detail } })),
  });
  return (http, next) => {
    const { method } = http.req;
    const announced = http.req.header("content-length");
    const isKnown = announced !== undefined && http.req.header("transfer-encoding") === undefined;
    if (method === "GET" || method === "HEAD" || (isKnown && Number(announced) <= mostBytes)) return next();
    return countBody(http, next);
  };
}

/**
 * CORS for the trusted origins alone, and no change of state from any other: browsers name the origin of every POST,
 * so a foreign one is refused before anything is read. Callers that are no browsers send neither header.
 */
function onlyFrom(origins: ReadonlySet<string>): MiddlewareHandler {
  return async (http, next) => {
    const from = http.req.header("origin");
    const isTrusted = from !== undefined && origins.has(from);
    http.header("Vary", "Origin");
    if (isTrusted) {
      http.header("Access-Control-Allow-Origin", from);
      http.header("Access-Control-Allow-Credentials", "true");
    }
    if (http.req.method === "OPTIONS") {
      if (isTrusted) {
        http.header("Access-Control-Allow-Methods", "GET, POST, OPTIONS");
        http.header("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Acting-As");
        http.header("Access-Control-Max-Age", "600");
      }
      return http.body(null, 204);
    }
    const isForeign = from === undefined ? http.req.header("sec-fetch-site") === "cross-site" : !isTrusted;
    if (isForeign && http.req.method !== "GET" && http.req.method !== "HEAD")
      return answerRefusal(http, refusalOf("invalid_origin"));
    return next();
  };
}

/**
 * This machine has several names, and to browsers each is another site: a page under another one than the server's own could
 * neither call nor keep a session. Only from a name of this machine to the server's own address, so it leads nowhere else; and
 * not where people come by another address: a proxy may ask in their stead by any name of this machine.
 */
function leadToOwnAddress({ ownOrigin, frontendOrigin, trustedOrigins }: Settings): MiddlewareHandler {
  const [own, frontend] = [new URL(ownOrigin), new URL(frontendOrigin)];
  return async (http, next) => {
    const asked = URL.parse(`http://${http.req.header("host")}`);
    const isAlias =
      asked !== null &&
      asked.host !== own.host &&
      asked.port === own.port &&
      [asked, own, frontend].every(({ hostname }) => isLoopback(hostname.replace(/^\[|\]$/g, ""))) &&
      !trustedOrigins.includes(asked.origin);
    const isPage = http.req.method === "GET" && isPagePath(http.req.path);
    if (!isAlias || !isPage) return next();
    const { search } = new URL(http.req.url);
    return http.redirect(`${ownOrigin}${http.req.path}${search}`, 302);
  };
}

/** A page may bring a stricter policy of its own. */
function secureHeaders(origin: string): MiddlewareHandler {
  const isSecure = origin.startsWith("https:");
  return async (http, next) => {
    await next();
    if (isSecure) http.header("Strict-Transport-Security", "max-age=31536000");
    http.header("X-Content-Type-Options", "nosniff");
    http.header("Referrer-Policy", "no-referrer");
    if (!http.res.headers.has("content-security-policy"))
      http.header(
        "Content-Security-Policy",
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
      );
    if (!http.res.headers.has("cache-control")) http.header("Cache-Control", "no-store");
  };
}
