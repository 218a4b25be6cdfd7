import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { inject } from "vitest";

const bundler = fileURLToPath(new URL("bundle.ts", import.meta.url));
const folder = () => join(inject("runFolder"), "servers");

/** Makes, once in a run, what `programOf` names. */
export async function bundleServers(): Promise<void> {
  await access(folder()).catch(() => promisify(execFile)(process.execPath, [bundler, folder()]));
}

/** The file that starts a server's bundle. */
export function programOf(name: "auth-server" | "app-server"): string {
  return join(folder(), name, "main.mjs");
}

/** Where compiled code is kept between starts. */
export const compiledCode = () => join(inject("runFolder"), "compiled");
