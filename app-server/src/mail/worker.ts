import type { JobWithMetadata, PgBoss } from "pg-boss";
import { z } from "zod";
import { type CodeSeal, toDueMail } from "./due-mail.ts";
import { oneLine } from "./one-line.ts";
import { everyDomain, takeTurns } from "./pace.ts";
import { type MailQueueParts, type PostOffice, queueName } from "./queue.ts";
import { nextTry } from "./schedule.ts";
import * as store from "./store.ts";
import { type DeliveryOutcome, mailTypes } from "./types.ts";

/** Mails under way at once, not counting slow ones, and all of them. Delivery keeps as many connections at most. */
export const mailsAtOnce = 20;
export const mailsAtOnceWithSlowOnes = 100;

/** A domain that does not answer holds up so many mails at most, over all workers; the rest go on. */
const mailsAtOncePerDomain = 5;

/** Milliseconds after which a mail counts as slow and makes room for another. */
const slowAfter = 3_000;

/** Milliseconds after which a worker looks for mails although nobody has woken it. */
const lookEvery = 2_000;

const jobSchema = z.object({ mailId: z.uuid() });

type Job = JobWithMetadata<object>;

export interface Worker {
  isWorking(): boolean;
  /** Takes no more mails and waits so many milliseconds for those under way. */
  stop(patience: number): Promise<void>;
}

export interface WorkerParts extends MailQueueParts {
  boss: PgBoss;
  codes: CodeSeal;
  deliver: PostOffice;
}

interface UnderWay {
  job: Job;
  mailId: string;
  domain: string;
  startedAt: number;
}

/**
 * Takes jobs by priority, as many as there is room for, and works each off by itself: none waits for another of its
 * batch, as it would in pg-boss's own workers. A second job for a mail under way does nothing.
 */
export async function startWorker(parts: WorkerParts): Promise<Worker> {
  const { boss, log } = parts;
  const underWay = new Map<string, UnderWay>();
  const bell = createBell();
  const waiting = createWaitingList();
  let isStopping = false;
  let isBroken = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      const rung = bell.next();
      try {
        const isMore = await takeSome();
        isBroken = false;
        if (isMore) continue;
      } catch (error) {
        isBroken = true;
        log.error({ err: error }, "the mail worker could not look for mails; it tries again");
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      await Promise.race([rung, waiting.next(lookEvery)]);
    }
  }

  /** Takes what there is room for. True when there may be more to take at once. */
  async function takeSome(): Promise<boolean> {
    const room = roomFor(underWay);
    if (room <= 0 || waiting.isHeld(everyDomain)) return false;
    const jobs = await boss.fetch<object>(queueName, {
      batchSize: room,
      includeMetadata: true,
      groupConcurrency: mailsAtOncePerDomain,
      ignoreGroups: waiting.list(),
    });
    const allowed = await allow(parts, jobs as Job[], waiting);
    await startAll(allowed);
    return allowed.length > 0;
  }

  async function startAll(jobs: Job[]): Promise<void> {
    const jobOf = new Map<string, Job>();
    for (const job of jobs) {
      const mailId = await readMailId(parts, job);
      if (mailId === undefined) continue;
      if (jobOf.has(mailId) || isUnderWay(mailId)) await boss.complete(queueName, job);
      else jobOf.set(mailId, job);
    }
    if (jobOf.size === 0) return;
    const mails = await store.claimMails(parts.db, [...jobOf.keys()], parts.processName);
    mails.sort((a, b) => mailTypes[b.type].priority - mailTypes[a.type].priority);
    for (const mail of mails) {
      start(jobOf.get(mail.id) as Job, mail);
      jobOf.delete(mail.id);
    }
    if (jobOf.size > 0) await boss.complete(queueName, [...jobOf.values()]);
  }

  function isUnderWay(mailId: string): boolean {
    for (const other of underWay.values()) if (other.mailId === mailId) return true;
    return false;
  }

  function start(job: Job, mail: store.ClaimedMail): void {
    underWay.set(job.id, { job, mailId: mail.id, domain: job.groupId ?? "", startedAt: Date.now() });
    void settle(parts, mail)
      .then(() => boss.complete(queueName, job))
      // What could not be written down is tried again: its job stays as it is until its heart has stopped.
      .catch((error: unknown) => log.error({ err: error, mail: mail.id }, "what became of a mail could not be stored"))
      .finally(() => {
        underWay.delete(job.id);
        bell.ring();
      });
  }

  const heart = setInterval(() => {
    const jobs = [...underWay.values()].map(({ job }) => job);
    if (jobs.length > 0) boss.touch(queueName, jobs).catch((error: unknown) => log.warn({ err: error }, "mail worker"));
    if (jobs.length >= mailsAtOnce) bell.ring();
  }, 3_000);
  const listener = await boss.getDb().listen?.(store.wakeChannel, bell.ring, bell.ring);
  const running = run();
  return {
    isWorking: () => !isStopping && !isBroken,
    stop: async (patience) => {
      isStopping = true;
      bell.ring();
      await running;
      await listener?.close();
      const giveUpAt = Date.now() + patience;
      while (underWay.size > 0 && Date.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 20));
      clearInterval(heart);
    },
  };
}

function roomFor(underWay: Map<string, UnderWay>): number {
  let quick = 0;
  for (const { startedAt } of underWay.values()) if (Date.now() - startedAt < slowAfter) quick++;
  return Math.min(mailsAtOnce - quick, mailsAtOnceWithSlowOnes - underWay.size);
}

/** Jobs whose turn it is. The others go back to their place, and their domain is left alone until its next turn. */
async function allow(parts: WorkerParts, jobs: Job[], waiting: WaitingList): Promise<Job[]> {
  if (jobs.length === 0) return jobs;
  jobs.sort((a, b) => b.priority - a.priority || a.createdOn.getTime() - b.createdOn.getTime());
  const wanted = new Map<string, number>();
  for (const job of jobs) wanted.set(domain(job), (wanted.get(domain(job)) ?? 0) + 1);
  const turns = await takeTurns(parts.db, parts.settings, wanted);
  const take = (key: string): boolean => {
    const turn = turns.get(key);
    if (turn && turn.granted-- > 0) return true;
    waiting.hold(key, (turn?.wait ?? 1) * 1_000);
    return false;
  };
  const allowed = jobs.filter((job) => take(domain(job)) && take(everyDomain));
  const back = jobs.filter((job) => !allowed.includes(job));
  if (back.length > 0)
    await store.putJobsBack(
      parts.db,
      back.map(({ id }) => id),
    );
  return allowed;
}

function domain(job: Job): string {
  return job.groupId || "unknown";
}

/** A job is JSON from the database: nothing but a mail's id is looked for in it, and anything else fails for good. */
async function readMailId({ db, log }: WorkerParts, job: Job): Promise<string | undefined> {
  const parsed = jobSchema.strict().safeParse(job.data);
  if (parsed.success) return parsed.data.mailId;
  log.error({ job: job.id }, "a job of an unknown kind is left undone");
  await store.failJob(db, job.id, "unknown kind of job");
  return undefined;
}

/** Delivers one mail and writes down what became of it. */
async function settle(parts: WorkerParts, row: store.ClaimedMail): Promise<void> {
  const outcome = await attempt(parts, row);
  const now = parts.clock.now();
  const nextTryAt = outcome.status === "deferred" ? nextTry(row.attempts, row.try_until, now) : null;
  const settlement = {
    id: row.id,
    processName: parts.processName,
    status: outcome.status === "deferred" && nextTryAt === null ? "failed" : outcome.status,
    reason: oneLine(outcome.status === "accepted" ? outcome.reply : outcome.reason),
    nextTryAt,
    now,
  } as const;
  if (!(await store.settleMail(parts.db, settlement))) return;
  report(parts, row, settlement);
  // An address that refuses for good counts like one whose mails come back; one that is suppressed was not asked.
  if (outcome.status !== "failed" || row.suppressed_because !== null) return;
  const { reason } = settlement;
  const limit = parts.settings.bounceLimit;
  await store.countBounce(parts.db, { emailNorm: row.email_norm, reason, limit, now });
}

async function attempt(parts: WorkerParts, row: store.ClaimedMail): Promise<DeliveryOutcome> {
  if (row.suppressed_because !== null)
    return { status: "failed", reason: `Nothing is sent to this address any more: ${row.suppressed_because}` };
  try {
    return await parts.deliver(toDueMail(row, parts.settings, parts.codes));
  } catch (error) {
    parts.log.error({ err: error, mail: row.id, type: row.type }, "a mail could not be made; it will be tried again");
    return { status: "deferred", reason: "Something is wrong on our side; see the log." };
  }
}

/** Without addresses, as everything in the log; a relay's words may hold one, so they are in the table only. */
function report({ log, metrics }: WorkerParts, row: store.ClaimedMail, settlement: store.Settlement): void {
  const { status, nextTryAt } = settlement;
  const what = { mail: row.id, type: row.type, tries: row.attempts + 1 };
  metrics.count(status);
  if (status === "failed") log.warn(what, "a mail was given up; it is listed among the failed ones");
  else if (status === "deferred") log.warn({ ...what, next_try_at: nextTryAt }, "a mail was deferred");
  else log.debug(what, "a mail was accepted");
}

/** Rung from anywhere; whoever holds the promise of the next ring is let go. */
function createBell() {
  let next = Promise.withResolvers<void>();
  return {
    /** To be taken before looking for work, so that no ring is lost. */
    next: () => next.promise,
    ring: () => {
      next.resolve();
      next = Promise.withResolvers<void>();
    },
  };
}

type WaitingList = ReturnType<typeof createWaitingList>;

/** Domains that have used up their turns, each with the time of its next. */
function createWaitingList() {
  const until = new Map<string, number>();
  const list = () => {
    for (const [domain, time] of until) if (time <= Date.now()) until.delete(domain);
    return [...until.keys()];
  };
  return {
    hold: (domain: string, milliseconds: number) => until.set(domain, Date.now() + Math.max(20, milliseconds)),
    isHeld: (domain: string) => list().includes(domain),
    list,
    /** Resolves when the first of them may go on, and after so many milliseconds at the latest. */
    next: (milliseconds: number) => {
      const first = Math.min(Date.now() + milliseconds, ...list().map((domain) => until.get(domain) ?? 0));
      return new Promise((resolve) => setTimeout(resolve, Math.max(0, first - Date.now())));
    },
  };
}
