import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createPeer } from "@anteroom/shared/runtime/private-calls";
import { defaultPrivateHost } from "@anteroom/shared/runtime/settings";

const usage = `Usage: npm run admin -- COMMAND [ADDRESS]

  setup-link               print a one-time link that makes its holder an administrator (1 h)
  list                     show the registrations that wait, were approved or rejected
  accept ADDRESS           approve a registration and mail the code
  reject ADDRESS [--reason TEXT]
                           decide against a registration; the reason is mailed
  reopen ADDRESS           let a rejected registration wait again
  resend ADDRESS           mail the code once more
  grant-admin ADDRESS      make an existing user an administrator

Talks to the running app server's private listener (BACKEND_PRIVATE_HOST, BACKEND_PRIVATE_PORT) with INTERNAL_SECRET,
or the secret that npm start keeps in the data folder (ANTEROOM_DATA_DIR, by default .data).`;

const commands: Record<string, { name: string; needsAddress: boolean }> = {
  "setup-link": { name: "create_setup_link", needsAddress: false },
  list: { name: "list", needsAddress: false },
  accept: { name: "accept", needsAddress: true },
  reject: { name: "reject", needsAddress: true },
  reopen: { name: "reopen", needsAddress: true },
  resend: { name: "resend", needsAddress: true },
  "grant-admin": { name: "grant_admin", needsAddress: true },
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args,
    options: { reason: { type: "string" }, help: { type: "boolean" } },
    allowPositionals: true,
    strict: false,
  });
  const [word = "", email] = positionals;
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (values.help || !command || (command.needsAddress && !email)) {
    process.stderr.write(`${usage}\n`);
    return values.help ? 0 : 2;
  }
  const reason = typeof values.reason === "string" ? { reason: values.reason } : {};
  try {
    return report(await call({ command: command.name, ...(email ? { email } : {}), ...reason }));
  } catch {
    process.stderr.write("The app server cannot be reached. Start it with npm start, then try again.\n");
    return 1;
  }
}

async function call(body: object): Promise<Record<string, unknown>> {
  const environment = process.env;
  const host = environment.BACKEND_PRIVATE_HOST || defaultPrivateHost();
  const port = environment.BACKEND_PRIVATE_PORT || "12790";
  const secret = environment.INTERNAL_SECRET || readKeptSecret(environment.ANTEROOM_DATA_DIR || ".data");
  const peer = createPeer({ baseUrl: `http://${host}:${port}`, secret, timeout: 60_000 });
  try {
    const response = await peer.post("/command", body);
    if (response.status === 401) return { error: "The app server does not know this INTERNAL_SECRET." };
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
  if (Array.isArray(result.registrations)) printRegistrations(result.registrations);
  else process.stdout.write(`${result.url ?? result.message ?? "Done."}\n`);
  return 0;
}

function printRegistrations(rows: { email: string; firstname: string; lastname: string; state: string }[]): void {
  if (rows.length === 0) process.stdout.write("Nobody is waiting.\n");
  for (const row of rows)
    process.stdout.write(`${row.state.padEnd(10)} ${row.email.padEnd(40)} ${row.firstname} ${row.lastname}\n`);
}
