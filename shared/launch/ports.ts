import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { refusal } from "./refusal.ts";
import type { LaunchSettings, ServerAddresses } from "./settings.ts";

/** The addresses the servers will listen on, every host and port settled. */
export type Addresses = { auth: SettledAddresses; app: SettledAddresses };
export type SettledAddresses = { host: string; port: number; privateHost: string; privatePort: number };

type Listener = { setting: string; host: string; port: number };
type Attempt = { server: Server; port: number } | { fault: string };

/**
 * Tries all listeners at once, so that two settings with the same port are found too, and lets go of them again.
 * Throws a refusal naming every address that cannot be had. `patience` ms is how long to wait for a taken port: the
 * servers of a launcher that was killed need a moment to notice.
 */
export async function settleAddresses(settings: LaunchSettings, patience: number): Promise<Addresses> {
  const loopback = await privateLoopback();
  const auth = listenersOf("AUTH", settings.auth, loopback);
  const app = listenersOf("BACKEND", settings.app, loopback);
  for (const deadline = Date.now() + patience; ; await sleep(200)) {
    const attempts = await tryAll([...auth, ...app]);
    const faults = attempts.flatMap((attempt) => ("fault" in attempt ? [attempt.fault] : []));
    if (faults.length === 0) {
      const ports = attempts.map((attempt) => ("port" in attempt ? attempt.port : 0));
      return { auth: settle(auth, ports.slice(0, 2)), app: settle(app, ports.slice(2)) };
    }
    if (Date.now() >= deadline) {
      throw refusal(faults.join("\n"));
    }
  }
}

/** 127.0.0.2 keeps private listeners apart from public ones; macOS has only 127.0.0.1 unless told otherwise. */
async function privateLoopback(): Promise<string> {
  const [attempt] = await tryAll([{ setting: "", host: "127.0.0.2", port: 0 }]);
  return attempt !== undefined && "server" in attempt ? "127.0.0.2" : "127.0.0.1";
}

function listenersOf(prefix: string, addresses: ServerAddresses, loopback: string): [Listener, Listener] {
  return [
    { setting: `${prefix}_PORT`, host: addresses.host, port: addresses.port },
    { setting: `${prefix}_PRIVATE_PORT`, host: addresses.privateHost ?? loopback, port: addresses.privatePort },
  ];
}

function settle([open, internal]: [Listener, Listener], ports: number[]): SettledAddresses {
  return { host: open.host, port: ports[0] ?? 0, privateHost: internal.host, privatePort: ports[1] ?? 0 };
}

async function tryAll(listeners: Listener[]): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (const listener of listeners) {
    attempts.push(await tryToListen(listener));
  }
  for (const attempt of attempts) {
    if ("server" in attempt) {
      await new Promise((done) => attempt.server.close(done));
    }
  }
  return attempts;
}

function tryToListen({ setting, host, port }: Listener): Promise<Attempt> {
  const server = createServer();
  return new Promise((done) => {
    server.once("error", (error: NodeJS.ErrnoException) => done({ fault: explain(error, setting, host, port) }));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      done({ server, port: typeof address === "object" && address !== null ? address.port : port });
    });
  });
}

function explain(error: NodeJS.ErrnoException, setting: string, host: string, port: number): string {
  const hostSetting = setting.replace("PORT", "HOST");
  switch (error.code) {
    case "EADDRINUSE":
      return `Port ${port} on ${host} is taken: stop the program that uses it, or set ${setting} to another port.`;
    case "EACCES":
      return `Port ${port} on ${host} may not be used by this account: set ${setting} to a port above 1023.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine: set ${hostSetting} to one that is.`;
    default:
      return `Cannot listen on ${host} port ${port} (${error.message}): change ${hostSetting} or ${setting}.`;
  }
}

/** Below those that systems give to outgoing connections, one of which might take a port before it is listened on. */
const [lowestPort, portCount] = [15_000, 15_000];
let turn = randomInt(portCount);

/** A TCP port on 127.0.0.1 that nobody listens on at this moment: `preferred` if it can be had, and none twice in a row. */
export async function freePort(preferred?: number): Promise<number> {
  for (let port = preferred, tries = 0; tries < portCount; tries++) {
    port ??= lowestPort + (turn++ % portCount);
    const [attempt] = await tryAll([{ setting: "", host: "127.0.0.1", port }]);
    if (attempt !== undefined && "port" in attempt) return port;
    port = undefined;
  }
  throw new Error("the system has no free port");
}
