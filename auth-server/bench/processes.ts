import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "@anteroom/launch/ask";
import { endProcess, whenGone } from "@anteroom/launch/child";

/** A program under measurement. */
export interface Program {
  pid: number;
  /** Milliseconds from spawning to the first answer. */
  startedIn: number;
  stop(): Promise<void>;
}

export interface Start {
  /** Node's arguments: the script and what it is given. */
  args: string[];
  environment: Record<string, string>;
  /** What it prints goes here. */
  log: string;
  /** Answered as soon as it listens. */
  probe: string;
  cwd: string;
}

const ending = [
  ["SIGTERM", 9_000],
  ["SIGKILL", 1_000],
] as const;

/** Starts a Node program and waits for its first answer. It ends with this process, however that ends. */
export async function startProgram({ args, environment, log, probe, cwd }: Start): Promise<Program> {
  const output = openSync(log, "a");
  const start = performance.now();
  const child = spawn(process.execPath, args, { cwd, env: environment, stdio: ["ignore", output, output, "ipc"] });
  closeSync(output);
  const gone = whenGone(child);
  await firstAnswer(probe, child, log);
  const startedIn = performance.now() - start;
  const stop = () => endProcess(child.pid, gone, ending);
  return { pid: child.pid ?? 0, startedIn, stop };
}

async function firstAnswer(probe: string, child: ChildProcess, log: string): Promise<void> {
  for (const giveUpAt = performance.now() + 30_000; performance.now() < giveUpAt; await sleep(4)) {
    if (child.exitCode !== null) break;
    const answer = await ask(probe).catch(() => undefined);
    if (answer?.status === 200) return;
  }
  child.kill("SIGKILL");
  throw new Error(`${probe} did not answer:\n${readFileSync(log, "utf8").slice(-2_000)}`);
}

/** MiB. `pss` counts pages that several processes share in parts, so that it can be summed up. */
export interface Memory {
  rss: number;
  pss: number;
}

/** Undefined where there is no /proc. */
export function memoryOf(pid: number): Memory | undefined {
  const text = read(`/proc/${pid}/smaps_rollup`);
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return text === "" ? undefined : { rss: kib("Rss") / 1024, pss: kib("Pss") / 1024 };
}

/** CPU seconds of a process and its children so far, those that have ended included. Undefined where there is no /proc. */
export function cpuSecondsOf(pid: number): number | undefined {
  const own = statOf(pid);
  if (own === undefined) return undefined;
  const living = own.children().map((child) => statOf(child)?.own ?? 0);
  return own.own + own.ended + living.reduce((sum, seconds) => sum + seconds, 0);
}

/** All processes below one, itself included. */
export function familyOf(pid: number): number[] {
  return [pid, ...(statOf(pid)?.children() ?? []).flatMap(familyOf)];
}

export function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
}

/** Clock ticks a second in /proc: 100 on every Linux that Node runs on. */
const ticks = 100;

function statOf(pid: number) {
  const fields = fieldsOf(pid);
  if (fields === undefined) return undefined;
  const seconds = (from: number) => (Number(fields[from]) + Number(fields[from + 1])) / ticks;
  const children = () =>
    readdirSync("/proc")
      .map(Number)
      .filter((other) => other > 0 && Number(fieldsOf(other)?.[1]) === pid);
  return { own: seconds(11), ended: seconds(13), children };
}

/** The fields of /proc/…/stat after the name, which may hold anything. */
function fieldsOf(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text === "" ? undefined : text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
