import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, matchesGlob, relative } from "node:path";
import { promisify } from "node:util";
import { checkout } from "@anteroom/launch/checkout";

/** Where the Dockerfiles work. */
const workdir = "/anteroom";

export interface Image extends AsyncDisposable {
  /** What the last stage has in its working directory. */
  folder: string;
}

type Server = "auth-server" | "app-server";

/**
 * Carries out a server's Dockerfile in empty folders, one a stage: it has what is copied and nothing else. Of the RUN
 * lines those of Node run as they stand. `npm ci` would fetch hundreds of packages; instead each package finds exactly
 * those that it declares, already there in the checkout.
 */
export async function layOutImage(server: Server): Promise<Image> {
  const place = await mkdtemp(join(tmpdir(), "anteroom-image-"));
  const remove = () => rm(place, { recursive: true, force: true });
  try {
    const ignored = await readLines(".dockerignore");
    const stages = new Map<string, string>();
    let folder = "";
    for (const { instruction, words } of await readInstructions(server)) {
      if (instruction === "FROM") {
        folder = join(place, String(stages.size));
        await startStage(folder, stages.get(words[0] ?? ""));
        stages.set(words[2] ?? "last", folder);
      }
      if (instruction === "COPY") await copy(words, folder, stages, ignored);
      if (instruction === "RUN") await run(words, folder);
    }
    return { folder, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function readLines(path: string): Promise<string[]> {
  const text = await readFile(join(checkout, path), "utf8");
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .filter((line) => line && !line.startsWith("#"));
}

async function readInstructions(server: Server) {
  const lines = await readLines(`${server}/Dockerfile`);
  return lines.map((line) => {
    const [instruction = "", ...words] = line.trim().split(/\s+/);
    return { instruction, words };
  });
}

async function startStage(folder: string, from: string | undefined): Promise<void> {
  await mkdir(folder);
  if (from !== undefined) await cp(from, folder, { recursive: true, verbatimSymlinks: true });
}

async function copy(words: string[], folder: string, stages: Map<string, string>, ignored: string[]): Promise<void> {
  const paths = words.filter((word) => !word.startsWith("--"));
  const from = stages.get(/^--from=(.*)$/.exec(words[0] ?? "")?.[1] ?? "");
  const target = paths.pop() ?? "";
  for (const path of paths) {
    const source = from ? join(from, relative(workdir, path)) : join(checkout, path);
    const isSent = (file: string) => from !== undefined || !isIgnored(relative(checkout, file), ignored);
    await cp(
      source,
      target.endsWith("/") && !from ? join(folder, target, path.split("/").at(-1) ?? "") : join(folder, target),
      {
        recursive: true,
        verbatimSymlinks: true,
        filter: isSent,
      },
    );
  }
}

function isIgnored(path: string, patterns: string[]): boolean {
  return path !== "" && patterns.some((pattern) => matchesGlob(path, pattern));
}

async function run(words: string[], folder: string): Promise<void> {
  if (words[0] === "node") await promisify(execFile)(process.execPath, words.slice(1), { cwd: folder });
  if (words[0] !== "npm") return;
  const workspace = words[words.indexOf("--workspace") + 1]?.replace("@anteroom/", "") ?? "";
  await linkPackages(folder, workspace, words.includes("--omit=dev") ? [] : ["devDependencies"]);
}

/** As npm does with `--install-strategy=linked`. Like `npm ci` it needs the lock file and every package's own. */
async function linkPackages(folder: string, workspace: string, more: string[]): Promise<void> {
  const read = async (path: string) => JSON.parse(await readFile(join(folder, path), "utf8"));
  await read("package-lock.json");
  const { workspaces } = await read("package.json");
  for (const name of workspaces as string[]) {
    const own = await read(`${name}/package.json`);
    if (name !== workspace && name !== "shared") continue;
    const sections = ["dependencies", ...(name === workspace ? more : [])];
    for (const dependency of sections.flatMap((section) => Object.keys(own[section] ?? {})))
      await link(dependency, folder, name);
  }
}

async function link(dependency: string, folder: string, workspace: string): Promise<void> {
  const place = join(folder, workspace, "node_modules", dependency);
  const target = dependency === "@anteroom/shared" ? "../../../shared" : join(checkout, "node_modules", dependency);
  await mkdir(dirname(place), { recursive: true });
  await rm(place, { force: true });
  await symlink(target, place);
}
