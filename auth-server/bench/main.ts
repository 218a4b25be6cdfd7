import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkout } from "@anteroom/launch/checkout";
import { startDatabases } from "./database.ts";
import { readCommandLine } from "./plan.ts";
import { render } from "./report.ts";
import { runBenchmark } from "./run.ts";

// npm run bench [-- --quick] [--json FILE] [--save]
// --save puts the tables into docs/performance.md.

const { plan, json, save } = readCommandLine(process.argv.slice(2));
const folder = await mkdtemp(join(tmpdir(), "anteroom-bench-"));
// PostgreSQL may run under another account, which has to pass through.
await chmod(folder, 0o711);
const started: (() => Promise<void>)[] = [];

/** Last started, first stopped. */
async function cleanUp(): Promise<void> {
  for (const stop of started.splice(0).reverse()) await stop().catch(() => undefined);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void cleanUp().finally(() => process.exit(1)));

try {
  const figures = await runBenchmark({
    plan,
    folder,
    caller: process.env,
    startDatabases: () => startDatabases(join(folder, "bench")),
    say: (line) => void process.stderr.write(`${line} …\n`),
    onStarted: (stop) => void started.push(stop),
  });
  const report = render(figures, new Date());
  process.stdout.write(`\n${report}`);
  if (json !== undefined) await writeFile(json, `${JSON.stringify(figures, null, 2)}\n`);
  if (save) await keep(report);
} finally {
  await cleanUp();
}
process.exit(0);

/** Between the markers of docs/performance.md stands the last table. */
async function keep(report: string): Promise<void> {
  const path = join(checkout, "docs", "performance.md");
  const [start, end] = ["<!-- the last run -->", "<!-- its end -->"];
  const text = await readFile(path, "utf8");
  const [before, rest] = text.split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`${path} has lost its markers ${start} and ${end}.`);
  await writeFile(path, `${before}${start}\n\n${report}\n${end}${after}`);
}
