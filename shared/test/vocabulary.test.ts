import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** docs/vocabulary.md against the sources that it speaks of. */
const root = new URL("../../", import.meta.url).pathname;
const [, words = "", places = "", said = ""] = readFileSync(`${root}docs/vocabulary.md`, "utf8").split(/^## .*$/m);

const folders = [
  "app-server/src",
  "auth-server/src",
  "app-server/web",
  "shared/wire",
  "shared/runtime",
  "shared/client",
  "shared/launch",
];
const notLookedAt =
  /node_modules|\/dist\/|\/migrations\/|^app-server\/web\/words\/|^app-server\/src\/mail\/send\/verdict\.ts$/;

const sources = folders
  .flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  )
  .filter((path) => /\.tsx?$/.test(path) && !notLookedAt.test(path))
  .map((path) => ({ path, text: inWords(readFileSync(root + path, "utf8")) }));

/** Names taken apart: `emailNorm`, `email_norm` and `email-norm` are `email norm`. */
function inWords(text: string): string {
  return text
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[_-]/g, " ")
    .toLowerCase();
}

function filesWith(word: string): string[] {
  const pattern = new RegExp(`\\b${inWords(word)}s?\\b`);
  return sources.filter(({ text }) => pattern.test(text)).map(({ path }) => path);
}

function rowsOf(table: string): string[][] {
  const rows = table.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| ---"));
  return rows.slice(1).map((row) => row.split("|").map((cell) => cell.trim()));
}

function quoted(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
}

const vocabulary = rowsOf(words).map(([, word = "", , where = "", not]) => ({ word, where, not: quoted(not) }));
const withOnePlace = rowsOf(places).map(([, word, , only]) => ({ word: quoted(word)[0] ?? "", only: quoted(only) }));

test("what the page says is read", () => {
  expect(sources.length).toBeGreaterThan(200);
  expect(vocabulary.length).toBeGreaterThan(25);
  expect(withOnePlace.length).toBeGreaterThan(3);
  expect(filesWith("email address").length).toBeGreaterThan(10);
});

test.each(vocabulary)("$word is where the vocabulary says", ({ where }) => {
  const named = [...where.matchAll(/`([^`]+)` in `([^`]+)`/g)];
  expect(named.length).toBeGreaterThan(0);
  for (const [, name = "", path = ""] of named)
    expect(readFileSync(root + path, "utf8"), path).toMatch(new RegExp(`\\b${name}\\b`));
});

test("no source says a word that the vocabulary has another one for", () => {
  const found = vocabulary.flatMap(({ word, not }) =>
    not.flatMap((wrong) => filesWith(wrong).map((path) => `${path}: ${wrong}, which is: ${word}`)),
  );
  expect(found).toEqual([]);
});

test("a word with one place is said nowhere else", () => {
  const found = withOnePlace.flatMap(({ word, only }) => {
    const files = filesWith(word);
    expect(files, word).not.toEqual([]);
    return files.filter((path) => !only.some((place) => path.startsWith(place))).map((path) => `${path}: ${word}`);
  });
  expect(found).toEqual([]);
});

/** The texts of pages and emails in one language: without names of entries, types and what is filled in. */
function textsIn(language: "en" | "nl"): { path: string; text: string }[] {
  const files = ["app-server/web/words", "app-server/templates"].flatMap((folder) =>
    readdirSync(root + folder, { recursive: true, encoding: "utf8" }).map((path) => `${folder}/${path}`),
  );
  const isOf = new RegExp(`/${language}/\\w+\\.ts$|/${language}\\.(txt|html)$`);
  return files
    .filter((path) => isOf.test(path))
    .map((path) => ({ path, text: textOf(path, readFileSync(root + path, "utf8")).toLowerCase() }));
}

function textOf(path: string, file: string): string {
  if (!path.endsWith(".ts")) return file.replace(/\{\{.*?\}\}|\{%(?!.*label:).*?%\}/g, " ");
  const strings = file.replace(/^import .*$/gm, "").match(/"(?:[^"\\]|\\.)*"|`[^`]*`/g) ?? [];
  return strings.join("\n").replace(/\$\{[^}]*\}/g, " ");
}

const spoken = rowsOf(said).map(([, english = "", dutch = "", notEnglish, notDutch]) => ({
  en: { word: english, not: quoted(notEnglish) },
  nl: { word: dutch, not: quoted(notDutch) },
}));

test.each(["en", "nl"] as const)("pages and emails in %s say one word for one thing", (language) => {
  const texts = textsIn(language);
  expect(texts.length).toBeGreaterThan(30);
  expect(spoken.length).toBeGreaterThan(5);
  const found = spoken.flatMap(({ [language]: { word, not } }) =>
    not.flatMap((wrong) =>
      texts
        .filter(({ text }) => new RegExp(`\\b${wrong}\\b`).test(text))
        .map(({ path }) => `${path}: ${wrong}, which is: ${word}`),
    ),
  );
  expect(found).toEqual([]);
});
