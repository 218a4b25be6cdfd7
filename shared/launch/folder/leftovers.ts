import { execFileSync } from "node:child_process";
import { readdir, readFile, readlink, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sendSignal } from "../child.ts";
import { forced, readLockFile } from "../postgres/postgres.ts";

/** Ends the PostgreSQL that a killed launcher left running. */
export async function endLeftover(location: string): Promise<void> {
  const pid = Number((await readLockFile(location))[0] ?? 0);
  if (pid <= 0 || !sendSignal(pid, 0)) {
    return;
  }
  if (await isPostgresOf(pid, location)) {
    await endStranger(pid, location, [["SIGINT", 10_000], ...forced]);
    return;
  }
  // After a restart of the machine the number may be somebody else's, and PostgreSQL would take it for its own.
  await rm(join(location, "postmaster.pid"), { force: true });
}

/**
 * Ends sessions that outlive their PostgreSQL, which was killed: idle ones notice by themselves, one in the midst of a
 * long statement only when that is done, and until then PostgreSQL cannot be started.
 */
export async function endOrphans(location: string): Promise<void> {
  if (process.platform !== "linux") {
    return;
  }
  for (const pid of (await readdir("/proc")).map(Number).filter(Number.isInteger)) {
    if (await isPostgresOf(pid, location)) {
      await endStranger(pid, location, forced);
    }
  }
}

/** As endProcess, for a process that is not a child of ours. */
async function endStranger(
  pid: number,
  location: string,
  steps: readonly (readonly [NodeJS.Signals, number])[],
): Promise<void> {
  for (const [signal, patience] of steps) {
    sendSignal(pid, signal);
    for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(20)) {
      if (!(await isPostgresOf(pid, location))) {
        return;
      }
    }
  }
}

/** PostgreSQL's working folder is its data folder, which a shell may stand in too; so it must also be named so. */
async function isPostgresOf(pid: number, location: string): Promise<boolean> {
  try {
    if (process.platform !== "linux") {
      return execFileSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" }).includes(location);
    }
    const name = await readFile(`/proc/${pid}/comm`, "utf8");
    return name.startsWith("postgres") && (await readlink(`/proc/${pid}/cwd`)) === (await realpath(location));
  } catch {
    return false; // Gone, or not ours to look at.
  }
}
