import type { ChildProcess } from "node:child_process";

/** Settles when the process is gone, with words for the log: how it ended. */
export function whenGone(child: ChildProcess): Promise<string> {
  return new Promise((done) => {
    child.once("exit", (code, signal) => done(signal === null ? `exit code ${code}` : `signal ${signal}`));
    child.once("error", (error) => done(error.message));
  });
}

/** Sends one signal after the other, each after the milliseconds before it have passed, until the process is gone. */
export async function endProcess(
  pid: number | undefined,
  gone: Promise<unknown>,
  steps: readonly (readonly [NodeJS.Signals, number])[],
): Promise<void> {
  for (const [signal, patience] of steps) {
    if (pid === undefined || !sendSignal(pid, signal) || (await settlesWithin(gone, patience))) {
      return;
    }
  }
}

/** Whether the promise settles within so many milliseconds. */
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
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}
