import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Makes the pages that the app server serves, unless they are there and made from these very sources. In a process of
 * its own: what builds them takes more memory than all servers together, and is gone afterwards.
 */
export async function buildPages(checkout: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join("app-server", "web", "build.ts")], { cwd: checkout });
}
