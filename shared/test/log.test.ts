import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { patiently } from "@anteroom/shared/testing/patience";
import { expect, test } from "vitest";

/** A process that makes a log and then does what `script` says. */
function run(script: string): ChildProcessByStdio<null, Readable, null> {
  const log = new URL("../runtime/log.ts", import.meta.url).href;
  const program = `import { createLog } from "${log}"; const log = createLog("test", "info"); ${script}`;
  return spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
}

test("a line is written before the call returns: a killed process loses none", async () => {
  const child = run(`log.info("the last words"); process.kill(process.pid, "SIGKILL");`);
  expect(await text(child.stdout)).toContain('"message":"the last words"');
});

test("a process whose log nobody reads any more goes on and ends as it would", async () => {
  const child = run(`setTimeout(() => { for (let i = 0; i < 100; i++) log.info("unheard"); process.exit(7); }, 100);`);
  child.stdout.destroy();
  const [code] = await Promise.race([
    once(child, "exit"),
    new Promise<string[]>((done) => setTimeout(done, patiently(5_000), ["hangs"])),
  ]);
  child.kill("SIGKILL");
  expect(code).toBe(7);
});
