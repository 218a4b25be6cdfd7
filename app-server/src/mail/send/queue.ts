import { randomUUID } from "node:crypto";
import type { Clock } from "@anteroom/shared/runtime/clock";
import type { Log } from "@anteroom/shared/runtime/log";
import { currentRequest } from "@anteroom/shared/runtime/request-scope";
import { domainOf, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Kysely, Transaction } from "kysely";
import type { fromKysely as FromKysely, PgBoss } from "pg-boss";
import type { AppDatabase } from "../../database/tables.ts";
import type { Handles } from "../../handles.ts";
import type { Metrics } from "../../operations/metrics.ts";
import type { Settings } from "../../settings.ts";
import { codeRow } from "../codes.ts";
import { mailKinds } from "../kinds.ts";
import type { DeliveryOutcome, DueMail, MailRequest } from "../request.ts";
import * as store from "../store.ts";
import { type CodeSeal, createCodeSeal } from "./due-mail.ts";
import { createRefusals } from "./refusals.ts";
import { queueName, tryFor } from "./schedule.ts";
import { startWorker, type Worker } from "./worker.ts";

/** Delivers a mail whose turn has come; `stored` resolves when the outcome is in the database. Throws for bugs only. */
export type PostOffice = (mail: DueMail, stored: Promise<void>) => Promise<DeliveryOutcome>;

export interface MailQueue {
  /** To be called once. Whoever writes a mail before that is done waits for it. */
  open(): Promise<void>;
  /** Writes the mail in the transaction of its cause: both are there after a crash, or neither. */
  enqueue(trx: Transaction<AppDatabase>, mail: MailRequest): Promise<void>;
  /** The same for any number of mails without codes, by statements that do not show how many they are. */
  enqueueAll(trx: Transaction<AppDatabase>, mails: readonly Omit<MailRequest, "code">[]): Promise<void>;
  /** Makes mails due that are in the table already. */
  enqueueAgain(trx: Transaction<AppDatabase>, mails: readonly store.DueRow[]): Promise<void>;
  /** Makes due what was deferred until now, and what ended processes left behind. */
  sweep(): Promise<void>;
  /** Gives mails a job that are due and have none. Returns how many. */
  requeueLost(): Promise<number>;
  /** Starts to work the queue off. */
  work(deliver: PostOffice): Promise<void>;
  isWorking(): boolean;
  /** Resolves when no mail is due any more. */
  drain(): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface MailQueueParts {
  settings: Settings;
  db: Kysely<AppDatabase>;
  clock: Clock;
  handles: Handles;
  log: Log;
  metrics: Metrics;
  processName: string;
}

/**
 * The mail queue. The table `mails` holds every mail and what became of it; a pg-boss job, in the same database, says
 * that one of them is due and is what survives the end of its worker (docs/decisions/010). pg-boss keeps two
 * connections of its own beside the pool, and a worker one more to be woken by.
 */
export function createMailQueue(parts: MailQueueParts): MailQueue {
  const { settings, db, clock, log } = parts;
  const codes = createCodeSeal(settings);
  const opening = Promise.withResolvers<Opened>();
  // Whoever called `open` is told of it.
  opening.promise.catch(() => undefined);
  let worker: Worker | undefined;

  async function enqueueAgain(trx: Transaction<AppDatabase>, mails: readonly store.DueRow[]): Promise<void> {
    const jobs = mails.map((mail) => ({
      id: newJobId(mailKinds[mail.type].priority),
      data: { mailId: mail.id },
      priority: mailKinds[mail.type].priority,
      group: { id: domainOf(mail.email_norm) },
    }));
    const { boss, fromKysely } = await opening.promise;
    await boss.insert(queueName, jobs, { db: fromKysely(trx) });
  }

  async function sweep(): Promise<void> {
    await store.releaseJobsOfTheGone(db);
    while (await store.hasDue(db, clock.now()))
      await db.transaction().execute(async (trx) => {
        const due = await store.releaseDue(trx, clock.now(), 1_000);
        if (due.length > 0) await enqueueAgain(trx, due);
      });
  }

  return {
    open: async () => {
      const opened = openBoss(parts);
      opening.resolve(opened);
      await opened;
    },
    enqueue: async (trx, request) => {
      const { mail, code } = toRow(request, parts, codes);
      await store.insertMail(trx, mail, code);
      await enqueueAgain(trx, [mail]);
    },
    enqueueAll: async (trx, requests) => {
      const mails = requests.map((request) => toRow(request, parts, codes).mail);
      await store.insertMails(trx, mails);
      await enqueueAgain(trx, mails);
    },
    enqueueAgain,
    sweep,
    requeueLost: () =>
      db.transaction().execute(async (trx) => {
        const lost = await store.findLost(trx, 1_000);
        if (lost.length > 0) await enqueueAgain(trx, lost);
        return lost.length;
      }),
    work: async (deliver) => {
      const { boss } = await opening.promise;
      worker = await startWorker({ ...parts, boss, codes, deliver, refusals: createRefusals() });
    },
    isWorking: () => worker?.isWorking() ?? false,
    drain: async () => {
      await sweep();
      while (await store.hasUnsettled(db, clock.now())) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        await sweep();
      }
    },
    clear: async () => (await opening.promise).boss.deleteAllJobs(queueName),
    close: async () => {
      await worker?.stop(5_000);
      const { boss } = await opening.promise;
      await boss.stop({ graceful: true, timeout: 1_000 });
      log.debug("mail queue closed");
    },
  };
}

type Opened = { boss: PgBoss; fromKysely: typeof FromKysely };

/** Loading pg-boss takes a third of a start, and nobody needs it before there is a mail. */
async function openBoss({ settings, processName, log }: MailQueueParts): Promise<Opened> {
  const { PgBoss, fromKysely } = await import("pg-boss");
  const boss = new PgBoss({
    connectionString: settings.databaseUrl,
    application_name: processName,
    max: 2,
    schedule: false,
    superviseIntervalSeconds: 10,
    // Less than the interval of the supervision, so that no round of it is left out.
    monitorIntervalSeconds: 5,
  });
  // Its errors bring the whole connection along, with what only that should know.
  boss.on("error", ({ message, stack }) => log.error({ err: { message, stack } }, "mail queue"));
  boss.on("warning", (warning) => log.warn({ warning: warning.message }, "mail queue"));
  await boss.start();
  const options = {
    notify: false,
    // Only a worker that ends without a word makes a job be tried again; the tries of a mail follow a schedule of
    // their own. A mail that ends its worker every time must not go on for ever.
    retryLimit: 100,
    retryDelay: 1,
    retryBackoff: false,
    expireInSeconds: 900,
    heartbeatSeconds: 10,
    deleteAfterSeconds: 86_400,
  };
  await boss.createQueue(queueName, options);
  // An existing queue keeps what it was made with.
  await boss.updateQueue(queueName, options);
  return { boss, fromKysely };
}

/**
 * UUID of version 8. Of the jobs that pg-boss finds first it takes, where a domain has a share, those with the lowest ids:
 * so these go by priority and time as well, or a code could wait until the last notice to its domain is gone.
 */
function newJobId(priority: number): string {
  const place = (255 - priority).toString(16).padStart(2, "0") + Date.now().toString(16).padStart(12, "0");
  return `${place.slice(0, 8)}-${place.slice(8, 12)}-8${place.slice(12)}${randomUUID().slice(17)}`;
}

/** UUID of version 7: mails of one second keep their order in it, to the millisecond. */
function newMailId(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

function toRow(request: MailRequest, parts: MailQueueParts, codes: CodeSeal) {
  const { type, email, code, codeExpiresAt, userId, registrationId, linkId } = request;
  const id = newMailId();
  const now = parts.clock.now();
  const emailNorm = normalizeEmailAddress(email);
  const values = Object.fromEntries(
    Object.entries(request.values).map(([name, value]) => [name, value.toWellFormed()]),
  );
  const mail: store.NewMail = {
    id,
    type,
    email,
    email_norm: emailNorm,
    user_id: userId,
    registration_id: registrationId ?? null,
    link_id: linkId ?? null,
    request_id: currentRequest()?.id ?? null,
    values,
    sealed_code: code ? codes.seal({ id, type }, code) : null,
    created_at: now,
    try_until: now + tryFor,
  };
  return { mail, code: code ? codeRow(parts, { type, emailNorm, code, codeExpiresAt }, now) : undefined };
}
