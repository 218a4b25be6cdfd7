import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { mutations } from "../testing/mutations/list.ts";

const root = new URL("../..", import.meta.url);

test("what each mutation replaces stands in the code exactly once, and its test exists", async () => {
  const stale: string[] = [];
  for (const { file, find, test: noticedBy } of mutations) {
    const code = await readFile(new URL(file, root), "utf8").catch(() => "");
    const places = code.split(find).length - 1;
    if (places !== 1) stale.push(`${file}: ${places} times: ${find}`);
    const [path = "", name = ""] = noticedBy.split("#");
    const tests = await readFile(new URL(path, root), "utf8").catch(() => undefined);
    if (!tests?.includes(name)) stale.push(`${file}: there is no ${noticedBy}`);
  }
  expect(stale).toEqual([]);
});
