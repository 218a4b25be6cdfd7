import { createHash } from "node:crypto";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

const folder = import.meta.dirname;
const dist = join(folder, "dist");
const mark = join(dist, ".built-from");

/**
 * Builds the pages into `dist` unless they are there and made from exactly these sources. Safe to be called by several
 * processes at once: each builds into a folder of its own and puts it in place.
 *
 * @returns whether anything was built
 */
export async function buildPages(): Promise<boolean> {
  const sources = await digestSources();
  if ((await readFile(mark, "utf8").catch(() => "")) === sources) return false;
  const { build } = await import("vite");
  const draft = join(folder, `.dist-${process.pid}`);
  try {
    await build({ configFile: join(folder, "vite.config.ts"), build: { outDir: draft } });
    await writeFile(join(draft, ".built-from"), sources);
    await rm(dist, { recursive: true, force: true });
    await rename(draft, dist).catch(async (error: unknown) => {
      // Another process was quicker with the same pages.
      if ((await readFile(mark, "utf8").catch(() => "")) !== sources) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return true;
}

/** Of everything that the pages are made of, in this folder and beside it, and of the versions of the libraries. */
async function digestSources(): Promise<string> {
  const root = join(folder, "../..");
  const lists = await Promise.all(
    [folder, join(root, "shared/client"), join(root, "shared/wire")].map((path) => listFiles(path)),
  );
  const hash = createHash("sha256");
  for (const path of [...lists.flat(), join(root, "package-lock.json")].sort())
    hash.update(path.slice(root.length)).update(await readFile(path));
  return hash.digest("hex");
}

async function listFiles(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/[/\\](dist|\.dist-\d+)[/\\]/.test(file));
}

if (import.meta.main) {
  // Whoever starts this may be a test, whose environment would make React the slow one for development.
  process.env.NODE_ENV = "production";
  await buildPages();
}
