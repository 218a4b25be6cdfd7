import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkout } from "./checkout.ts";
import { makeDataFolder } from "./folder/files.ts";
import { takeLock } from "./folder/lock.ts";
import { keepSecrets, type Secrets } from "./folder/secrets.ts";
import { databaseUrl, ensureDatabases, prepareEmbedded, runningPort, startAfterCrash } from "./postgres/embedded.ts";
import { describeFailure } from "./refusal.ts";
import { type LaunchSettings, readLaunchSettings } from "./settings.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stop.abort());
}

try {
  await migrateBoth(readLaunchSettings(process.env, checkout));
  process.stdout.write("Both databases are up to date.\n");
  process.exit(0);
} catch (error) {
  process.stderr.write(`${describeFailure(error)}\n`);
  process.exit(1);
}

async function migrateBoth(settings: LaunchSettings): Promise<void> {
  const { authDatabaseUrl: auth, appDatabaseUrl: app } = settings;
  if (auth !== undefined && app !== undefined) {
    return migrate({ auth, app });
  }
  await makeDataFolder(settings.dataDirectory);
  await withEmbedded(settings, (port, secrets) =>
    migrate({ auth: auth ?? databaseUrl("auth", port, secrets), app: app ?? databaseUrl("app", port, secrets) }),
  );
}

/** On the PostgreSQL that `npm start` runs on the data folder, or on one of our own for the moment. */
async function withEmbedded(
  settings: LaunchSettings,
  work: (port: number, secrets: Secrets) => Promise<void>,
): Promise<void> {
  const { dataDirectory, connections } = settings;
  const lock = await takeLock(dataDirectory);
  const secrets = await keepSecrets(dataDirectory);
  if (!lock.ok) {
    return work((await runningPort(dataDirectory)) ?? 0, secrets);
  }
  try {
    const embedded = await prepareEmbedded({ dataDirectory, secrets, connections, cancelled: stop.signal });
    const postmaster = await startAfterCrash(embedded, stop.signal);
    try {
      await ensureDatabases(postmaster.port, secrets);
      await work(postmaster.port, secrets);
    } finally {
      await postmaster.stop(8_000);
    }
  } finally {
    await lock.release();
  }
}

/** Each server owns its tables, so each brings its own migrations. */
async function migrate(urls: { auth: string; app: string }): Promise<void> {
  for (const [server, url] of [
    ["auth-server", urls.auth],
    ["app-server", urls.app],
  ] as const) {
    const module = await import(pathToFileURL(join(checkout, server, "src", "migrate.ts")).href);
    await module.migrate(url);
  }
}
