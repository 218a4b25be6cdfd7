import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";

export interface Listener {
  /** The port in use, also when 0 was asked for. */
  port: number;
  /** Stops accepting, lets requests in progress finish for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

/** Listens or rejects with an error that names the address and the setting to change. */
// biome-ignore lint/suspicious/noExplicitAny: any Hono app will do, whatever its variables.
export function listen(app: Hono<any>, host: string, port: number, setting: string): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address) =>
      resolve({ port: address.port, close: (graceMs) => close(server, graceMs) }),
    ) as Server;
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

async function close(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cut = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}
