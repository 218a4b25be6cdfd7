import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { CallFailed, createPeer } from "@anteroom/shared/runtime/http/private-calls";
import { defaultPrivateHost } from "@anteroom/shared/runtime/settings";
import { type ListedMail, mailStatuses } from "@anteroom/shared/wire/app/mail";
import { type Language, languages } from "@anteroom/shared/wire/languages";

const usage = `Usage: npm run admin -- COMMAND [ADDRESS]

  setup-link               print a one-time link that makes its holder an administrator (1 h)
  list                     show the registrations that wait, were approved or rejected
  accept ADDRESS           approve a registration and mail the code
  reject ADDRESS [--reason TEXT]
                           decide against a registration; the reason is mailed
  reopen ADDRESS           let a rejected registration wait again
  resend ADDRESS           mail the code once more
  grant-admin ADDRESS      make an existing user an administrator

  mail [ADDRESS] [--status STATUS]
                           show mails and what became of each, newest first
                           (${mailStatuses.join(", ")})
  replay-mail ID | --all   send a mail again that failed or came back, or all of them
  retry-mail               try the deferred mails now
  clear-address ADDRESS    let mails go to an address again whose mails came back
  test-mail ADDRESS        send a test mail and show all that the relay says
  check-templates          name what is wrong with the templates of mails (works without a server)

Talks to the running app server's private listener (BACKEND_PRIVATE_HOST, BACKEND_PRIVATE_PORT) with INTERNAL_SECRET,
or the secret that npm start keeps in the data folder (ANTEROOM_DATA_DIR, by default .data).`;

interface Command {
  name: string;
  /** What the word after the command's name is. */
  argument?: "email" | "id";
  isOptional?: true;
}

const commands: Record<string, Command> = {
  "setup-link": { name: "create_setup_link" },
  list: { name: "list" },
  accept: { name: "accept", argument: "email" },
  reject: { name: "reject", argument: "email" },
  reopen: { name: "reopen", argument: "email" },
  resend: { name: "resend", argument: "email" },
  "grant-admin": { name: "grant_admin", argument: "email" },
  mail: { name: "list_mails", argument: "email", isOptional: true },
  "replay-mail": { name: "replay_mail", argument: "id" },
  "retry-mail": { name: "retry_mail" },
  "clear-address": { name: "clear_address", argument: "email" },
  "test-mail": { name: "test_mail", argument: "email" },
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args,
    options: {
      reason: { type: "string" },
      status: { type: "string" },
      all: { type: "boolean" },
      help: { type: "boolean" },
    },
    allowPositionals: true,
    strict: false,
  });
  const [word = "", argument] = positionals;
  if (word === "check-templates" && !values.help) return printFaults(await checkOwnTemplates());
  const command = word === "replay-mail" && values.all ? { name: "replay_all_mail" } : findCommand(word);
  if (values.help || !command || (command.argument && !command.isOptional && !argument)) {
    process.stderr.write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const given = {
    ...(command.argument && argument ? { [command.argument]: argument } : {}),
    ...(typeof values.reason === "string" ? { reason: values.reason } : {}),
    ...(typeof values.status === "string" ? { status: values.status } : {}),
  };
  try {
    return report(await call({ command: command.name, ...given }));
  } catch (error) {
    process.stderr.write(`${whyNot(error)}\n`);
    return 1;
  }
}

function whyNot(error: unknown): string {
  if (error instanceof CallFailed && error.isRefused) return "The app server does not know this INTERNAL_SECRET.";
  return "The app server cannot be reached. Start it with npm start, then try again.";
}

function findCommand(word: string): Command | undefined {
  return Object.hasOwn(commands, word) ? commands[word] : undefined;
}

async function call(body: object): Promise<Record<string, unknown>> {
  const environment = process.env;
  const host = environment.BACKEND_PRIVATE_HOST || defaultPrivateHost();
  const port = environment.BACKEND_PRIVATE_PORT || "12790";
  const secrets = environment.INTERNAL_SECRET || readKeptSecret(environment.ANTEROOM_DATA_DIR || ".data");
  const [secret] = secrets?.split(",") ?? [];
  // Longer than the slowest of them: a relay that says nothing to a test mail.
  const peer = createPeer({ baseUrl: `http://${host}:${port}`, secret, timeout: 300_000 });
  try {
    const response = await peer.post("/command", body);
    return response.body as Record<string, unknown>;
  } finally {
    await peer.close();
  }
}

function readKeptSecret(folder: string): string | undefined {
  try {
    return JSON.parse(readFileSync(`${folder}/secrets.json`, "utf8")).INTERNAL_SECRET;
  } catch {
    return undefined;
  }
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
  return result.ok === false ? 1 : 0;
}

function printRegistrations(rows: { email: string; firstname: string; lastname: string; state: string }[]): void {
  if (rows.length === 0) process.stdout.write("Nobody is waiting.\n");
  for (const row of rows)
    process.stdout.write(`${row.state.padEnd(10)} ${row.email.padEnd(40)} ${row.firstname} ${row.lastname}\n`);
}

/** Two lines for each: the mail, and what is known of its way. */
function printMails(mails: ListedMail[]): void {
  if (mails.length === 0) process.stdout.write("There is no such mail.\n");
  for (const mail of mails) {
    const next = mail.next_try_at === null ? "" : `next try ${inWords(mail.next_try_at)}: `;
    const tries = mail.attempts === 1 ? "1 try" : `${mail.attempts} tries`;
    process.stdout.write(
      `${inWords(mail.created_at)}  ${mail.status.padEnd(8)} ${mail.type.padEnd(25)} ${mail.email}\n` +
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

function printFaults(faults: string[]): number {
  if (faults.length === 0) process.stdout.write("All templates are in order.\n");
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  return faults.length === 0 ? 0 : 1;
}
