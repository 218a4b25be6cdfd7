import { deriveKey, seal, unseal } from "@anteroom/shared/runtime/crypto";
import type { Log } from "@anteroom/shared/runtime/log";
import type { Transaction } from "kysely";
import { fromKysely, type JobResult, type JobWithMetadata, PgBoss } from "pg-boss";
import { z } from "zod";
import type { AppDatabase } from "../database.ts";
import type { Settings } from "../settings.ts";
import { type MailRequest, type MailType, mailTypes } from "./types.ts";

const queueName = "mail";

/** What a job row holds: JSON checked again when it is read back. The code is sealed, the link derived at delivery. */
const jobSchema = z.object({
  type: z.enum(Object.keys(mailTypes) as [MailType, ...MailType[]]),
  email: z.string(),
  sealedCode: z.string().optional(),
  registrationId: z.string().optional(),
  values: z.record(z.string(), z.string()),
});

/** A mail on its way, with the time of its cause. */
export type QueuedMail = MailRequest & { id: string; createdAt: Date };

export interface MailQueue {
  /** Writes the mail's job in the transaction of its cause: both are there after a crash, or neither. */
  enqueue(trx: Transaction<AppDatabase>, mail: MailRequest): Promise<void>;
  /** Starts to work the queue off. */
  work(deliver: (mail: QueuedMail) => Promise<void>): Promise<void>;
  isWorking(): boolean;
  /** Resolves when no mail is due any more. */
  drain(): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The mail queue: pg-boss in the app server's own database. Workers are woken by NOTIFY within milliseconds and poll as
 * a fallback. pg-boss keeps two connections of its own beside the pool, one of them to listen.
 */
export async function openMailQueue(settings: Settings, processName: string, log: Log): Promise<MailQueue> {
  const key = deriveKey(settings.secret, "mail-job");
  const boss = new PgBoss({
    connectionString: settings.databaseUrl,
    application_name: processName,
    max: 2,
    useListenNotify: true,
    schedule: false,
    superviseIntervalSeconds: 10,
    // Less than the interval of the supervision, so that no round of it is left out.
    monitorIntervalSeconds: 5,
  });
  boss.on("error", (error) => log.error({ err: error }, "mail queue"));
  boss.on("warning", (warning) => log.warn({ warning: warning.message }, "mail queue"));
  await boss.start();
  await boss.createQueue(queueName, {
    notify: true,
    retryLimit: 40,
    retryDelay: 15,
    retryBackoff: true,
    retryDelayMax: 7_200,
    // Relays may take their time, but a worker that was killed gives no sign of life: its mail is tried again within a
    // minute, by the heartbeat, the supervision's interval and the delay of a first retry together.
    expireInSeconds: 120,
    heartbeatSeconds: 10,
  });
  let isWorking = false;

  async function settle(
    job: JobWithMetadata<object>,
    deliver: (mail: QueuedMail) => Promise<void>,
  ): Promise<JobResult> {
    try {
      const { sealedCode, registrationId, ...mail } = jobSchema.parse(job.data);
      await deliver({
        ...mail,
        ...(registrationId === undefined ? {} : { registrationId }),
        ...(sealedCode === undefined
          ? {}
          : { code: unseal(key, Buffer.from(sealedCode, "base64"), `${mail.type}:${mail.email}`) }),
        id: job.id,
        createdAt: job.createdOn,
      });
      return { id: job.id, status: "completed" };
    } catch (error) {
      log.error({ err: error, job: job.id }, "a mail could not be delivered; it will be tried again");
      return { id: job.id, status: "failed", output: { reason: error instanceof Error ? error.message : "unknown" } };
    }
  }

  return {
    enqueue: async (trx, { type, email, code, registrationId, values }) => {
      const sealedCode = code && seal(key, code, `${type}:${email}`).toString("base64");
      await boss.send(
        queueName,
        { type, email, values, ...(sealedCode ? { sealedCode } : {}), ...(registrationId ? { registrationId } : {}) },
        { priority: mailTypes[type].priority, db: fromKysely(trx) },
      );
    },
    work: async (deliver) => {
      const options = {
        batchSize: 20,
        burstWhenBatchFull: true,
        includeMetadata: true,
        perJobResults: true,
        pollingIntervalSeconds: 2,
        notifyPollingIntervalSeconds: 5,
      } as const;
      await boss.work<object, unknown, typeof options>(queueName, options, (jobs) =>
        Promise.all(jobs.map((job) => settle(job, deliver))),
      );
      isWorking = true;
    },
    isWorking: () => isWorking,
    drain: async () => {
      while ((await countDue(boss)) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    clear: () => boss.deleteAllJobs(queueName),
    close: async () => {
      isWorking = false;
      await boss.stop({ graceful: true, timeout: 5_000 });
    },
  };
}

async function countDue(boss: PgBoss): Promise<number> {
  const { rows } = await boss
    .getDb()
    .executeSql(
      "select count(*)::int as due from pgboss.job where name = $1 and state in ('created', 'retry', 'active') and start_after <= now()",
      [queueName],
    );
  return rows[0].due;
}
