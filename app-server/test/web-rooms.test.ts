import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { beforeAll, expect, test } from "vitest";

/** Where files of the pages stand, and which of them import which. Paths are relative to `app-server/web`. */
const web = join(import.meta.dirname, "../web");
let graph: Map<string, string[]>;

beforeAll(async () => {
  const files = (await readdir(web, { recursive: true })).filter(
    (file) => /\.tsx?$/.test(file) && !/^(\.?dist|build\.ts|vite\.config\.ts|.*\.d\.ts)/.test(file),
  );
  graph = new Map(await Promise.all(files.map(async (file) => [file, await importsOf(file)] as const)));
});

/** Static, dynamic and of types alone; of files beside it, not of libraries, nor of the types of the server's records. */
async function importsOf(file: string): Promise<string[]> {
  const source = await readFile(join(web, file), "utf8");
  const ofPages = source.replace(/^import type .* from "[./]+\/src\/.*";$/gm, "");
  return [...ofPages.matchAll(/(?:from |import\()"(\.[^"]+\.tsx?)"/g)].map(([, to = ""]) =>
    relative(web, join(web, dirname(file), to)),
  );
}

/** What the parts of each room may be made of, beside each other. */
const rooms: Record<string, readonly string[]> = {
  api: [],
  words: ["api"],
  ui: ["words", "api"],
  visit: ["ui", "words", "api"],
  account: ["ui", "words", "api"],
  admin: ["ui", "words", "api"],
};

const roomOf = (file: string) => file.split("/")[0] ?? "";

test("every part stands in a room, and rooms are made of those below them: none of visitors', account's and administration's knows another", () => {
  const strangers = [...graph.keys()].filter((file) => !(roomOf(file) in rooms));
  expect(strangers.sort()).toEqual(["app.tsx", "main.tsx"]);
  const wrong = arrowsBetween(roomOf).filter(([from, to]) => rooms[from] && !rooms[from].includes(to));
  expect(wrong).toEqual([]);
});

test("what the lists of administration share stands beside their folders: none reaches into another's", () => {
  const folderOf = (file: string) => (file.startsWith("admin/") ? dirname(file) : "");
  const between = arrowsBetween(folderOf).filter(([from, to]) => from.includes("/") && to.includes("/"));
  expect(between).toEqual([]);
});

function arrowsBetween(placeOf: (file: string) => string): [string, string][] {
  const arrows = [...graph].flatMap(([file, imports]) =>
    imports.map((to): [string, string] => [placeOf(file), placeOf(to)]),
  );
  return arrows.filter(([from, to]) => from !== to);
}

test("no file of the pages imports itself by way of others, and each import leads to a file", () => {
  expect([...graph.values()].flat().filter((file) => !graph.has(file))).toEqual([]);
  expect([...graph.keys()].map((file) => findCycle([file])).filter(Boolean)).toEqual([]);
});

const harmless = new Set<string>();

/** The way from a file back to a file on it, if there is one. */
function findCycle(way: readonly string[]): readonly string[] | undefined {
  const file = way.at(-1) ?? "";
  if (way.indexOf(file) < way.length - 1) return way;
  if (harmless.has(file)) return undefined;
  for (const next of graph.get(file) ?? []) {
    const cycle = findCycle([...way, next]);
    if (cycle) return cycle;
  }
  harmless.add(file);
  return undefined;
}

test("no folder of the pages holds more than can be seen at a glance: fourteen files", () => {
  const sizes = Map.groupBy(graph.keys(), (file) => dirname(file));
  expect([...sizes].filter(([, files]) => files.length > 14).map(([folder]) => folder)).toEqual([]);
});
