import type { Server } from "node:http";
import { type HttpBindings, serve } from "@hono/node-server";
import type { Hono } from "hono";
import { inRequest, type RequestSource, scopeOf } from "./request-scope.ts";

export interface Listener {
  /** The port in use, also when 0 was asked for. */
  port: number;
  /** Stops accepting, lets requests in progress finish for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

export interface ListenerOptions {
  host: string;
  port: number;
  /** The one to change when the address cannot be used. */
  setting: string;
  source: RequestSource;
}

/**
 * Listens or rejects with an error that names the address and the setting to change. Whatever is done for a request is
 * done in its scope, and every answer names it.
 */
// biome-ignore lint/suspicious/noExplicitAny: any Hono app will do, whatever its variables.
export function listen(app: Hono<any>, { host, port, setting, source }: ListenerOptions): Promise<Listener> {
  const fetch = (request: Request, env: HttpBindings) => {
    const scope = scopeOf(env.incoming, source);
    env.outgoing.setHeader("x-request-id", scope.id);
    return inRequest(scope, () => app.fetch(request, env));
  };
  return new Promise((resolve, reject) => {
    const listening = (address: { port: number }) =>
      resolve({ port: address.port, close: (graceMs) => close(server, graceMs) });
    const server = serve({ fetch: fetch as typeof app.fetch, hostname: host, port }, listening) as Server;
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    // Longer than the callers' keep-alive, so that it is never this side that closes a connection just being used.
    server.keepAliveTimeout = 65_000;
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === "EADDRINUSE" ? "is taken by another program" : `cannot be used (${cause.code})`;
      reject(new Error(`${host}:${port} ${reason}; set ${setting} to another one.`, { cause }));
    });
  });
}

/** Whether the caller went away before the whole request was there: no fault of ours, however often it happens. */
export function isBrokenOff(env: unknown): boolean {
  const { incoming } = (env ?? {}) as Partial<HttpBindings>;
  return incoming?.destroyed === true && !incoming.complete;
}

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}
