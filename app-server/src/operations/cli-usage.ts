import { listedStates } from "@anteroom/shared/wire/app/decisions";
import { type MailStatus, mailStatuses } from "@anteroom/shared/wire/app/mail";

/** As the pages call them; `--status` takes the names on the wire. */
export const mailStateWords: Record<MailStatus, string> = {
  queued: "waiting",
  accepted: "taken",
  deferred: "delayed",
  failed: "failed",
  bounced: "came back",
};

export interface CliCommand {
  name: string;
  /** What the word after the command's name is. */
  argument?: "email" | "id";
  isOptional?: true;
}

export const cliCommands: Record<string, CliCommand> = {
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
  "check-templates": { name: "check_templates" },
};

export const cliOptions = {
  reason: { type: "string" },
  status: { type: "string" },
  limit: { type: "string" },
  after: { type: "string" },
  all: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean" },
} as const;

/** What the states of `list` mean. */
export const stateWords: Record<(typeof listedStates)[number], string> = {
  REQUESTED: "waits for a decision",
  ACCEPTING: "is being approved",
  ACCEPTED: "approved; its code has run out, and the person can ask for a new one",
  OPEN: "approved; a code is on its way, and the account is not active yet",
  REJECTED: "rejected",
};

export const usage = `Usage: npm run admin -- COMMAND [ADDRESS] [--json]

  setup-link               print a one-time link that makes its holder an administrator (1 h)
  list                     show the requests that wait, were approved or rejected, oldest first
  accept ADDRESS           approve a request and send the code
  reject ADDRESS [--reason TEXT]
                           reject a request; the reason is sent
  reopen ADDRESS           let a rejected request wait again
  resend ADDRESS           send the code once more
  grant-admin ADDRESS      make an existing user an administrator

  mail [ADDRESS] [--status STATUS]
                           show emails and what became of each, newest first
                           (${mailStatuses.join(", ")}; shown as
                           ${Object.values(mailStateWords).join(", ")})
  replay-mail ID | --all   send an email again that failed or came back, or all of them
  retry-mail               try the deferred emails now
  clear-address ADDRESS    let emails go to an address again that came back
  test-mail ADDRESS        send a test email and show all that the relay says
  check-templates          name what is wrong with the templates of emails (works without a server)

  --limit N, --after KEY   list and mail show 50 at a time; the last line says how to go on
  --json                   the answer as JSON, errors too: {"error": …}

States: ${listedStates.map((state) => `${state} (${stateWords[state]})`).join(", ")}.
Exit codes: 0 done, 1 refused or not reachable, 2 not understood.

Talks to the running app server's private listener (BACKEND_PRIVATE_HOST, BACKEND_PRIVATE_PORT) with INTERNAL_SECRET,
or the secret that npm start keeps in the data folder (ANTEROOM_DATA_DIR, by default .data).`;

/** What is wrong with what was typed, if anything. */
export function findMistake(word: string, argument: string | undefined, values: Record<string, unknown>) {
  const strange = Object.keys(values).find((name) => !Object.hasOwn(cliOptions, name));
  if (strange !== undefined) return `There is no option --${strange}.`;
  const command = Object.hasOwn(cliCommands, word) ? cliCommands[word] : undefined;
  if (!command) {
    const near = nearest(word);
    return `There is no command ${word}.${near ? ` Did you mean ${near}?` : ""}`;
  }
  const wantsArgument = command.argument && !command.isOptional && !(word === "replay-mail" && values.all);
  if (wantsArgument && !argument)
    return `${word} needs ${command.argument === "id" ? "an ID or --all" : "an ADDRESS"}.`;
  if (values.limit !== undefined && !/^[1-9]\d{0,4}$/.test(String(values.limit)))
    return "--limit is a whole number from 1 on.";
  return undefined;
}

function nearest(word: string): string | undefined {
  const ranked = Object.keys(cliCommands)
    .map((name) => ({ name, edits: editsBetween(word, name) }))
    .sort((one, other) => one.edits - other.edits);
  return ranked[0] && ranked[0].edits <= 3 && ranked[0].edits < word.length ? ranked[0].name : undefined;
}

/** Levenshtein's distance, a row at a time. */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= to.length; at++) {
      const replaced = (row[at - 1] ?? 0) + (to[at - 1] === letter ? 0 : 1);
      next[at] = Math.min(replaced, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
