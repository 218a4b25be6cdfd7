import { type ChildProcess, spawn } from "node:child_process";
import { chown, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Identity, Programs } from "./binaries.ts";

/** A running PostgreSQL. `exited` settles when the process is gone, whoever ended it. */
export type Postmaster = {
  pid: number;
  port: number;
  exited: Promise<void>;
  stop: (patience?: number) => Promise<void>;
};

/** How to start PostgreSQL. `settings` are postgresql.conf names and values; `log` is the file its messages go to. */
export type PostmasterOptions = { dataDirectory: string; port: number; settings: Record<string, string>; log: string };

const startPatience = 30_000;

/**
 * Makes a new cluster with the superuser `postgres`. It comes into being under another name and is renamed when whole,
 * so a crash in between leaves nothing that looks like a cluster. `hba` is the text of pg_hba.conf.
 */
export async function createCluster(
  programs: Programs,
  { dataDirectory, password, hba, flags }: { dataDirectory: string; password: string; hba: string; flags: string[] },
): Promise<void> {
  const partial = `${dataDirectory}.new`;
  const passwordFile = `${dataDirectory}.password`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await give(partial, programs.identity);
  await give(passwordFile, programs.identity);
  try {
    await runInitdb(programs, partial, [`--pwfile=${passwordFile}`, ...flags]);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeFile(join(partial, "pg_hba.conf"), hba);
  await rename(partial, dataDirectory);
}

/** Collation by code point with Unicode's letter cases: the same on every machine, whatever locales it has. */
export const clusterLocale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];

async function runInitdb(programs: Programs, dataDirectory: string, flags: string[]): Promise<void> {
  const flagsOfAll = ["--username=postgres", "--auth=scram-sha-256", "--no-instructions", ...clusterLocale];
  const child = spawn(programs.initdb, [`--pgdata=${dataDirectory}`, ...flagsOfAll, ...flags], {
    ...spawnOptions(programs.identity, dataDirectory),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout?.on("data", (part) => {
    output += part;
  });
  child.stderr?.on("data", (part) => {
    output += part;
  });
  const code = await new Promise((done, failed) => child.once("close", done).once("error", failed));
  if (code !== 0) {
    throw new Error(`initdb failed (${code}): ${output.trim()}`);
  }
}

/** Starts PostgreSQL and returns when it takes connections. Throws with the end of its log when it does not come up. */
export async function startPostmaster(programs: Programs, options: PostmasterOptions): Promise<Postmaster> {
  const settings = { listen_addresses: "127.0.0.1", unix_socket_directories: "", ...options.settings };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const log = await open(options.log, "a", 0o600);
  const logStart = (await log.stat()).size;
  const child = spawn(programs.postgres, ["-D", options.dataDirectory, "-p", String(options.port), ...flags], {
    ...spawnOptions(programs.identity, options.dataDirectory),
    // A group of its own: Ctrl-C in the terminal must not reach it before the servers have finished.
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
  });
  const exited = new Promise<void>((done) => child.once("exit", () => done()).once("error", () => done()));
  await log.close();
  if (!(await becomesReady(child, exited, options.dataDirectory))) {
    await endProcess(child.pid, exited, 0);
    throw new Error(`PostgreSQL did not start: ${(await readFile(options.log, "utf8")).slice(logStart).trim()}`);
  }
  const pid = child.pid ?? 0;
  return { pid, port: options.port, exited, stop: (patience = 8_000) => endProcess(pid, exited, patience) };
}

/** PostgreSQL writes its state as the eighth line of its lock file. */
async function becomesReady(child: ChildProcess, exited: Promise<void>, dataDirectory: string): Promise<boolean> {
  let gone = false;
  void exited.then(() => {
    gone = true;
  });
  for (const deadline = Date.now() + startPatience; Date.now() < deadline && !gone; await sleep(10)) {
    const lines = await readLockFile(dataDirectory);
    if (Number(lines[0]) === child.pid && lines[7]?.startsWith("ready")) {
      return true;
    }
  }
  return false;
}

/** The lines of postmaster.pid: pid, data folder, start time, port, socket folder, address, shared memory, state. Empty when there is none. */
export async function readLockFile(dataDirectory: string): Promise<string[]> {
  const text = await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "");
  return text === "" ? [] : text.split("\n");
}

/** Fast shutdown (SIGINT: sessions are cut, everything is written); after `patience` ms immediate shutdown, then SIGKILL. */
async function endProcess(pid: number | undefined, exited: Promise<void>, patience: number): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [
    ["SIGINT", patience],
    ["SIGQUIT", 1_000],
    ["SIGKILL", 1_000],
  ];
  for (const [signal, wait] of steps) {
    if (pid === undefined || !sendSignal(pid, signal)) {
      return;
    }
    if (await settlesWithin(exited, wait)) {
      return;
    }
  }
}

/** Whether the promise settles within so many milliseconds. Leaves no timer behind that would keep the process alive. */
export function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  return new Promise((answer) => {
    const timer = setTimeout(() => answer(false), milliseconds);
    void promise.finally(() => {
      clearTimeout(timer);
      answer(true);
    });
  });
}

/** False when there is no such process (any more). Signal 0 only asks. */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EPERM") {
      return true;
    }
    return false;
  }
}

function spawnOptions(identity: Identity, folder: string) {
  // PG… variables of the caller would change what is started; the folder must be one that the account can enter.
  return { ...identity, cwd: folder, env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } };
}

/** Makes a file or folder belong to the account that PostgreSQL runs as. */
export async function give(path: string, identity: Identity): Promise<void> {
  if (identity.uid !== undefined && identity.gid !== undefined) {
    await chown(path, identity.uid, identity.gid);
  }
}
