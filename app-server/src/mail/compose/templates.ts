import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Language } from "@anteroom/shared/wire/languages";
import { oneLine } from "@anteroom/shared/wire/text";
import { Liquid } from "liquidjs";
import { escapeHtml } from "../../html.ts";
import type { MailType, WaitingPerson } from "../kinds.ts";

export const builtInFolder = fileURLToPath(new URL("../../../templates", import.meta.url));

/** Templates by their name below the folder, such as `password_reset/en.txt`. */
export type TemplateFiles = Readonly<Record<string, string>>;

export interface Engines {
  files: TemplateFiles;
  text: Liquid;
  /** Escapes every value. */
  html: Liquid;
}

export interface RenderedMail {
  subject: string;
  text: string;
  html: string;
}

/** Everything in a folder but hidden files. */
export function readTemplates(folder: string): TemplateFiles {
  return Object.fromEntries(listFiles(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

/** Changes whenever a file in the folder does. */
export function fingerprint(folder: string): string {
  return listFiles(folder)
    .map((name) => {
      const { mtimeMs, size, ino } = statSync(join(folder, name));
      return `${name} ${mtimeMs} ${size} ${ino}`;
    })
    .join("\n");
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.slice(folder.length).includes(`${sep}.`) && statSync(path).isFile())
    .map((path) => path.slice(folder.length).replaceAll(sep, "/").replace(/^\/+/, ""))
    .sort();
}

/** Templates reach only each other, never other files: the engines know nothing but this table. */
export function createEngines(files: TemplateFiles): Engines {
  const options = { templates: files, cache: true, strictFilters: true } as const;
  const text = new Liquid(options);
  const html = new Liquid({ ...options, outputEscape: "escape" });
  for (const engine of [text, html]) engine.registerFilter("groups", groupsOfFour);
  return { files, text, html };
}

/** `ABCD2345` → `ABCD`, `2345`: easier to read out, and without anything in between that would be copied. */
function groupsOfFour(code: unknown): string[] {
  return String(code ?? "").match(/.{1,4}/gsu) ?? [];
}

/** The mail's language, or else the site's, or else English: the first that has both parts. */
export function languageWithTemplates(files: TemplateFiles, type: MailType, wanted: Language, site: Language) {
  const hasBoth = (language: Language) => ["txt", "html"].every((part) => files[`${type}/${language}.${part}`]);
  return [wanted, site].find(hasBoth) ?? "en";
}

/** The text's first line is the subject, which the HTML may show too. Throws what is wrong with the template. */
export function renderMail(
  engines: Engines,
  mail: { type: MailType; language: Language },
  values: Readonly<Record<string, unknown>>,
): RenderedMail {
  const name = `${mail.type}/${mail.language}`;
  const scope = { ...values, language: mail.language };
  const [firstLine = "", ...lines] = String(engines.text.renderFileSync(`${name}.txt`, scope)).split(/\r?\n/);
  const subject = oneLine(firstLine, 150);
  const html = String(engines.html.renderFileSync(`${name}.html`, { ...scope, subject })).trim();
  const links = engines.files["links.txt"]
    ? String(engines.text.renderFileSync("links.txt", scope)).split(/\r?\n/)
    : [];
  const text = [...lines, ...links]
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
  return { subject, text: `${text}\n`, html: `${html}\n` };
}

/** The keys whose values are not in both parts; of people, their addresses. */
export function findMissing(
  { text, html }: RenderedMail,
  keys: readonly string[],
  values: Readonly<Record<string, unknown>>,
): { key: string; part: "txt" | "html" }[] {
  const words = html.replace(/<[^>]*>/g, "");
  return keys.flatMap((key) => {
    const shown = textsOf(values[key]);
    const isInHtml = (escaped: string) => html.includes(escaped) || words.includes(escaped);
    return [
      ...(shown.every((value) => text.includes(value)) ? [] : [{ key, part: "txt" as const }]),
      ...(shown.map(escapeHtml).every(isInHtml) ? [] : [{ key, part: "html" as const }]),
    ];
  });
}

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return (value as WaitingPerson[]).map(({ email }) => email);
  return typeof value === "string" ? [value] : [];
}
