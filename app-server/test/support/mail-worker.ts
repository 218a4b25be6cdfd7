import { type ChildProcess, spawn } from "node:child_process";
import { programOf } from "@anteroom/shared/testing/servers";

export interface WorkerProcess {
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  output(): string;
}

/** An app server that serves nobody and only sends mails. It is at work when it is at work: nobody can ask it. */
export function startMailWorker(env: Record<string, string>): WorkerProcess {
  const child = spawn(process.execPath, [programOf("app-server")], {
    env: { ...env, BACKEND_MAIL_WORKER: "only" },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let printed = "";
  const collect = (chunk: Buffer) => {
    printed += chunk.toString();
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  return { kill: () => end(child, "SIGKILL"), stop: () => end(child, "SIGTERM"), output: () => printed };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  await ended;
}
