import { type ChildProcess, spawn } from "node:child_process";
import { chown, mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endProcess, whenGone } from "../child.ts";
import { refusal } from "../refusal.ts";
import type { Identity, Programs } from "./binaries.ts";

/** A running PostgreSQL. `gone` settles when the process has ended, whoever ended it, with how. */
export type Postmaster = {
  pid: number;
  port: number;
  gone: Promise<string>;
  /** Fast shutdown: sessions are cut, everything is written. What is not done after `patience` ms is forced. */
  stop: (patience: number) => Promise<void>;
};

/** How to start PostgreSQL. `settings` are postgresql.conf names and values; `log` is the file its messages go to. */
export type PostmasterOptions = {
  dataDirectory: string;
  port: number;
  settings: Record<string, string>;
  log: string;
  cancelled?: AbortSignal;
};

/** After a crash PostgreSQL replays its log before it takes connections, which may take minutes. */
const startPatience = 300_000;

/** Collation by code point with Unicode's letter cases: the same on every machine, whatever locales it has. */
const clusterLocale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];

/**
 * Makes a new cluster with the superuser `postgres`. It comes into being under another name and is renamed when whole,
 * so a crash in between leaves nothing that looks like a cluster. `hba` is the text of pg_hba.conf.
 */
export async function createCluster(
  programs: Programs,
  options: { dataDirectory: string; password: string; hba: string; flags?: string[]; cancelled?: AbortSignal },
): Promise<void> {
  const partial = `${options.dataDirectory}.new`;
  const passwordFile = `${options.dataDirectory}.password`;
  // An initdb whose caller was killed may be writing there for a moment yet.
  await rm(partial, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  await mkdir(partial, { mode: 0o700 });
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  await give(partial, programs.identity);
  await give(passwordFile, programs.identity);
  try {
    const flags = [`--pwfile=${passwordFile}`, ...(options.flags ?? [])];
    await runInitdb(programs, partial, flags, options.cancelled);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await writeFile(join(partial, "pg_hba.conf"), options.hba);
  await rename(partial, options.dataDirectory);
}

async function runInitdb(
  programs: Programs,
  folder: string,
  flags: string[],
  cancelled: AbortSignal | undefined,
): Promise<void> {
  const flagsOfAll = ["--username=postgres", "--auth=scram-sha-256", "--no-instructions", ...clusterLocale];
  const child = spawn(programs.initdb, [`--pgdata=${folder}`, ...flagsOfAll, ...flags], {
    ...spawnOptions(programs.identity, folder),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => void child.kill();
  cancelled?.addEventListener("abort", kill, { once: true });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (part) => {
      output += part;
    });
  }
  // "close" comes when initdb's own children have gone too: nothing writes into the folder any more.
  const code = await new Promise((done, failed) => child.once("close", done).once("error", failed));
  cancelled?.removeEventListener("abort", kill);
  if (output.includes("could not look up effective user ID")) {
    throw refusal(
      "PostgreSQL needs an account with a name: add this user id to /etc/passwd, or give AUTH_DATABASE_URL and BACKEND_DATABASE_URL.",
    );
  }
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
  await give(options.log, programs.identity);
  const child = spawn(programs.postgres, ["-D", options.dataDirectory, "-p", String(options.port), ...flags], {
    ...spawnOptions(programs.identity, options.dataDirectory),
    // A group of its own: Ctrl-C in the terminal must not reach it before the servers have finished.
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
  });
  const gone = whenGone(child);
  await log.close();
  if (!(await becomesReady(child, gone, options))) {
    await endProcess(child.pid, gone, [["SIGQUIT", 2_000], ...forced]);
    throw new Error(`PostgreSQL did not start: ${(await readFile(options.log, "utf8")).slice(logStart).trim()}`);
  }
  const pid = child.pid ?? 0;
  return {
    pid,
    port: options.port,
    gone,
    stop: (patience) => endProcess(pid, gone, [["SIGINT", patience], ...forced]),
  };
}

/** Immediate shutdown, which the next start repairs from the log, and the end. */
export const forced: readonly (readonly [NodeJS.Signals, number])[] = [
  ["SIGQUIT", 500],
  ["SIGKILL", 500],
];

/** PostgreSQL writes its state as the eighth line of its lock file. */
async function becomesReady(child: ChildProcess, gone: Promise<unknown>, options: PostmasterOptions): Promise<boolean> {
  let ended = false;
  void gone.then(() => {
    ended = true;
  });
  for (const deadline = Date.now() + startPatience; Date.now() < deadline && !ended; await sleep(10)) {
    const lines = await readLockFile(options.dataDirectory);
    if (Number(lines[0]) === child.pid && lines[7]?.startsWith("ready")) {
      return true;
    }
    if (options.cancelled?.aborted) {
      return false;
    }
  }
  return false;
}

/**
 * The lines of postmaster.pid, none when there is no such file:
 * pid, data folder, start time, port, socket folder, address, shared memory, state.
 */
export async function readLockFile(dataDirectory: string): Promise<string[]> {
  const text = await readFile(join(dataDirectory, "postmaster.pid"), "utf8").catch(() => "");
  return text === "" ? [] : text.split("\n");
}

function spawnOptions(identity: Identity, folder: string) {
  // PG… variables of the caller would change what is started; the folder must be one that the account can enter.
  return { ...identity, cwd: folder, env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } };
}

async function give(path: string, { uid, gid }: Identity): Promise<void> {
  if (uid !== undefined && gid !== undefined) {
    await chown(path, uid, gid);
  }
}
