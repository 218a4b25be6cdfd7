import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The data folder's lock: one launcher at a time. `afterCrash`: the one before ended without giving it back, so its
 * servers and PostgreSQL may still be there for a moment.
 */
export type Lock = { ok: true; afterCrash: boolean; release: () => Promise<void> } | { ok: false; pid: number };

type Holder = { pid: number; mark: string };

/** A launcher that is just stopping gets this many milliseconds to give the lock back. */
const patience = 1_000;

/** Takes the lock, or says who holds it. A holder that is gone, also by SIGKILL or a power cut, holds nothing. */
export async function takeLock(dataDirectory: string): Promise<Lock> {
  const path = join(dataDirectory, "launcher.lock");
  const own = JSON.stringify({ pid: process.pid, mark: markOf(process.pid) });
  const deadline = Date.now() + patience;
  let afterCrash = false;
  while (!(await createWith(path, own))) {
    const text = await readFile(path, "utf8").catch(() => undefined);
    const holder = text === undefined ? undefined : parseHolder(text);
    if (holder !== undefined && markOf(holder.pid) === holder.mark) {
      if (Date.now() > deadline) {
        return { ok: false, pid: holder.pid };
      }
      await sleep(50);
    } else if (text !== undefined) {
      afterCrash = true;
      await discard(path, text);
    }
  }
  return { ok: true, afterCrash, release: () => rm(path, { force: true }) };
}

/** A hard link comes into being with its content, and only where nothing is: no reader sees half a lock. */
async function createWith(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") {
      return false;
    }
    throw cause;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Another launcher may discard the same dead lock and take its own meanwhile: that one is put back. */
async function discard(path: string, text: string): Promise<void> {
  const aside = `${path}.old.${process.pid}`;
  await rename(path, aside).catch(() => undefined);
  const taken = await readFile(aside, "utf8").catch(() => text);
  if (taken !== text) {
    await link(aside, path).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, mark } = JSON.parse(text);
    return Number.isInteger(pid) && typeof mark === "string" ? { pid, mark } : undefined;
  } catch {
    return undefined;
  }
}

/** What tells a process from a later one with the same number: when it started. Undefined when there is no such process. */
function markOf(pid: number): string | undefined {
  try {
    if (process.platform !== "linux") {
      return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    }
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; the state follows it, and the start time is the twentieth field.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return fields[0] === "Z" ? undefined : `${boot} ${fields[19]}`;
  } catch {
    return undefined;
  }
}
