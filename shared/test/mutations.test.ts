import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { mutations } from "../testing/mutations/list.ts";

const root = new URL("../..", import.meta.url);

test("what each mutation replaces stands in the code exactly once, and its test exists", async () => {
  const stale: string[] = [];
  for (const { file, find, test: testFile } of mutations) {
    const code = await readFile(new URL(file, root), "utf8").catch(() => "");
    const places = code.split(find).length - 1;
    if (places !== 1) stale.push(`${file}: ${places} times: ${find}`);
    if (!existsSync(fileURLToPath(new URL(testFile, root)))) stale.push(`${file}: there is no ${testFile}`);
  }
  expect(stale).toEqual([]);
});
