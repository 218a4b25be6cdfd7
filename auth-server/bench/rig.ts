import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { checkout } from "@anteroom/launch/checkout";
import { memorySettings, nodeFlags } from "@anteroom/launch/environment";
import { freePort } from "@anteroom/launch/ports";
import { Pool } from "undici";
import type { Databases } from "./database.ts";
import { type Program, startProgram } from "./processes.ts";

export type ServerName = "auth-server" | "app-server";

/** Both servers, an auth server with users of its own, and what they are compared with. */
export type Subject = "auth" | "app" | "local" | "bare" | "oneQuery" | "oneConnection" | "oneJoin";

/** Everything that is measured, side by side on the same database. */
export interface Rig {
  folder: string;
  databases: Databases;
  urls: Record<Subject, string>;
  programs: Record<Subject, Program>;
  /** Milliseconds to the first answer, by server; the first start of each compiled everything. */
  starts: { auth: number[]; app: number[] };
  auth: Pool;
  app: Pool;
  bare: Pool;
  stop(): Promise<void>;
}

export async function startRig(folder: string, databases: Databases, starts: number): Promise<Rig> {
  const ports = await freePorts(10);
  const environment = serverEnvironment(folder, databases, ports);
  const urls = {
    auth: at(ports[0]),
    app: at(ports[2]),
    local: at(ports[4]),
    bare: at(ports[6]),
    oneQuery: at(ports[7]),
    oneConnection: at(ports[8]),
    oneJoin: at(ports[9]),
  };
  const auth = await startRepeatedly(starts, () => startServer(folder, "auth-server", environment, urls.auth));
  const app = await startRepeatedly(starts, () => startServer(folder, "app-server", environment, urls.app));
  const withOwnUsers = {
    ...environment,
    AUTH_USER_STORE: "local",
    AUTH_PORT: String(ports[4]),
    AUTH_PRIVATE_PORT: String(ports[5]),
  };
  const programs = {
    auth: auth.program,
    app: app.program,
    local: await startServer(folder, "auth-server", withOwnUsers, urls.local),
    bare: await startPeer(folder, "bare.ts", urls.bare),
    oneQuery: await startPeer(folder, "one-query.ts", urls.oneQuery, databases.auth, "10"),
    oneConnection: await startPeer(folder, "one-query.ts", urls.oneConnection, databases.auth, "1"),
    oneJoin: await startPeer(folder, "one-query.ts", urls.oneJoin, databases.auth, "10", "join"),
  };
  const pools = { auth: pool(urls.auth), app: pool(urls.app), bare: pool(urls.bare) };
  const stop = async () => {
    await Promise.all(Object.values(pools).map((each) => each.destroy()));
    await Promise.all(Object.values(programs).map((program) => program.stop()));
  };
  return { folder, databases, urls, programs, starts: { auth: auth.times, app: app.times }, ...pools, stop };
}

function pool(origin: string): Pool {
  return new Pool(origin, { connections: 64 });
}

function at(port = 0): string {
  return `http://127.0.0.1:${port}`;
}

export function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort()));
}

async function startRepeatedly(starts: number, start: () => Promise<Program>) {
  const times: number[] = [];
  for (;;) {
    const program = await start();
    times.push(program.startedIn);
    if (times.length >= starts) return { program, times };
    await program.stop();
  }
}

function startServer(folder: string, name: ServerName, environment: Record<string, string>, url: string) {
  return startProgram({
    args: [...nodeFlags, join(name, "src", "main.ts")],
    environment,
    log: join(folder, `${name}.log`),
    probe: `${url}/alive`,
    cwd: checkout,
  });
}

function startPeer(folder: string, script: string, url: string, ...args: string[]): Promise<Program> {
  return startProgram({
    args: [join("auth-server", "bench", "peers", script), new URL(url).port, ...args],
    environment: { NODE_COMPILE_CACHE: compileCache(folder) },
    log: join(folder, "peers.log"),
    probe: `${url}/alive`,
    cwd: checkout,
  });
}

function compileCache(folder: string): string {
  return join(folder, "compile-cache");
}

/** As `npm start` sets them, without the limits per caller, for all the load comes from one address. */
function serverEnvironment(folder: string, databases: Databases, ports: number[]): Record<string, string> {
  const [auth, authPrivate, app, appPrivate] = ports;
  return {
    NODE_COMPILE_CACHE: compileCache(folder),
    ...memorySettings,
    INTERNAL_SECRET: secret(),
    AUTH_SECRET: secret(),
    BACKEND_SECRET: secret(),
    AUTH_PORT: String(auth),
    AUTH_PRIVATE_HOST: "127.0.0.1",
    AUTH_PRIVATE_PORT: String(authPrivate),
    AUTH_DATABASE_URL: databases.auth,
    AUTH_APP_SERVER_URL: at(appPrivate),
    AUTH_CORS_ORIGINS: at(app),
    BACKEND_PORT: String(app),
    BACKEND_PRIVATE_HOST: "127.0.0.1",
    BACKEND_PRIVATE_PORT: String(appPrivate),
    BACKEND_DATABASE_URL: databases.app,
    BACKEND_AUTH_SERVER_URL: at(auth),
    BACKEND_AUTH_PRIVATE_URL: at(authPrivate),
    BACKEND_EMAILS_DIR: join(folder, "emails"),
    // Every mail is written while the load runs, not put off.
    BACKEND_MAILS_PER_MINUTE: "1000000",
    AUTH_IP_LIMITS: "off",
    BACKEND_IP_LIMITS: "off",
  };
}

function secret(): string {
  return randomBytes(32).toString("base64");
}
