import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CallFailed, createPeer } from "@anteroom/shared/runtime/http/private-calls";
import { defaultPrivateHost } from "@anteroom/shared/runtime/settings";
import type { ListedMail } from "@anteroom/shared/wire/app/mail";
import { type Language, languages } from "@anteroom/shared/wire/languages";
import { cliCommands, cliOptions, findMistake, mailStateWords, usage } from "./cli-usage.ts";

const dataFolder = process.env.ANTEROOM_DATA_DIR || ".data";

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const { positionals, values } = parseArgs({ args, options: cliOptions, allowPositionals: true, strict: false });
  const [word = "", argument] = positionals;
  if (values.help || word === "") {
    (values.help ? process.stdout : process.stderr).write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const show = values.json ? printJson : report;
  const mistake = findMistake(word, argument, values);
  if (mistake) {
    show({ error: mistake });
    if (!values.json) process.stderr.write("Usage: npm run admin -- COMMAND; all of them: npm run admin -- --help\n");
    return 2;
  }
  if (word === "check-templates") return printFaults(await checkOwnTemplates(), Boolean(values.json));
  return show(pageOf(await answerOf(requestOf(word, argument, values)), values));
}

function requestOf(word: string, argument: string | undefined, { reason, status, all }: Record<string, unknown>) {
  const { argument: kind, name } = cliCommands[word] ?? { name: word };
  return {
    command: word === "replay-mail" && all ? "replay_all_mail" : name,
    ...(kind && argument ? { [kind]: argument } : {}),
    ...(typeof reason === "string" ? { reason } : {}),
    ...(typeof status === "string" ? { status } : {}),
  };
}

async function answerOf(body: object): Promise<Record<string, unknown>> {
  try {
    return await call(body);
  } catch (error) {
    return { error: whyNot(error) };
  }
}

function whyNot(error: unknown): string {
  if (error instanceof CallFailed && error.isRefused && secrets() === undefined)
    return `There is no secrets.json in ${dataFolder}. Say where it is with ANTEROOM_DATA_DIR, or give INTERNAL_SECRET.`;
  if (error instanceof CallFailed && error.isRefused) return "The app server does not know this INTERNAL_SECRET.";
  return "The app server cannot be reached. Start it with npm start, then try again.";
}

/** A part of a list, and where the next one begins. */
function pageOf(result: Record<string, unknown>, { limit, after }: Record<string, unknown>): Record<string, unknown> {
  for (const [list, key] of [
    ["registrations", "email"],
    ["mails", "id"],
  ] as const) {
    const rows = result[list];
    if (!Array.isArray(rows)) continue;
    const start = after === undefined ? 0 : rows.findIndex((row) => row[key] === after) + 1;
    const page = rows.slice(start, start + Number(limit ?? 50));
    const isMore = start + page.length < rows.length;
    return { ...result, [list]: page, ...(isMore ? { next: page.at(-1)[key] } : {}) };
  }
  return result;
}

async function call(body: object): Promise<Record<string, unknown>> {
  const environment = process.env;
  const host = environment.BACKEND_PRIVATE_HOST || defaultPrivateHost();
  const port = environment.BACKEND_PRIVATE_PORT || "12790";
  const [secret] = secrets()?.split(",") ?? [];
  // Longer than the slowest of them: a relay that says nothing to a test mail.
  const peer = createPeer({ baseUrl: `http://${host}:${port}`, secret, timeout: 300_000 });
  try {
    const response = await peer.post("/command", body);
    return response.body as Record<string, unknown>;
  } finally {
    await peer.close();
  }
}

function secrets(): string | undefined {
  return process.env.INTERNAL_SECRET || readKeptSecret(dataFolder);
}

function readKeptSecret(folder: string): string | undefined {
  try {
    return JSON.parse(readFileSync(`${folder}/secrets.json`, "utf8")).INTERNAL_SECRET;
  } catch {
    return undefined;
  }
}

function printJson(result: Record<string, unknown>): number {
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.error !== undefined || result.ok === false ? 1 : 0;
}

function report(result: Record<string, unknown>): number {
  if (typeof result.error === "string") {
    process.stderr.write(`${[result.error, result.error_code, result.hint].filter(Boolean).join(" — ")}\n`);
    return 1;
  }
  if (Array.isArray(result.dialogue)) process.stdout.write(`${result.dialogue.join("\n")}\n`);
  else if (Array.isArray(result.registrations)) printRegistrations(result.registrations);
  else if (Array.isArray(result.mails)) printMails(result.mails);
  else process.stdout.write(`${result.url ?? result.message ?? "Done."}\n`);
  if (result.next !== undefined) process.stdout.write(`There are more: --after ${result.next}\n`);
  return result.ok === false ? 1 : 0;
}

function printRegistrations(rows: { email: string; firstname: string; lastname: string; state: string }[]): void {
  if (rows.length === 0) process.stdout.write("There are no requests.\n");
  for (const row of rows)
    process.stdout.write(`${row.state.padEnd(10)} ${row.email.padEnd(40)} ${row.firstname} ${row.lastname}\n`);
}

/** Two lines for each: the mail, and what is known of its way. */
function printMails(mails: ListedMail[]): void {
  if (mails.length === 0) process.stdout.write("There is no such email.\n");
  for (const mail of mails) {
    const next = mail.next_try_at === null ? "" : `next try ${inWords(mail.next_try_at)}: `;
    const tries = mail.attempts === 1 ? "1 try" : `${mail.attempts} tries`;
    process.stdout.write(
      `${inWords(mail.created_at)}  ${mailStateWords[mail.status].padEnd(9)} ${mail.type.padEnd(25)} ${mail.email}\n` +
        `    ${mail.id}, ${tries}. ${next}${mail.reason ?? ""}\n`,
    );
  }
}

function inWords(time: number): string {
  return new Date(time * 1_000).toISOString().replace("T", " ").slice(0, 19);
}

async function checkOwnTemplates(): Promise<string[]> {
  const { checkTemplates } = await import("../mail/compose/check-templates.ts");
  const { BACKEND_TEMPLATES_DIR, BACKEND_LANGUAGE } = process.env;
  const isLanguage = (text: string | undefined): text is Language => languages.some((language) => language === text);
  const language = isLanguage(BACKEND_LANGUAGE) ? BACKEND_LANGUAGE : "en";
  return checkTemplates({ templatesDir: BACKEND_TEMPLATES_DIR || undefined, language });
}

function printFaults(faults: string[], asJson: boolean): number {
  if (asJson) return printJson({ ok: faults.length === 0, faults });
  if (faults.length === 0) process.stdout.write("All templates are in order.\n");
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return faults.length === 0 ? 0 : 1;
}
