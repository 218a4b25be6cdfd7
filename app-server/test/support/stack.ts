import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestDatabase, type TestDatabase } from "@anteroom/shared/testing/database";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import { bundleServers, compiledCode, programOf } from "@anteroom/shared/testing/servers";
import postgres from "postgres";
import { migrate as migrateAuth } from "../../../auth-server/src/migrate.ts";
import { mailTypes } from "../../src/mail/kinds.ts";
import { migrate as migrateApp } from "../../src/migrate.ts";
import { refuseOtherMoves } from "./transitions.ts";

/** Both real servers as processes of their own, each with a database of its own, mails written to a folder. */
export interface Stack {
  urls: { auth: string; authPrivate: string; app: string; appPrivate: string };
  env: Record<string, string>;
  databases: { auth: TestDatabase; app: TestDatabase };
  servers: { auth: RunningServer; app: RunningServer };
  emailsDir: string;
  /** Straight to the app server's database. */
  sql: postgres.Sql;
  stop(): Promise<void>;
}

export interface RunningServer {
  start(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** Everything it has printed so far. */
  output(): string;
}

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Where the servers find each other and their databases. */
export interface Ways {
  authPrivate: string;
  appPrivate: string;
  authDatabase: string;
  appDatabase: string;
}

export interface StackOptions {
  env?: Record<string, string>;
  /** Given the true addresses, the ones that the servers are to use instead: those of proxies. */
  between?: (ways: Ways) => Promise<Partial<Ways>>;
  /** For tests that start a server themselves. */
  startServers?: boolean;
}

export async function startStack(options: StackOptions = {}): Promise<Stack> {
  // Whatever was made is taken away, last things first, also when a later step fails.
  await using made = new AsyncDisposableStack();
  const createDatabase = async (name: "auth" | "app", migrate: (url: string) => Promise<void>) =>
    made.adopt(await createTestDatabase(name, migrate), (database) => database.drop());
  const [auth, app, emailsDir] = await Promise.all([
    createDatabase("auth", migrateAuth),
    createDatabase("app", migrateApp),
    mkdtemp(join(tmpdir(), "anteroom-mails-")),
    bundleServers(),
  ]);
  made.defer(() => rm(emailsDir, { recursive: true, force: true }));
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const urlAt = (port: number) => `http://127.0.0.1:${port}`;
  const urls = {
    auth: urlAt(ports[0]),
    authPrivate: urlAt(ports[1]),
    app: urlAt(ports[2]),
    appPrivate: urlAt(ports[3]),
  };
  const direct = {
    authPrivate: urls.authPrivate,
    appPrivate: urls.appPrivate,
    authDatabase: auth.url,
    appDatabase: app.url,
  };
  const ways = { ...direct, ...(await options.between?.(direct)) };
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    NODE_COMPILE_CACHE: compiledCode(),
    TEST_MODE: "on",
    LOG_LEVEL: "debug",
    INTERNAL_SECRET: secret(),
    AUTH_SECRET: secret(),
    BACKEND_SECRET: secret(),
    AUTH_PORT: String(ports[0]),
    AUTH_PRIVATE_HOST: "127.0.0.1",
    AUTH_PRIVATE_PORT: String(ports[1]),
    AUTH_DATABASE_URL: ways.authDatabase,
    AUTH_APP_SERVER_URL: ways.appPrivate,
    AUTH_CORS_ORIGINS: urls.app,
    AUTH_PASSWORD_HASH: "argon2id.1.64.1.32",
    ...patientServers(),
    BACKEND_PORT: String(ports[2]),
    BACKEND_PRIVATE_HOST: "127.0.0.1",
    BACKEND_PRIVATE_PORT: String(ports[3]),
    BACKEND_DATABASE_URL: ways.appDatabase,
    BACKEND_AUTH_SERVER_URL: urls.auth,
    BACKEND_AUTH_PRIVATE_URL: ways.authPrivate,
    BACKEND_EMAILS_DIR: emailsDir,
    // Else a digest could come between any two mails of a test: every minute, and whenever the clock is moved.
    BACKEND_NOTIFY_APPROVERS: "off",
    BACKEND_IP_LIMITS: "off",
    // What is to be undone says how long it is held back.
    BACKEND_APPROVAL_HOLD: "0s",
    AUTH_IP_LIMITS: "off",
    ...options.env,
  };
  const servers = {
    auth: createServer("auth-server", env, `${urls.auth}/alive`),
    app: createServer("app-server", env, `${urls.app}/ready`),
  };
  const sql = postgres(app.url, { max: 2, onnotice: () => undefined });
  made.defer(() => sql.end({ timeout: 1 }));
  await refuseOtherMoves(sql);
  made.defer(async () => void (await Promise.all([servers.auth.stop(), servers.app.stop()])));
  if (options.startServers !== false) await Promise.all([servers.auth.start(), servers.app.start()]);
  const whole = made.move();
  return {
    urls,
    env,
    databases: { auth, app },
    servers,
    emailsDir,
    sql,
    stop: () => whole.disposeAsync(),
  };
}

/** How long they wait for each other, as by default on a quiet machine; within the lease of an opening on any other. */
function patientServers() {
  const seconds = (quiet: number, most: number) => `${Math.min(patiently(quiet), most)}s`;
  return {
    AUTH_INVOKE_TIMEOUT: seconds(5, 25),
    AUTH_EMAIL_TIMEOUT: seconds(10, 25),
    BACKEND_AUTH_TIMEOUT: seconds(20, 55),
  };
}

/** @param checkout where its sources lie, if it is to run from them */
export function createServer(
  name: "auth-server" | "app-server",
  env: Record<string, string>,
  probe: string,
  checkout?: string,
): RunningServer {
  let child: ChildProcess | undefined;
  let printed = "";
  const ended = (process: ChildProcess) =>
    process.exitCode !== null || process.signalCode !== null
      ? Promise.resolve()
      : new Promise<void>((resolve) => process.once("exit", () => resolve()));

  async function start() {
    const program = checkout === undefined ? programOf(name) : join(checkout, name, "src/main.ts");
    child = spawn(process.execPath, [program], {
      cwd: checkout ?? root,
      env,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const collect = (chunk: Buffer) => {
      printed += chunk.toString();
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    await waitUntilAnswering(probe, child, () => printed);
  }

  async function end(signal: NodeJS.Signals) {
    if (!child) return;
    child.kill(signal);
    await ended(child);
  }

  return { start, kill: () => end("SIGKILL"), stop: () => end("SIGTERM"), output: () => printed };
}

async function waitUntilAnswering(probe: string, child: ChildProcess, printed: () => string): Promise<void> {
  const giveUpAt = Date.now() + patiently(15_000);
  while (Date.now() < giveUpAt) {
    if (child.exitCode !== null) throw new Error(`The server ended at its start:\n${printed()}`);
    // 503 from /ready still means that everything of this server's own is up but the other server may not be.
    if (
      await fetch(probe).then(
        () => true,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`The server did not answer ${probe}:\n${printed()}`);
}

function secret(): string {
  return randomBytes(32).toString("base64");
}

export interface MailFile {
  to: string;
  subject: string;
  code: string | undefined;
  link: string | undefined;
  type: string;
  text: string;
}

const stampLength = "YYYYmmdd_HHMMSS_ffffff".length;

const inFileNames = (address: string) =>
  address
    .replaceAll("@", "_at_")
    .replaceAll(".", "_")
    .replace(/[^\w+-]/g, "_");

/** The mails written so far, oldest first; all of them or those to one address. */
export async function readMails(stack: Stack, address?: string): Promise<MailFile[]> {
  const end = address === undefined ? ".txt" : `_${inFileNames(address)}.txt`;
  const names = (await readdir(stack.emailsDir)).filter((name) => name.endsWith(end)).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(stack.emailsDir, name), "utf8");
      const header = (key: string) => new RegExp(`^${key}: (.*)$`, "m").exec(text)?.[1];
      return {
        to: header("To") ?? "",
        subject: header("Subject") ?? "",
        code: header("Code"),
        link: header("Link"),
        type: mailTypes.find((type) => name.slice(stampLength).startsWith(`_${type}_`)) ?? "",
        text,
      };
    }),
  );
}
