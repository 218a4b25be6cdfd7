import { inNameOf } from "@anteroom/shared/runtime/request-scope";
import type { JobWithMetadata, PgBoss } from "pg-boss";
import { z } from "zod";
import { mailKinds } from "../kinds.ts";
import * as store from "../store.ts";
import { everyDomain, takeTurns } from "./pace.ts";
import { queueName } from "./schedule.ts";
import { type SettleParts, settle } from "./settle.ts";

/** Mails under way at once, not counting slow ones, and all of them: some more than delivery keeps connections. */
const mailsAtOnce = 12;
const mailsAtOnceWithSlowOnes = 30;

/** Of one domain, over all workers: fewer than delivery has on the wire, so that one that hangs leaves room at once. */
const mailsAtOncePerDomain = 5;

/** Milliseconds after which a mail counts as slow and makes room for another. */
const slowAfter = 3_000;

/** Milliseconds that a worker with mails under way waits for more room before it looks for the next ones. */
const gather = 5;

/** Milliseconds that an idle worker leaves to the request that woke it, with which it shares a process. */
const headStart = 10;

/**
 * Milliseconds for which a worker that has found nothing takes it that there is nothing else behind the mails of a domain
 * that has its share under way: looking past thousands of them takes time.
 */
const lookAround = 50;

/** Milliseconds after which a worker looks for mails although nobody has woken it. */
const lookEvery = 2_000;

const jobSchema = z.object({ mailId: z.uuid() });

type Job = JobWithMetadata<object>;

export interface Worker {
  isWorking(): boolean;
  /** Takes no more mails and waits so many milliseconds for those under way. */
  stop(patience: number): Promise<void>;
}

export interface WorkerParts extends SettleParts {
  boss: PgBoss;
}

interface UnderWay {
  job: Job;
  mailId: string;
  startedAt: number;
}

/**
 * Takes jobs by priority, as many as there is room for, and works each off by itself: none waits for another of its
 * batch, as it would in pg-boss's own workers. A second job for a mail under way does nothing.
 */
export async function startWorker(parts: WorkerParts): Promise<Worker> {
  const { boss, log } = parts;
  const underWay = new Map<string, UnderWay>();
  const finished: Job[] = [];
  /** Jobs of mails that are under way for another job: they are looked at when that one has ended. */
  const held: Job[] = [];
  const bell = createBell();
  const waiting = createWaitingList();
  let lookAgainAt = 0;
  let isStopping = false;
  let isBroken = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      bell.silence();
      try {
        await completeFinished();
        const isMore = await takeSome();
        isBroken = false;
        if (isMore) continue;
      } catch (error) {
        isBroken = true;
        log.error({ err: error }, "the mail worker could not look for mails; it tries again");
        await pause(500);
      }
      await bell.rung(waiting.untilNext(lookEvery));
      // Mails that end at nearly the same moment make room together; what causes the first one gets to its end before.
      await pause(underWay.size > 0 ? gather : headStart);
    }
  }

  async function completeFinished(): Promise<void> {
    const jobs = finished.splice(0);
    if (jobs.length > 0) await boss.complete(queueName, jobs);
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
    if (jobs.length === 0) lookAgainAt = Date.now() + lookAround;
    const allowed = await allow(parts, jobs as Job[], waiting);
    await startAll([...held.splice(0), ...allowed]);
    return jobs.length > 0 && allowed.length < room && Date.now() >= lookAgainAt;
  }

  async function startAll(jobs: Job[]): Promise<void> {
    const jobOf = await oneJobForEach(jobs);
    if (jobOf.size === 0) return;
    const mails = await store.claimMails(parts.db, [...jobOf.keys()], parts.processName, parts.clock.now());
    mails.sort((a, b) => mailKinds[b.type].priority - mailKinds[a.type].priority);
    for (const mail of mails) {
      start(jobOf.get(mail.id) as Job, mail);
      jobOf.delete(mail.id);
    }
    if (jobOf.size > 0) await completeSettled(jobOf);
  }

  /** The others are held; what comes twice, because it was put back too early, is left out. */
  async function oneJobForEach(jobs: Job[]): Promise<Map<string, Job>> {
    const jobOf = new Map<string, Job>();
    const known = new Map([...underWay.values()].map(({ mailId, job }) => [mailId, job.id]));
    for (const job of jobs) {
      const mailId = await readMailId(parts, job);
      if (mailId === undefined) continue;
      const other = known.get(mailId);
      if (other === undefined) jobOf.set(mailId, job);
      else if (other !== job.id) held.push(job);
      known.set(mailId, other ?? job.id);
    }
    return jobOf;
  }

  /**
   * The job of a mail in another worker's hands stays: it may be the same job, and is all that is left of the mail's turn
   * should that worker end.
   */
  async function completeSettled(jobOf: Map<string, Job>): Promise<void> {
    const settled = await store.findSettled(parts.db, [...jobOf.keys()]);
    for (const [mailId, job] of jobOf) if (settled.has(mailId)) finished.push(job);
  }

  function start(job: Job, mail: store.ClaimedMail): void {
    underWay.set(job.id, { job, mailId: mail.id, startedAt: Date.now() });
    void inNameOf(mail.request_id, () => settle(parts, mail))
      .then(() => finished.push(job))
      // What could not be written down is tried again: its job stays as it is until its heart has stopped.
      .catch((error: unknown) => log.error({ err: error, mail: mail.id }, "what became of a mail could not be stored"))
      .finally(() => {
        underWay.delete(job.id);
        bell.ring();
      });
  }

  const heart = setInterval(() => {
    const jobs = [...underWay.values()].map(({ job }) => job);
    if (jobs.length === 0) return;
    boss.touch(queueName, jobs).catch((error: unknown) => log.warn({ err: error }, "the mail worker's heart"));
    // Some may be slow by now, and make room.
    bell.ring();
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
      while (underWay.size > 0 && Date.now() < giveUpAt) await pause(20);
      clearInterval(heart);
      await completeFinished();
    },
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
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

/** Rung from anywhere. A ring is heard until it is silenced. */
function createBell() {
  let hasRung = false;
  let wake = () => {};
  return {
    silence: () => {
      hasRung = false;
    },
    ring: () => {
      hasRung = true;
      wake();
    },
    /** Resolves when it has rung, and after so many milliseconds at the latest. */
    rung: (milliseconds: number) =>
      new Promise<void>((resolve) => {
        if (hasRung) return resolve();
        const timer = setTimeout(resolve, milliseconds);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
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
    /** Milliseconds until the first of them may go on, but no more than `most`. */
    untilNext: (most: number) => {
      const first = Math.min(...list().map((domain) => until.get(domain) ?? 0));
      return Math.max(0, Math.min(most, first - Date.now()));
    },
  };
}
