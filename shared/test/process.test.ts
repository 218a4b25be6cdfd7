import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A server that leaves a rejected promise to nobody, waits until that has been noticed, and ends with 0. */
async function leave(rejection: string): Promise<{ code: number; output: string }> {
  const program = `
    import postgres from "postgres";
    import { createLog } from "./shared/runtime/log.ts";
    import { runProcess } from "./shared/runtime/process.ts";
    await runProcess(async () => ({ log: createLog("test", "warn"), stop: async () => undefined }));
    Promise.reject(${rejection});
    setTimeout(() => process.exit(0), 50);`;
  const ended = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: root,
  }).catch((error: { code: number; stdout: string; stderr: string }) => error);
  return { code: "code" in ended ? ended.code : 0, output: ended.stdout + ended.stderr };
}

test("out 1: a process outlives a connection to the database that is lost before anybody waits for it, and no other fault", async () => {
  const lost = await leave(
    `Object.assign(new postgres.PostgresError({ message: "terminating connection" }), { code: "57P01" })`,
  );
  expect(lost).toMatchObject({ code: 0, output: expect.stringContaining("lost while it was being made") });
  const bug = await leave(`new Error("a bug")`);
  expect(bug).toMatchObject({ code: 1, output: expect.stringContaining("a bug") });
});
