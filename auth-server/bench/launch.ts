import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "@anteroom/launch/ask";
import { checkout } from "@anteroom/launch/checkout";
import { endProcess, whenGone } from "@anteroom/launch/child";
import type { Environment } from "@anteroom/shared/runtime/settings";
import { commandOf, familyOf, type Memory, memoryOf } from "./processes.ts";
import { freePorts } from "./rig.ts";

/** `npm start` on an empty data folder and again on the same. Milliseconds to both servers' `/ready`. */
export interface Launch {
  first: number;
  later: number;
  /** Some seconds after the later start. Absent where there is no /proc. */
  memory?: AtRest;
}

export interface AtRest {
  auth: Memory;
  app: Memory;
  /** All of its processes. */
  postgres: Memory & { processes: number };
  /** npm and the launcher, which the goal does not count. */
  launcher: Memory;
}

/** `caller` is the environment of whoever runs the benchmark: npm is found by its PATH. */
export async function measureLaunch(folder: string, restSeconds: number, caller: Environment): Promise<Launch> {
  const environment = { ...(await launchEnvironment(folder)), PATH: caller.PATH ?? "", HOME: caller.HOME ?? "" };
  const first = await startAndStop(environment, async () => undefined);
  const later = await startAndStop(environment, async (pid) => {
    await sleep(restSeconds * 1000);
    return lookAtMemory(pid);
  });
  const memory = later.result;
  return { first: first.milliseconds, later: later.milliseconds, ...(memory === undefined ? {} : { memory }) };
}

async function launchEnvironment(folder: string): Promise<Record<string, string>> {
  const names = ["AUTH_PORT", "AUTH_PRIVATE_PORT", "BACKEND_PORT", "BACKEND_PRIVATE_PORT"];
  const ports = await freePorts(names.length);
  return {
    ...Object.fromEntries(ports.map((port, index) => [names[index], String(port)])),
    ANTEROOM_DATA_DIR: join(folder, "data"),
    BACKEND_EMAILS_DIR: join(folder, "launch-emails"),
  };
}

async function startAndStop<T>(environment: Record<string, string>, meanwhile: (pid: number) => Promise<T>) {
  const start = performance.now();
  const child = spawn("npm", ["start"], { cwd: checkout, env: environment, stdio: "ignore" });
  const gone = whenGone(child);
  try {
    for (const port of [environment.AUTH_PORT, environment.BACKEND_PORT]) await becomesReady(Number(port));
    const milliseconds = performance.now() - start;
    return { milliseconds, result: await meanwhile(child.pid ?? 0) };
  } finally {
    await endProcess(child.pid, gone, [
      ["SIGTERM", 12_000],
      ["SIGKILL", 1_000],
    ] as const);
  }
}

async function becomesReady(port: number): Promise<void> {
  for (const giveUpAt = performance.now() + 60_000; performance.now() < giveUpAt; await sleep(10)) {
    const answer = await ask(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
    if (answer?.status === 200) return;
  }
  throw new Error("npm start was not ready within a minute");
}

function lookAtMemory(pid: number): AtRest | undefined {
  const family = familyOf(pid).map((each) => ({ command: commandOf(each), memory: memoryOf(each) }));
  const sum = (isMeant: (command: string) => boolean) => {
    const found = family.flatMap(({ command, memory }) => (memory && isMeant(command) ? [memory] : []));
    return {
      rss: found.reduce((total, { rss }) => total + rss, 0),
      pss: found.reduce((total, { pss }) => total + pss, 0),
      processes: found.length,
    };
  };
  const isAuth = (command: string) => command.includes(join("auth-server", "src", "main.ts"));
  const isApp = (command: string) => command.includes(join("app-server", "src", "main.ts"));
  const isPostgres = (command: string) => command.includes("postgres");
  if (sum(isAuth).processes === 0) return undefined;
  return {
    auth: sum(isAuth),
    app: sum(isApp),
    postgres: sum(isPostgres),
    launcher: sum((command) => !isAuth(command) && !isApp(command) && !isPostgres(command)),
  };
}
