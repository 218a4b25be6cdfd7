import { randomBytes, randomInt } from "node:crypto";
import { join } from "node:path";
import { checkout } from "@anteroom/shared/launch/checkout";
import { nodeFlags } from "@anteroom/shared/launch/environment";
import { freePort } from "@anteroom/shared/launch/ports";
import { Pool } from "undici";
import type { Databases } from "./database.ts";
import { type Program, startProgram } from "./processes.ts";

export type ServerName = "auth-server" | "app-server";

/** Everything that is measured, side by side on the same database. */
export interface Rig {
  folder: string;
  databases: Databases;
  urls: { auth: string; app: string; bare: string; oneQuery: string; oneConnection: string };
  programs: { auth: Program; app: Program; bare: Program; oneQuery: Program; oneConnection: Program };
  /** Milliseconds to the first answer, by server; the first start of each compiled everything. */
  starts: { auth: number[]; app: number[] };
  auth: Pool;
  app: Pool;
  bare: Pool;
  stop(): Promise<void>;
}

export async function startRig(folder: string, databases: Databases, starts: number): Promise<Rig> {
  const ports = await freePorts(7);
  const environment = serverEnvironment(folder, databases, ports);
  const server = (name: ServerName, port: number) =>
    startRepeatedly(starts, () => startServer(folder, name, environment, at(port)));
  const auth = await server("auth-server", ports[0] ?? 0);
  const app = await server("app-server", ports[2] ?? 0);
  const peer = (script: string, port: number, ...args: string[]) => startPeer(folder, script, port, args);
  const programs = {
    auth: auth.program,
    app: app.program,
    bare: await peer("bare.ts", ports[4] ?? 0),
    oneQuery: await peer("one-query.ts", ports[5] ?? 0, databases.auth, "10"),
    oneConnection: await peer("one-query.ts", ports[6] ?? 0, databases.auth, "1"),
  };
  const urls = {
    auth: at(ports[0]),
    app: at(ports[2]),
    bare: at(ports[4]),
    oneQuery: at(ports[5]),
    oneConnection: at(ports[6]),
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

/** Below the range that outgoing connections take theirs from: a load may not take the port of a server to come. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort(randomInt(15_000, 32_000)));
  return [...ports];
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
    args: [...nodeFlags[name], join(name, "src", "main.ts")],
    environment,
    log: join(folder, `${name}.log`),
    probe: `${url}/alive`,
    cwd: checkout,
  });
}

function startPeer(folder: string, script: string, port: number, args: string[]): Promise<Program> {
  return startProgram({
    args: [join("auth-server", "bench", "peers", script), String(port), ...args],
    environment: { NODE_COMPILE_CACHE: compileCache(folder) },
    log: join(folder, "peers.log"),
    probe: `${at(port)}/alive`,
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
    MALLOC_ARENA_MAX: "2",
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
