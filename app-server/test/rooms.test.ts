import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { findCycles, type ImportGraph, readImports } from "./support/imports.ts";

/** What the files of the server may be made of. Paths are relative to `app-server/src`. */
let graph: ImportGraph;

beforeAll(async () => {
  graph = await readImports(join(import.meta.dirname, "../src"));
});

/** Those that a file imports and should not. */
function wrongImports(of: (file: string) => boolean, isWrong: (to: string) => boolean): string[] {
  return [...graph]
    .filter(([file]) => of(file))
    .flatMap(([file, to]) => to.filter(isWrong).map((each) => `${file} → ${each}`));
}

const isHttp = (file: string) => file.startsWith("http/") || /(^|[-/])routes\.ts$/.test(file);

/** Routes by another name, the command line, which says in the same words why not, and what puts all together. */
const alsoHttp = ["mail/dev/dev-mailbox.ts", "operations/commands.ts", "server.ts"];

/** A page that is made without the pages. */
const knowHono = ["mail/opt-out/unsubscribe-page.ts"];

test("rules and stores know nothing of HTTP", () => {
  const isBelow = (file: string) => !isHttp(file) && !alsoHttp.includes(file);
  expect(wrongImports(isBelow, isHttp)).toEqual([]);
  expect(
    wrongImports(
      (file) => isBelow(file) && !knowHono.includes(file),
      (to) => /^@?hono/.test(to),
    ),
  ).toEqual([]);
});

/** Statements, and what they are made of: tables of states and kinds, languages, the types of the database. */
const isStore = (file: string) => /store\.ts$/.test(file);
const partsOfStatements = [
  "registration/moves.ts",
  "registration/states.ts",
  "mail/newest.ts",
  "mail/kinds.ts",
  "policy/timing.ts",
];

test("stores are made of statements: none calls a rule", () => {
  const isRule = (to: string) =>
    to.endsWith(".ts") && !isStore(to) && !partsOfStatements.includes(to) && !to.startsWith("..");
  expect(wrongImports(isStore, isRule)).toEqual([]);
});

test("the tables of states and of switches, and the outcome of rules, stand on nothing of the server", () => {
  const isTable = (file: string) => ["registration/states.ts", "outcome.ts", "html.ts"].includes(file);
  expect(wrongImports(isTable, (to) => graph.has(to))).toEqual([]);
  expect(
    wrongImports(
      (file) => file.startsWith("policy/"),
      (to) => graph.has(to) && !to.startsWith("policy/"),
    ),
  ).toEqual([]);
});

test("no file imports itself by way of others, and each import leads to a file", () => {
  const local = [...graph.values()]
    .flat()
    .filter((to) => to.endsWith(".ts") && !to.startsWith("..") && !to.includes("@"));
  expect(local.filter((file) => !graph.has(file))).toEqual([]);
  expect(findCycles(graph)).toEqual([]);
});
