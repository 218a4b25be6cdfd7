import { type AdjustableClock, createClock, followDatabase } from "@anteroom/shared/runtime/clock";
import { deriveKey, randomId } from "@anteroom/shared/runtime/crypto";
import { createWriteCheck, waitForDatabase } from "@anteroom/shared/runtime/database/checks";
import { openDatabase } from "@anteroom/shared/runtime/database/database";
import { isMigrated, migrateToLatest } from "@anteroom/shared/runtime/database/migrations";
import { type Listener, listen } from "@anteroom/shared/runtime/http/listener";
import { createPeer, knowsInternalSecret } from "@anteroom/shared/runtime/http/private-calls";
import { openKeptSecret } from "@anteroom/shared/runtime/kept-secret";
import { createLog, type Log } from "@anteroom/shared/runtime/log";
import { createSecurityEvents } from "@anteroom/shared/runtime/security-events";
import type { Environment } from "@anteroom/shared/runtime/settings";
import { createAuthServer } from "./auth-server/client.ts";
import type { AppContext } from "./context.ts";
import { createCredentials } from "./credentials.ts";
import { migrations } from "./database/migrations/all.ts";
import type { AppDatabase } from "./database/tables.ts";
import { createPublicApp, type Readiness } from "./http/app.ts";
import { createDevices } from "./http/device.ts";
import { createPrivateApp } from "./http/private.ts";
import type { InboundListener } from "./mail/return/inbound.ts";
import { createMailQueue, type PostOffice } from "./mail/send/queue.ts";
import { createCommands } from "./operations/commands.ts";
import { startJobs } from "./operations/jobs.ts";
import { createMetrics } from "./operations/metrics.ts";
import { isInUse, renewTokenHashes } from "./registration/store/token-hashes.ts";
import { readSettings, type Settings } from "./settings.ts";
import { createWorkBells, workChannel } from "./work.ts";

export interface AppServer {
  context: AppContext;
  log: Log;
  /** 0 for a process that does nothing but send mails. */
  publicPort: number;
  privatePort: number;
  /** Lets requests and mails in progress finish, then closes everything. */
  stop(): Promise<void>;
}

/** The composition root: everything the app server is made of, put together in one place. */
export async function startAppServer(environment: Environment): Promise<AppServer> {
  const given = readSettings(environment);
  const log = createLog("app-server", given.logLevel);
  if (given.internalSecrets.length === 0)
    log.warn("INTERNAL_SECRET is not set: every program on this machine may call the private listener");
  const processName = `anteroom-app ${randomId()}`;
  const database = openDatabase<AppDatabase>({
    url: given.databaseUrl,
    poolSize: given.databasePool,
    applicationName: processName,
  });
  await waitForDatabase(database.db, 30);
  await migrateToLatest(database.db, migrations);
  const clock = createClock();
  const stopClock = await followDatabase(clock, database.db);
  // Under TEST_MODE tests derive what the server derives.
  const isKept = async () => given.testMode || isInUse(database.db);
  const { secret, status, isAnother } = await openKeptSecret(database.db, given.secrets, isKept);
  if (status === "former") log.error(formerSecret);
  const settings = Object.freeze({ ...given, secret });
  const credentials = createCredentials(secret);
  if (isAnother)
    await renewTokenHashes(database.db, (registrationId) =>
      credentials.hashToken(credentials.registrationToken(registrationId)),
    );
  const metrics = createMetrics(database.db, clock);
  const bells = createWorkBells();
  const mail = createMailQueue({ settings, db: database.db, clock, credentials, log, metrics, processName, bells });
  const context: AppContext = {
    settings,
    db: database.db,
    clock,
    credentials,
    devices: createDevices(settings.secret, clock),
    authServer: reachAuthServer(settings),
    mail,
    metrics,
    events: createSecurityEvents(log, deriveKey(settings.secret, "addresses in the log")),
    log,
    processName,
  };
  const listeners = settings.mailWorker === "only" ? undefined : await openListeners(context, clock);
  // As long as this connection is open, others take it that this process lives (database/leases.ts).
  await database.listen(workChannel, bells.ring, bells.ringAll);
  const postOffice = createPostOffice(context);
  if (settings.mailWorker !== "off") mail.work(postOffice.deliver);
  const stopJobs = startJobs(context, bells);
  const ports = { publicPort: listeners?.public.port ?? 0, privatePort: listeners?.private.port ?? 0 };
  log.info({ public: ports.publicPort, private: ports.privatePort, mail_worker: settings.mailWorker }, "listening");
  context.events.record("sys_startup");
  return {
    context,
    log,
    ...ports,
    stop: () => stop(listeners, stopJobs, context, [async () => stopClock(), postOffice.close, database.close]),
  };
}

function reachAuthServer({ authPrivateUrl, internalSecrets, authTimeout }: Settings) {
  return createAuthServer(createPeer({ baseUrl: authPrivateUrl, secret: internalSecrets[0], timeout: authTimeout }));
}

const formerSecret =
  "BACKEND_SECRET is not the one that the database was sealed with: put the former one behind a comma. Until then, codes and links mailed earlier do not work";

interface Listeners {
  public: Listener;
  private: Listener;
  inbound: InboundListener | undefined;
}

async function openListeners(context: AppContext, clock: AdjustableClock): Promise<Listeners> {
  const { settings } = context;
  const privateApp = createPrivateApp(context, createCommands(context, clock));
  const publicApp = createPublicApp(context, createReadinessCheck(context));
  return {
    private: await listen(privateApp, {
      host: settings.privateHost,
      port: settings.privatePort,
      setting: "BACKEND_PRIVATE_PORT",
      source: { from: "peer", isPeer: knowsInternalSecret(settings.internalSecrets) },
    }),
    public: await listen(publicApp, {
      host: settings.host,
      port: settings.port,
      setting: "BACKEND_PORT",
      source: { from: "visitors", proxies: settings, device: context.devices.read },
    }),
    inbound: settings.inbound && (await openInbound(context)),
  };
}

/** SMTP and MIME are loaded only where somebody listens for mail. */
async function openInbound(context: AppContext): Promise<InboundListener> {
  const { listenForMail } = await import("./mail/return/inbound.ts");
  return listenForMail(context);
}

/** Templates and MIME cost 10 MiB and 100 ms, which a server can do without until there is a mail to write. */
function createPostOffice(context: AppContext) {
  let parts: ReturnType<typeof openPostOffice> | undefined;
  let quietUntil = 0;
  const deliver: PostOffice = async (mail, stored) => {
    parts ??= openPostOffice(context);
    const { compose, delivery } = await parts;
    const outcome = await delivery.deliver(await compose(mail), mail, stored);
    // Every mail will say the same as long as it lasts.
    if (outcome.status === "deferred" && outcome.concerns === "relay" && Date.now() >= quietUntil) {
      quietUntil = Date.now() + 60_000;
      context.log.error({ reason: outcome.reason }, "the relay takes no mails; they will be tried again");
    }
    return outcome;
  };
  return { deliver, close: async () => (await parts)?.delivery.close() };
}

async function openPostOffice({ settings, credentials, log }: AppContext) {
  const [{ createComposer }, { createDelivery }] = await Promise.all([
    import("./mail/compose/compose.ts"),
    import("./mail/send/deliver.ts"),
  ]);
  const onFault = (fault: string) => log.error({ fault }, "a template is not used as it is");
  return { compose: createComposer(settings, credentials, onFault), delivery: createDelivery(settings) };
}

async function stop(
  listeners: Listeners | undefined,
  stopJobs: () => Promise<void>,
  context: AppContext,
  last: (() => Promise<void>)[],
): Promise<void> {
  context.events.record("sys_shutdown");
  await Promise.all([listeners?.public.close(5_000), listeners?.private.close(5_000), listeners?.inbound?.close()]);
  await stopJobs();
  await context.mail.close();
  await context.authServer.close();
  for (const close of last) await close();
}

function createReadinessCheck({ db, authServer, mail, settings }: AppContext): () => Promise<Readiness> {
  const isWritable = createWriteCheck(db);
  return async () => {
    const [database, migrated, auth_server] = await Promise.all([
      isWritable(),
      isMigrated(db, migrations).catch(() => false),
      authServer.isAlive(),
    ]);
    const mail_worker = settings.mailWorker === "off" ? "off" : mail.isWorking();
    return { database, migrations: migrated, auth_server, mail_worker };
  };
}
