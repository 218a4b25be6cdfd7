import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { setup, teardown } from "../global-setup.ts";
import { type Mutation, mutations } from "./list.ts";

/**
 * `npm run mutate`: breaks the servers in one place at a time, in copies of the checkout, and runs the tests that have to
 * notice. Ends with 1 when one of them did not.
 */

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const workspaces = ["shared", "shared/launch", "auth-server", "app-server"];

const { values: options } = parseArgs({
  options: {
    /** A pattern: only those whose kind and file match it. */
    only: { type: "string", default: "" },
    /** `2/5`: the second of five parts. */
    part: { type: "string", default: "1/1" },
    parallel: { type: "string", default: "2" },
  },
});

const [part = 1, parts = 1] = options.part.split("/").map(Number);
const chosen = mutations
  .filter(({ file, kind }) => new RegExp(options.only).test(`${kind} ${file}`))
  .filter((_, index) => index % parts === part - 1);

/** One PostgreSQL for all runs, with templates that are migrated once. */
let postgresUrl = "";
await setup({
  provide: (key, value) => {
    if (key === "postgresUrl") postgresUrl = String(value);
  },
});

type Outcome = "noticed" | "survived" | "no longer applies" | "tests fail without it" | "could not be judged";

/** A copy of the checkout as it lies here, in which packages are found here, and the workspaces' own code there. */
async function copyCheckout(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "anteroom-mutations-"));
  const { stdout } = await run("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
    cwd: root,
    maxBuffer: 2 ** 26,
  });
  for (const file of stdout.split("\0").filter(Boolean))
    await cp(join(root, file), join(copy, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  for (const folder of ["", ...workspaces]) await linkPackages(join(root, folder), join(copy, folder));
  return copy;
}

async function linkPackages(from: string, to: string): Promise<void> {
  const names = await readdir(join(from, "node_modules")).catch(() => []);
  await mkdir(join(to, "node_modules/@anteroom"), { recursive: true });
  for (const name of names.filter((entry) => entry !== "@anteroom" && entry !== ".cache"))
    await symlink(join(from, "node_modules", name), join(to, "node_modules", name));
  if (from !== root && from !== `${root}/`) return;
  for (const workspace of workspaces)
    await symlink(join(to, workspace), join(to, "node_modules/@anteroom", basename(workspace)));
}

/** The names of the tests that failed, and the messages of files that could not be run. */
async function findFailures(
  copy: string,
  { file, names, bail }: { file: string; names: readonly string[]; bail: number },
): Promise<string[]> {
  const report = join(copy, "report.json");
  await rm(report, { force: true });
  const named = names.map((name) => name.replace(/[^\w ]/g, "\\$&")).join("|");
  const output = ["--reporter=json", `--outputFile=${report}`];
  const vitest = join(copy, "node_modules/vitest/vitest.mjs");
  const ended = await run(process.execPath, [vitest, "run", file, "-t", named, "--bail", String(bail), ...output], {
    cwd: copy,
    env: { ...process.env, ANTEROOM_TEST_POSTGRES: postgresUrl },
    maxBuffer: 2 ** 28,
    timeout: 600_000,
  }).catch((error: { stdout: string; stderr: string }) => error);
  const text = await readFile(report, "utf8").catch(() => undefined);
  if (text === undefined) throw new Error(`No tests were run:\n${ended.stdout}\n${ended.stderr}`);
  const { testResults: files, numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(text) as Report;
  if (numPassedTests + numFailedTests + numFailedTestSuites === 0) throw new Error(`There is no ${names} in ${file}.`);
  return files.flatMap(({ status, message, assertionResults: tests }) => {
    const failed = tests.filter((each) => each.status === "failed").map(({ fullName }) => fullName);
    return status === "failed" && failed.length === 0 ? [message.slice(0, 100)] : failed;
  });
}

/** What vitest tells of a run. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: { status: string; message: string; assertionResults: { status: string; fullName: string }[] }[];
}

async function tryMutation(copy: string, { file, find, replace, test }: Mutation): Promise<[Outcome, by?: string]> {
  const path = join(copy, file);
  const sound = await readFile(path, "utf8").catch(() => "");
  if (sound.split(find).length !== 2) return ["no longer applies"];
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(
      path,
      sound.replace(find, () => replace),
    );
    const [testFile, name] = partsOf(test);
    const [failed] = await findFailures(copy, { file: testFile, names: [name], bail: 1 });
    return failed === undefined ? ["survived"] : ["noticed", failed];
  } catch (error) {
    return ["could not be judged", String(error)];
  } finally {
    await writeFile(path, sound);
  }
}

/** The file and what is named in it; an empty name stands for all of them. */
function partsOf(test: string): [file: string, name: string] {
  const [file = "", name = ""] = test.split("#");
  return [file, name];
}

/** What fails anyway notices nothing. Looked at once for each file, after a mutation that it seems to have noticed. */
const unsound = new Map<string, Promise<string[]>>();
function failuresWithout(copy: string, test: string): Promise<string[]> {
  const [file] = partsOf(test);
  const inFile = chosen.map((mutation) => partsOf(mutation.test)).filter(([other]) => other === file);
  const names = [...new Set(inFile.map(([, name]) => name))];
  const known = unsound.get(file) ?? findFailures(copy, { file, names, bail: 0 });
  unsound.set(file, known);
  return known;
}

async function work(copy: string, queue: Mutation[]): Promise<[Mutation, Outcome][]> {
  const results: [Mutation, Outcome][] = [];
  for (let mutation = queue.shift(); mutation; mutation = queue.shift()) {
    const [found, by] = await tryMutation(copy, mutation);
    const isSound = found !== "noticed" || !(await failuresWithout(copy, mutation.test)).includes(by ?? "");
    const outcome = isSound ? found : "tests fail without it";
    results.push([mutation, outcome]);
    console.log(`${outcome}: ${describe(mutation)}${by === undefined ? "" : ` (by "${by}")`}`);
  }
  return results;
}

function describe({ kind, file, find, replace }: Mutation): string {
  const short = (text: string) => text.trim().replace(/\s+/g, " ").slice(0, 100);
  return `${kind}, ${file}: ${short(find)} → ${short(replace) || "nothing"}`;
}

const copies = await Promise.all(Array.from({ length: Number(options.parallel) }, copyCheckout));
try {
  const queue = [...chosen];
  const results = (await Promise.all(copies.map((copy) => work(copy, queue)))).flat();
  const unnoticed = results.filter(([, outcome]) => outcome !== "noticed");
  console.log(`${results.length} mutations, ${results.length - unnoticed.length} noticed.`);
  for (const [mutation, outcome] of unnoticed) console.log(`${outcome}: ${describe(mutation)}`);
  process.exitCode = unnoticed.length === 0 ? 0 : 1;
} finally {
  await Promise.all(copies.map((copy) => rm(copy, { recursive: true, force: true })));
  await teardown();
}
