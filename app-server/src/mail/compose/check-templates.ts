import { statSync } from "node:fs";
import { type Language, languages } from "@anteroom/shared/wire/languages";
import { choiceOf, type MailType, mailKinds, mailTypes, type WaitingPerson } from "../kinds.ts";
import { commonKeys } from "./template-values.ts";
import {
  builtInFolder,
  createEngines,
  type Engines,
  findMissing,
  languageWithTemplates,
  readTemplates,
  renderMail,
  type TemplateFiles,
} from "./templates.ts";

export interface TemplateSources {
  /** The operator's folder. */
  templatesDir: string | undefined;
  /** The site's. */
  language: Language;
  builtIn?: string;
}

const parts = ["txt", "html"] as const;

/**
 * Every fault in the templates as a sentence that names file and line; none when all is well. Looks at the built-in ones
 * with the operator's over them, as mails are made, and needs neither server nor database.
 */
export async function checkTemplates({
  templatesDir,
  language,
  builtIn = builtInFolder,
}: TemplateSources): Promise<string[]> {
  if (templatesDir !== undefined && !statSync(templatesDir, { throwIfNoEntry: false })?.isDirectory())
    return [`${templatesDir} is not a folder.`];
  const shipped = readTemplates(builtIn);
  const own = templatesDir === undefined ? {} : readTemplates(templatesDir);
  const engines = createEngines({ ...shipped, ...own });
  const faults = [
    ...Object.keys(own).flatMap((name) => strangeNameFaults(name, shipped, own)),
    ...mailTypes.flatMap((type) => languages.flatMap((each) => missingFileFaults(engines.files, type, each, language))),
    ...mailTypes.flatMap((type) => languages.flatMap((each) => contentFaults(engines, type, each))),
  ];
  // What is wrong in a shared file is found once for each mail that uses it.
  return [...new Set(faults)];
}

/** Files that no mail would ever use. */
function strangeNameFaults(name: string, shipped: TemplateFiles, own: TemplateFiles): string[] {
  const [folder = "", file, ...deeper] = name.split("/");
  if (file === undefined)
    return name in shipped || isUsed(name, own) ? [] : [`${name} is used by no template and replaces none.`];
  if (!mailTypes.some((type) => type === folder))
    return [`${name}: there is no kind of mail ${folder}; there are ${mailTypes.join(", ")}.`];
  const [language, part, ...rest] = file.split(".");
  if (deeper.length > 0 || rest.length > 0 || !parts.some((each) => each === part))
    return [`${name} is neither the text (.txt) nor the HTML (.html) of a mail.`];
  return languages.some((each) => each === language)
    ? []
    : [`${name}: there is no language ${language}; there are ${languages.join(", ")}.`];
}

/** Whether a template asks for a file beside the folders: what operators share between their own. */
function isUsed(name: string, own: TemplateFiles): boolean {
  return Object.values(own).some((source) => source.includes(`"${name}"`) || source.includes(`'${name}'`));
}

function missingFileFaults(files: TemplateFiles, type: MailType, language: Language, site: Language): string[] {
  const used = languageWithTemplates(files, type, language, site);
  return parts
    .map((part) => `${type}/${language}.${part}`)
    .filter((name) => !files[name])
    .map((name) =>
      used === language
        ? `${name} is missing or empty.`
        : `${name} is missing or empty: these mails are sent in ${used}.`,
    );
}

function contentFaults(engines: Engines, type: MailType, language: Language): string[] {
  const names = parts.map((part) => `${type}/${language}.${part}` as const);
  if (names.some((name) => !engines.files[name])) return [];
  const faults = [
    ...unknownKeyFaults(engines.text, `${type}/${language}.txt`, type),
    ...unknownKeyFaults(engines.html, `${type}/${language}.html`, type),
  ];
  return faults.length > 0 ? faults : renderingFaults(engines, type, language);
}

/** Keys that mails of this type do not have, wherever a template shows or asks for them; or why it cannot be read. */
function unknownKeyFaults(engine: Engines["html"], name: string, type: MailType): string[] {
  const { must, may } = mailKinds[type];
  const known = new Set<string>([...commonKeys, ...must, ...may]);
  try {
    const { globals } = engine.analyzeSync(engine.parseFileSync(name));
    return Object.entries(globals)
      .filter(([key]) => !known.has(key))
      .flatMap(([key, uses]) =>
        uses.map(({ location: { file = name, row } }) =>
          file === name
            ? `${name}, line ${row}: unknown key ${key}; this mail has ${[...known].join(", ")}.`
            : `${file}, line ${row}: unknown key ${key}; all mails have ${commonKeys.join(", ")}.`,
        ),
      );
  } catch (error) {
    return [describe(error, name)];
  }
}

/** What shows only when a mail is made: with every value, and with none that may be missing. */
function renderingFaults(engines: Engines, type: MailType, language: Language): string[] {
  const { must } = mailKinds[type];
  const values = sampleValues(type);
  const needed: readonly string[] = ["site", ...must];
  const onlyNeeded = Object.fromEntries(Object.entries(values).filter(([key]) => needed.includes(key)));
  try {
    const rendered = renderMail(engines, { type, language }, values);
    renderMail(engines, { type, language }, onlyNeeded);
    return [
      ...(rendered.subject ? [] : [`${type}/${language}.txt, line 1: the subject is empty.`]),
      ...findMissing(rendered, must, values).map(
        ({ key, part }) => `${type}/${language}.${part} does not show ${key}.`,
      ),
    ];
  } catch (error) {
    return [describe(error, `${type}/${language}`)];
  }
}

/** Values that nobody writes into a template by hand. */
function sampleValues(type: MailType): Record<string, unknown> {
  const { must, may, code } = mailKinds[type];
  const keys = [...commonKeys, ...must, ...may].filter((key) => key !== "subject" && key !== "language");
  const values = Object.fromEntries(keys.map((key) => [key, sampleOf(key)]));
  if (!choiceOf(type)) delete values.unsubscribeUrl;
  return { ...values, ...(code ? { code: code.example } : {}) };
}

function sampleOf(key: string): string | WaitingPerson[] {
  const sample = `sample-of-${key}`;
  return key === "waiting" ? [{ firstname: sample, lastname: sample, email: sample, since: sample }] : sample;
}

/** The engine's words for a fault, with the file and line that it knows. */
function describe(error: unknown, name: string): string {
  if (!(error instanceof Error)) return `${name}: ${String(error)}`;
  const [, what, file, line] = /^(.*), file:(.*), line:(\d+), col:\d+$/s.exec(error.message) ?? [];
  if (what !== undefined) return `${file}, line ${line}: ${what}.`;
  const [, absent] = /Failed to lookup "(.*)" in/.exec(error.message) ?? [];
  return absent === undefined ? `${name}: ${error.message}` : `${name}: there is no template ${absent}.`;
}
