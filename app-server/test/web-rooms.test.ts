import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { findCycles, readImports } from "./support/imports.ts";

/** Where files of the pages stand, and which of them import which. Paths are relative to `app-server/web`. */
const web = join(import.meta.dirname, "../web");
let graph: Map<string, string[]>;

beforeAll(async () => {
  const isPage = (file: string) => !/^(\.?dist|build\.ts|vite\.config\.ts|.*\.d\.ts)/.test(file);
  const all = await readImports(web, isPage);
  graph = new Map(
    [...all].map(([file, imports]) => [file, imports.filter((to) => /\.tsx?$/.test(to) && !to.includes("@"))]),
  );
});

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
  expect(findCycles(graph)).toEqual([]);
});

test("no folder of the pages holds more than can be seen at a glance: fourteen files", () => {
  const sizes = Map.groupBy(graph.keys(), (file) => dirname(file));
  expect([...sizes].filter(([, files]) => files.length > 14).map(([folder]) => folder)).toEqual([]);
});
