import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The auth server as a process of its own, and all it wrote. */
export interface ServerProcess {
  child: ChildProcess;
  publicPort: number;
  privatePort: number;
  output(): string;
  /** Ends it with `signal`; resolves with its exit code, null when a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

export function spawnServer(environment: Record<string, string>) {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...environment } });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  return { child, output: () => output, exited: once(child, "exit").then(([code]) => code as number | null) };
}

/** Resolves once the process listens; needs LOG_LEVEL info or lower. */
export async function startServerProcess(environment: Record<string, string>): Promise<ServerProcess> {
  const { child, output, exited } = spawnServer(environment);
  const ports = () => /"public":(\d+),"private":(\d+)/.exec(output());
  const isOver = exited.then(() => "over");
  while (ports() === null) {
    const waited = await Promise.race([isOver, new Promise((resolve) => setTimeout(resolve, 20, "waited"))]);
    if (waited === "over") throw new Error(`The server ended: ${output()}`);
  }
  const [, publicPort, privatePort] = ports() ?? [];
  return {
    child,
    publicPort: Number(publicPort),
    privatePort: Number(privatePort),
    output,
    end: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}
