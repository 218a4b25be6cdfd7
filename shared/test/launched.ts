import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { checkout } from "@anteroom/launch/checkout";
import { canEnter } from "@anteroom/launch/postgres/binaries";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import postgres from "postgres";

/** The launcher itself, and the way people start it. */
const direct = [process.execPath, "shared/launch/main.ts"];
export const throughNpm = ["npm", "start"];

/** A real `npm start` on a data folder and ports of its own. */
export type Launched = {
  process: ChildProcess;
  /** What it has written so far, both streams. */
  output: () => string;
  ended: Promise<number | null>;
};

/** Where one test's installation lives: its folder and the settings that keep it apart from others. */
export type Place = {
  folder: string;
  environment: Record<string, string>;
  owner?: { uid: number; gid: number };
  /** A copy of the checkout, where the owner cannot enter the true one. */
  checkout?: string;
};

const ordinary = { uid: 65_534, gid: 65_534 };

/** Gives a place to an ordinary user, with a copy of the checkout (of links, where possible) if theirs is out of reach. */
export async function giveToOrdinaryUser(place: Place): Promise<void> {
  place.owner = ordinary;
  await chown(place.folder, ordinary.uid, ordinary.gid);
  if (await canEnter(checkout, ordinary)) return;
  const copy = join(place.folder, "checkout");
  await mkdir(copy);
  const parts = ["package.json", "node_modules", "shared", "auth-server", "app-server"];
  const copyParts = (flags: string) => promisify(execFile)("cp", [flags, ...parts, copy], { cwd: checkout });
  await copyParts("-al").catch(() => copyParts("-a"));
  place.checkout = copy;
}

export async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "anteroom launch "));
  await chmod(folder, 0o711);
  const ports = await Promise.all([1, 2, 3, 4].map(() => freePort()));
  const environment = {
    ANTEROOM_DATA_DIR: join(folder, "data"),
    BACKEND_EMAILS_DIR: join(folder, "emails"),
    AUTH_PORT: String(ports[0]),
    AUTH_PRIVATE_PORT: String(ports[1]),
    BACKEND_PORT: String(ports[2]),
    BACKEND_PRIVATE_PORT: String(ports[3]),
    LOG_LEVEL: "warn",
  };
  return { folder, environment };
}

export function start(place: Place, changes: Record<string, string> = {}, command = direct): Launched {
  const { PATH = "" } = process.env;
  const [program = "", ...rest] = command;
  const here = place.checkout ?? checkout;
  const child = spawn(program.replace(checkout, here), rest, {
    cwd: here,
    env: { PATH, HOME: place.folder, ...place.environment, ...changes },
    stdio: ["ignore", "pipe", "pipe"],
    ...place.owner,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
  }
  const ended = once(child, "exit").then(([code]) => code);
  return { process: child, output: () => text, ended };
}

/** Resolves when it says that everything runs. */
export async function untilRunning(launched: Launched): Promise<void> {
  await until("Anteroom is running", () => {
    if (launched.process.exitCode !== null) {
      throw new Error(`ended before it was running: ${launched.output()}`);
    }
    return launched.output().includes("Anteroom is running");
  });
}

export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  patience = patiently(15_000),
): Promise<void> {
  for (const deadline = Date.now() + patience; !(await holds()); await sleep(25)) {
    if (Date.now() > deadline) {
      throw new Error(`waited ${patience / 1000} s in vain: ${what}`);
    }
  }
}

/** Both servers' answer to /ready, 0 for a server that does not answer. */
export async function readiness({ environment }: Place): Promise<number[]> {
  return Promise.all(
    [environment.AUTH_PORT, environment.BACKEND_PORT].map((port) =>
      fetch(`http://127.0.0.1:${port}/ready`).then(
        (answer) => answer.status,
        () => 0,
      ),
    ),
  );
}

/** The processes of a place: those that the launcher started, and PostgreSQL, also when the launcher is gone. */
export function processesOf(place: Place, launcher: number): { auth: number; app: number; postgres: number } {
  const found = { auth: 0, app: 0, postgres: 0 };
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    const { command, parent, folder } = look(pid);
    if (parent === launcher && command.includes("auth-server")) found.auth = pid;
    if (parent === launcher && command.includes("app-server")) found.app = pid;
    // A process of its own that has just begun still bears its name.
    const isFirst = command.includes("bin/postgres\0-D") && !look(parent).command.includes("postgres");
    if (isFirst && folder.startsWith(place.folder)) found.postgres = pid;
  }
  return found;
}

function look(pid: number): { command: string; parent: number; folder: string } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    return { command, parent, folder: readlinkSync(`/proc/${pid}/cwd`) };
  } catch {
    return { command: "", parent: 0, folder: "" };
  }
}

export function isAlive(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.startsWith("Z") === false;
  } catch {
    return false;
  }
}

/** One statement as the auth server's role, in the database named (its own by default). */
export async function query(
  place: Place,
  launched: Launched,
  text: string,
  database = "auth",
): Promise<postgres.Row[]> {
  const port = /PostgreSQL on 127\.0\.0\.1:(\d+)/.exec(launched.output())?.[1];
  const secrets = JSON.parse(await readFile(join(place.folder, "data", "secrets.json"), "utf8"));
  const url = `postgres://auth:${secrets.AUTH_DATABASE_PASSWORD}@127.0.0.1:${port}/${database}`;
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Asks it to stop and resolves with the exit code. */
export async function stop(launched: Launched): Promise<number | null> {
  launched.process.kill("SIGTERM");
  return launched.ended;
}

export async function removePlace(place: Place): Promise<void> {
  await rm(place.folder, { recursive: true, force: true });
}
