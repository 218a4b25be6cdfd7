import { createClock, followDatabase } from "@anteroom/shared/runtime/clock";
import { deriveKey } from "@anteroom/shared/runtime/crypto";
import { createWriteCheck } from "@anteroom/shared/runtime/database/checks";
import { type Database, openDatabase } from "@anteroom/shared/runtime/database/database";
import { isMigrated } from "@anteroom/shared/runtime/database/migrations";
import { listen } from "@anteroom/shared/runtime/http/listener";
import { knowsInternalSecret } from "@anteroom/shared/runtime/http/private-calls";
import { openKeptSecret } from "@anteroom/shared/runtime/kept-secret";
import { createLog, type Log } from "@anteroom/shared/runtime/log";
import { createSecurityEvents } from "@anteroom/shared/runtime/security-events";
import type { Environment } from "@anteroom/shared/runtime/settings";
import { type AppServer, createAppServer } from "./app-server.ts";
import type { AuthContext } from "./context.ts";
import { createPrivateApp, createPublicApp, type Readiness } from "./http/app.ts";
import { createMetrics } from "./http/metrics.ts";
import { createEmailBlocklist } from "./limits/email-blocklist.ts";
import { createMailer } from "./mailer.ts";
import { migrate } from "./migrate.ts";
import { createPasswordBlocklist } from "./passwords/blocklist.ts";
import { createHashQueue } from "./passwords/hash-queue.ts";
import { createPasswords } from "./passwords/passwords.ts";
import { createPasswordRangeCheck } from "./passwords/range-check.ts";
import { lowerThreadPoolPriority } from "./passwords/thread-priority.ts";
import { startPurge } from "./purge.ts";
import { readSettings, type Settings } from "./settings.ts";
import type { AuthDatabase } from "./store/database.ts";
import { isInUse } from "./store/maintenance.ts";
import { migrations } from "./store/migrations/all.ts";
import { createLocalUsers } from "./users/local-users.ts";
import { createUserCache } from "./users/user-cache.ts";

export interface AuthServer {
  publicPort: number;
  privatePort: number;
  log: Log;
  stop(): Promise<void>;
}

/** Milliseconds that requests in progress get when the server stops. */
const grace = 5_000;

/**
 * Starts the auth server: reads the settings, migrates, listens. Throws a SettingsError or an error that names what is
 * in the way.
 */
export async function startAuthServer(environment: Environment): Promise<AuthServer> {
  const given = readSettings(environment);
  const log = createLog("auth-server", given.logLevel);
  warn(given, log);
  await migrate(given.databaseUrl);
  const database = openDatabase<AuthDatabase>({
    url: given.databaseUrl,
    poolSize: given.databasePool,
    applicationName: "anteroom-auth",
  });
  const { secret, status } = await openKeptSecret(database.db, given.secrets, () => isInUse(database.db));
  if (status === "former") log.error(formerSecret);
  const settings = Object.freeze({ ...given, secret });
  const appServer = createAppServer(settings);
  const clock = createClock();
  const stopClock = await followDatabase(clock, database.db);
  const context = createContext(settings, log, database, appServer, clock);
  await loadBlocklists(context);
  lowerThreadPoolPriority();
  const publicApp = createPublicApp(context, createReadinessCheck(database, appServer));
  const publicListener = await listen(publicApp, {
    host: settings.host,
    port: settings.port,
    setting: "AUTH_PORT",
    source: { from: "visitors", proxies: settings },
  });
  const privateApp = createPrivateApp(context, clock);
  const privateListener = await listen(privateApp, {
    host: settings.privateHost,
    port: settings.privatePort,
    setting: "AUTH_PRIVATE_PORT",
    source: { from: "peer", isPeer: knowsInternalSecret(settings.internalSecrets) },
  });
  const stopPurge = startPurge(context);
  log.info({ public: publicListener.port, private: privateListener.port }, "listening");
  context.events.record("sys_startup");
  return {
    publicPort: publicListener.port,
    privatePort: privateListener.port,
    log,
    stop: async () => {
      context.events.record("sys_shutdown");
      await Promise.all([publicListener.close(grace), privateListener.close(grace), stopPurge()]);
      await context.mailer.settle();
      context.metrics.clear();
      stopClock();
      await Promise.all([appServer.close(), database.close()]);
    },
  };
}

function createContext(
  settings: Settings,
  log: Log,
  { db }: Database<AuthDatabase>,
  appServer: AppServer,
  clock: AuthContext["clock"],
): AuthContext {
  const users = settings.userStore === "local" ? createLocalUsers(db) : appServer.users;
  const hashQueue = createHashQueue(settings.passwordQueue);
  const passwords = createPasswords(settings.passwordHash, { anyAlgorithm: !settings.strict });
  const temporaryPasswords = createPasswords(settings.temporaryPasswordHash, { anyAlgorithm: false });
  return {
    settings,
    db,
    clock,
    users,
    userCache: createUserCache(users, clock, settings.userCheckInterval, 20_000),
    mailer: createMailer(appServer.sendEmail, log, settings.strict),
    hashQueue,
    passwords,
    temporaryPasswords,
    passwordBlocklist: createPasswordBlocklist(settings.passwordBlocklist, settings.passwordMinLength),
    passwordRangeCheck: settings.passwordRangeUrl ? createPasswordRangeCheck(settings.passwordRangeUrl) : undefined,
    emailBlocklist: createEmailBlocklist(settings.emailBlocklist),
    keys: {
      codes: deriveKey(settings.secret, "codes"),
      shownUserIds: deriveKey(settings.secret, "shown user ids"),
    },
    metrics: createMetrics(hashQueue.waiting),
    events: createSecurityEvents(log, deriveKey(settings.secret, "addresses in the log")),
    log,
  };
}

const formerSecret =
  "AUTH_SECRET is not the one that the database was sealed with: put the former one behind a comma. Until then, codes mailed earlier do not work";

function warn(settings: Settings, log: Log): void {
  if (settings.internalSecrets.length === 0)
    log.warn("INTERNAL_SECRET is not set: everybody on this machine may use the private listener");
  if (settings.testMode) log.warn("TEST_MODE is on: commands can erase everything");
}

/** A list that cannot be read shows when the server starts, not when the first person signs up. */
async function loadBlocklists({ settings, passwordBlocklist, emailBlocklist }: AuthContext): Promise<void> {
  try {
    if (settings.passwordBlocklist !== undefined) await passwordBlocklist.load();
    await emailBlocklist.load();
  } catch (cause) {
    throw new Error("AUTH_PASSWORD_BLOCKLIST or AUTH_EMAIL_BLOCKLIST cannot be read.", { cause });
  }
}

function createReadinessCheck({ db }: Database<AuthDatabase>, appServer: AppServer): () => Promise<Readiness> {
  const isWritable = createWriteCheck(db);
  return async () => {
    const [database, migrated, app_server] = await Promise.all([
      isWritable(),
      isMigrated(db, migrations).catch(() => false),
      appServer.isAlive(),
    ]);
    return { database, migrations: migrated, app_server };
  };
}
