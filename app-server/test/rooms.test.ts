import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { findCycles, type ImportGraph, readImports } from "./support/imports.ts";

/** What the files of the server may be made of. Paths are relative to `app-server/src`. */
const src = join(import.meta.dirname, "../src");
let graph: ImportGraph;

beforeAll(async () => {
  graph = await readImports(src);
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

const isStore = (file: string) => /store\.ts$|\/store\//.test(file);

/** Beside stores, what statements are made of: tables of states and kinds, fragments, the types of the database. */
const partsOfStatements = [
  "database/fragments.ts",
  "database/leases.ts",
  "registration/moves.ts",
  "registration/states.ts",
  "mail/newest.ts",
  "mail/kinds.ts",
  "policy/timing.ts",
];

test("stores are made of statements: none calls a rule", () => {
  const isRule = (to: string) => graph.has(to) && !isStore(to) && !partsOfStatements.includes(to);
  expect(wrongImports(isStore, isRule)).toEqual([]);
});

/** What else is made of statements: parts of them, a listener, and the commands of tests. */
const otherStatements = [
  "database/fragments.ts",
  "registration/moves.ts",
  "mail/newest.ts",
  "work.ts",
  "operations/test-commands.ts",
];

test("statements stand in stores", async () => {
  const wrong: string[] = [];
  for (const file of graph.keys()) {
    if (isStore(file) || otherStatements.includes(file) || file.startsWith("database/migrations/")) continue;
    const source = await readFile(join(src, file), "utf8");
    if (/\.(selectFrom|insertInto|updateTable|deleteFrom)\(|\bsql`/.test(source)) wrong.push(file);
  }
  expect(wrong).toEqual([]);
});

/** From the ground up. A file of no room stands on the ground, but for those that put all together. */
const floors = [
  ["", "policy", "database", "auth-server"],
  ["mail"],
  ["audit"],
  ["accounts", "registration", "administration"],
  ["callbacks", "operations"],
  ["http"],
];
const roomOf = (file: string) => (file.includes("/") ? (file.split("/")[0] ?? "") : "");
const floorOf = (file: string) => floors.findIndex((rooms) => rooms.includes(roomOf(file)));
const putTogether = ["main.ts", "server.ts", "context.ts", "settings.ts"];

test("arrows go down: of two rooms on one floor only features know each other, and by their rules", () => {
  const isRule = (file: string) => !isHttp(file) && !alsoHttp.includes(file) && !putTogether.includes(file);
  const up = [...graph].flatMap(([file, to]) =>
    isRule(file)
      ? to.filter((each) => graph.has(each) && floorOf(each) > floorOf(file)).map((each) => `${file} → ${each}`)
      : [],
  );
  expect(up).toEqual([]);
  const features = floors[3] ?? [];
  const isOfOther = (file: string, to: string) => features.includes(roomOf(to)) && roomOf(to) !== roomOf(file);
  const uninvited = [...graph].flatMap(([file, to]) =>
    features.includes(roomOf(file))
      ? to.filter((each) => isOfOther(file, each) && isStore(each)).map((each) => `${file} → ${each}`)
      : [],
  );
  expect(uninvited).toEqual([]);
});

/** One file for each change of the tables, for ever. */
const grows = "database/migrations";

test("each room is named on a floor, and none has more than 14 files", () => {
  const rooms = Map.groupBy(graph.keys(), (file) => file.split("/").slice(0, -1).join("/"));
  expect([...rooms.keys()].filter((room) => floorOf(`${room}/`) === -1)).toEqual([]);
  expect([...rooms].filter(([room, files]) => room !== grows && files.length > 14).map(([room]) => room)).toEqual([]);
});

/** Which room's statements write a table. Those of the kernel are written by what both servers share. */
const owners: Record<string, string> = {
  newusers: "registration",
  registration_state: "registration",
  approvers_told: "registration",
  batches: "administration",
  batch_items: "administration",
  setup_links: "administration",
  users: "accounts",
  permissions: "accounts",
  account_links: "accounts",
  owed_links: "accounts",
  decisions: "audit",
  tokens: "mail",
  mails: "mail",
  mail_suppressions: "mail",
  inbound_mails: "mail",
  mail_preferences: "mail",
  jobs: "operations",
};

const ofTheKernel = ["rate_limits", "guesses"];

test("each table has one owner, whose statements alone change it", async () => {
  const tables = /interface AppDatabase \{([^}]*)\}/.exec(await readFile(join(src, "database/tables.ts"), "utf8"))?.[1];
  const names = [...(tables ?? "").matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name ?? "");
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => owners[name] === undefined && !ofTheKernel.includes(name))).toEqual([]);
  const wrong: string[] = [];
  for (const file of graph.keys()) {
    if (file.startsWith("database/") || file === "operations/test-commands.ts") continue;
    const source = await readFile(join(src, file), "utf8");
    const changed = source.matchAll(
      /(?:insertInto|updateTable|deleteFrom)\("(\w+)|\b(?:insert into|update|delete from) (\w+)/g,
    );
    for (const [, built, written] of changed) {
      const owner = owners[built ?? written ?? ""];
      if (owner !== undefined && owner !== roomOf(file)) wrong.push(`${file} changes ${built ?? written}`);
    }
  }
  expect(wrong).toEqual([]);
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
