import type { Environment } from "@anteroom/shared/runtime/settings";
import { makeDataFolder } from "./folder/files.ts";
import { takeLock } from "./folder/lock.ts";
import { keepSecrets, type Secrets } from "./folder/secrets.ts";
import { type Addresses, settleAddresses } from "./ports.ts";
import {
  databaseUrl,
  type Embedded,
  ensureDatabases,
  prepareEmbedded,
  startAfterCrash,
  startEmbedded,
} from "./postgres/embedded.ts";
import { refusal } from "./refusal.ts";
import { runServers } from "./servers.ts";
import type { LaunchSettings } from "./settings.ts";
import { stopAll, supervise } from "./supervise.ts";

export type LaunchOptions = {
  settings: LaunchSettings;
  environment: Environment;
  checkout: string;
  /** Aborted when everything is to stop. */
  stop: AbortSignal;
  /** Aborted when stopping is to go faster. */
  hurry: AbortSignal;
  /** Tells the person at the terminal, one line or more. */
  say: (text: string) => void;
};

/** What a launch knows once it holds its data folder. */
export type Launch = LaunchOptions & { secrets: Secrets; addresses: Addresses };

/** Where the databases are. After a restart PostgreSQL may be on another port; `onMove` is told. */
export type Database = { urls: () => { auth: string; app: string }; description: string; onMove: () => void };

/** How long PostgreSQL may take to write everything, ms. With the servers' time before it this stays under 10 s. */
const databasePatience = 3_000;

/** Runs PostgreSQL (where no URL is given) and both servers until asked to stop; throws when they cannot be started. */
export async function launch(options: LaunchOptions): Promise<void> {
  const { settings, stop } = options;
  await makeDataFolder(settings.dataDirectory);
  const lock = await takeLock(settings.dataDirectory);
  if (!lock.ok) {
    throw refusal(
      `Anteroom is running already on ${settings.dataDirectory} (process ${lock.pid}): stop that first, or set ANTEROOM_DATA_DIR and other ports.`,
    );
  }
  try {
    // The servers of a launcher that was killed end by themselves within 9 s.
    const addresses = await settleAddresses(settings, lock.afterCrash ? 12_000 : 0);
    const secrets = await keepSecrets(settings.dataDirectory);
    await runDatabase({ ...options, secrets, addresses });
  } catch (error) {
    // What was interrupted on request has not failed.
    if (!stop.aborted) {
      throw error;
    }
  } finally {
    await lock.release();
  }
}

async function runDatabase(launch: Launch): Promise<void> {
  const { authDatabaseUrl: auth, appDatabaseUrl: app, dataDirectory } = launch.settings;
  if (auth !== undefined && app !== undefined) {
    const description = `in the databases given; secrets in ${dataDirectory}`;
    return runServers(launch, { urls: () => ({ auth, app }), description, onMove: () => undefined });
  }
  const embedded = await prepareEmbedded({
    dataDirectory,
    secrets: launch.secrets,
    connections: launch.settings.connections,
    cancelled: launch.stop,
  });
  await runEmbedded(launch, embedded);
}

async function runEmbedded(launch: Launch, embedded: Embedded): Promise<void> {
  const { settings, secrets, stop, hurry, say } = launch;
  let current = await startAfterCrash(embedded, stop);
  const database: Database = {
    urls: () => ({
      auth: settings.authDatabaseUrl ?? databaseUrl("auth", current.port, secrets),
      app: settings.appDatabaseUrl ?? databaseUrl("app", current.port, secrets),
    }),
    description: describePlace(settings, embedded, current.port),
    onMove: () => undefined,
  };
  const startAgain = async () => {
    const before = current.port;
    current = await startEmbedded(embedded, stop);
    if (current.port !== before) {
      say(`PostgreSQL is now on port ${current.port}, because port ${before} is taken; restarting both servers`);
      database.onMove();
    }
    return current;
  };
  const supervised = supervise("PostgreSQL", current, startAgain, say);
  try {
    await ensureDatabases(current.port, secrets);
    await runServers(launch, database);
  } finally {
    await stopAll([supervised], hurry, databasePatience);
  }
}

function describePlace({ dataDirectory }: LaunchSettings, { location, programs }: Embedded, port: number): string {
  const lines = [`${dataDirectory} (PostgreSQL on 127.0.0.1:${port})`];
  if (!location.startsWith(dataDirectory)) {
    lines.push(`database files in ${location}: the account PostgreSQL runs as cannot enter ${dataDirectory}`);
  }
  if (programs.copiedTo !== undefined) {
    lines.push(`PostgreSQL's programs copied to ${programs.copiedTo} for the same reason`);
  }
  return lines.join(`\n${" ".repeat(16)}`);
}
