import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { mutations } from "../testing/mutations/list.ts";

const root = new URL("../..", import.meta.url);

/** A test file, and all that lies beside it: what several files test alike is written down once. */
async function readTests(path: string): Promise<string[]> {
  const folder = new URL(".", new URL(path, root));
  const names = (await readdir(folder)).filter((name) => name.endsWith(".ts"));
  return Promise.all(
    [path, ...names].map((name, index) => readFile(new URL(name, index === 0 ? root : folder), "utf8")),
  );
}

test("what each mutation replaces stands in the code exactly once, and the test that notices exists", async () => {
  const stale: string[] = [];
  for (const { file, find, test: noticedBy } of mutations) {
    const code = await readFile(new URL(file, root), "utf8").catch(() => "");
    const places = code.split(find).length - 1;
    if (places !== 1) stale.push(`${file}: ${places} times: ${find}`);
    const [path = "", name = ""] = noticedBy.split("#");
    const tests = await readTests(path).catch(() => []);
    if (!tests.some((text) => text.includes(name))) stale.push(`${file}: there is no ${noticedBy}`);
  }
  expect(stale).toEqual([]);
});
