import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./ask.ts";
import { endProcess, whenGone } from "./child.ts";
import { nodeFlags, type ServerName, serverEnvironment, urlsOf } from "./environment.ts";
import type { Database, Launch } from "./launch.ts";
import { buildPages } from "./pages.ts";
import { refusal } from "./refusal.ts";
import { type Running, type Supervised, stopAll, supervise } from "./supervise.ts";

/** How long the servers may take to finish what they are at, ms. */
const serverPatience = 5_500;

/** Starts both servers at once, says where they are, and returns when they have been asked to stop and have stopped. */
export async function runServers(launch: Launch, database: Database): Promise<void> {
  const failure = new AbortController();
  const quit = AbortSignal.any([launch.stop, failure.signal]);
  const names: ServerName[] = ["auth-server", "app-server"];
  const pages = buildPages(launch.checkout).catch((error: Error) => error);
  const outcomes = await Promise.allSettled(
    names.map((name) =>
      bringUp(launch, database, name, quit).catch((error) => {
        failure.abort();
        throw error;
      }),
    ),
  );
  const servers = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  database.onMove = () => void Promise.all(servers.map((server) => server.restart()));
  if (!quit.aborted) {
    const fault = await Promise.race([pages, whenAborted(quit)]);
    if (fault) launch.say(`The pages could not be built; everything else works. ${fault.message}`);
    await announce(launch, database);
    await whenAborted(launch.stop);
  }
  await stopAll(servers, launch.hurry, serverPatience);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") {
      throw outcome.reason;
    }
  }
}

/**
 * Starts a server and waits until it is ready. A server that ends itself before that has told why, and would do it
 * again: that is a refusal. One that was killed is started again.
 */
async function bringUp(launch: Launch, database: Database, name: ServerName, quit: AbortSignal): Promise<Supervised> {
  const start = () => startServer(launch, database, name);
  const url = name === "auth-server" ? urlsOf(launch.addresses).auth : urlsOf(launch.addresses).app;
  for (;;) {
    const server = start();
    const ended = new AbortController();
    void server.gone.then(() => ended.abort());
    await becomesReady(url, AbortSignal.any([ended.signal, quit]), (missing) =>
      launch.say(`Still waiting for the ${name}: ${missing}`),
    );
    if (!ended.signal.aborted || quit.aborted) {
      return supervise(`The ${name}`, server, async () => start(), launch.say);
    }
    const how = await server.gone;
    if (!how.startsWith("signal")) {
      throw refusal(`The ${name} did not start (${how}); what it said stands above.`);
    }
    launch.say(`The ${name} ended (${how}); starting it again`);
    await sleep(200);
  }
}

function startServer(launch: Launch, database: Database, name: ServerName): Running {
  const child = spawn(process.execPath, [...nodeFlags, join(name, "src", "main.ts")], {
    cwd: launch.checkout,
    env: serverEnvironment(name, launch, database.urls()),
    // A group of its own: Ctrl-C reaches the launcher alone, which stops the programs in order.
    detached: true,
    // The channel closes when the launcher is gone, however it ended, and the server ends itself then.
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const gone = whenGone(child);
  return {
    gone,
    stop: (patience) =>
      endProcess(child.pid, gone, [
        ["SIGTERM", patience],
        ["SIGKILL", 500],
      ]),
  };
}

/** Waits until the server at `url` says it is ready, or `ended` is aborted; tells every half minute what is missing. */
async function becomesReady(url: string, ended: AbortSignal, tell: (missing: string) => void): Promise<void> {
  let nextTelling = Date.now() + 30_000;
  for (; !ended.aborted; await sleep(20)) {
    const answer = await ask(`${url}/ready`).catch((error: Error) => ({ status: 0, body: error.message }));
    if (answer.status === 200) {
      return;
    }
    if (Date.now() > nextTelling) {
      nextTelling += 30_000;
      tell(answer.body.slice(0, 500));
    }
  }
}

async function announce(launch: Launch, database: Database): Promise<void> {
  const { settings } = launch;
  const urls = urlsOf(launch.addresses);
  const mails = settings.sendsByMail
    ? "sent by SMTP"
    : `written to ${settings.emailsDirectory} (BACKEND_SMTP_SEND=true sends them)`;
  const mailbox = await findMailbox(urls.app);
  launch.say(
    [
      "",
      "Anteroom is running. Ctrl-C stops it.",
      `  App server    ${urls.app}`,
      `  Auth server   ${urls.auth}`,
      `  Mails         ${mails}`,
      ...(mailbox ? [`                and shown at ${mailbox}`] : []),
      `  Data          ${database.description}`,
      `  Administrator ${await describeSetup(launch, urls.appPrivate)}`,
      "",
    ].join("\n"),
  );
}

/** Where written mails can be read; the app server knows whether that is anybody's business. */
async function findMailbox(url: string): Promise<string | undefined> {
  const mailbox = `${url}/dev/mailbox`;
  const answer = await ask(mailbox).catch(() => undefined);
  return answer?.status === 200 ? mailbox : undefined;
}

/** The first administrator sets up their account with a link that works once; later ones are made by administrators. */
async function describeSetup(launch: Launch, privateUrl: string): Promise<string> {
  try {
    const [secret = ""] = (launch.environment.INTERNAL_SECRET || launch.secrets.INTERNAL_SECRET).split(",");
    const answer = await ask(`${privateUrl}/command`, {
      secret,
      body: { command: "create_setup_link", only_if_needed: true },
    });
    if (answer.status !== 200) {
      throw new Error(`the app server answered ${answer.status}`);
    }
    const { url } = JSON.parse(answer.body);
    return typeof url === "string"
      ? `none yet; become the first with this link, which works once and for an hour:\n    ${url}`
      : "there is one; npm run admin -- setup-link makes a link for another";
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `npm run admin -- setup-link makes a link for the first one (asking for it here failed: ${reason})`;
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) {
      done();
    }
    signal.addEventListener("abort", () => done(), { once: true });
  });
}
