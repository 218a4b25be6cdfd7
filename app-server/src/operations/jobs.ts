import { sendOwedLinks } from "../accounts/owed-links.ts";
import { workBatches } from "../administration/batches.ts";
import type { AppContext } from "../context.ts";
import { tellApprovers } from "../registration/approvers.ts";
import { recoverOpenings } from "../registration/opening.ts";
import { createBell, type Work, type WorkBells } from "../work.ts";
import { leaveJob, takeJob } from "./job-store.ts";
import { purge } from "./purge.ts";

/** What must happen without anybody asking. One process of several does a job at a time. */
export interface Job {
  name: string;
  /** Milliseconds from one run to the next, if nobody tells of work and the run itself asks for none sooner. */
  every: number;
  /** Whose bell it hears, and how many milliseconds later it looks: whoever rang is at work already, and is to finish first. */
  work?: Work;
  delay?: number;
  /** Each process does its part at the same time: what it takes is marked in the rows. */
  isShared?: true;
  /** Returns the milliseconds to the next run, where it leaves something to do. Logs nothing if there was nothing. */
  run(context: AppContext, isStopping: () => boolean): Promise<number | undefined>;
}

/** Notifications may be lost with the connection they were to come by. */
const sweep = 60_000;

export const jobs: readonly Job[] = [
  { name: "recovery", work: "openings", delay: 1_000, every: sweep, run: recoverOpenings },
  { name: "batches of decisions", work: "batches", isShared: true, every: sweep, run: workBatches },
  { name: "links that are owed", work: "owed links", every: sweep, run: sendOwedLinks },
  { name: "digests of requests", work: "requests", every: sweep, run: tellApprovers },
  { name: "purge", every: 60_000, run: async (context) => void (await purge(context)) },
];

/** Milliseconds after which a job is looked at again that failed, or that another process does and may die of. */
const soon = 1_000;

/** Returns the function that stops all jobs and waits for what is under way. */
export function startJobs(context: AppContext, bells: WorkBells): () => Promise<void> {
  const stops = jobs.map((job) => repeat(context, bells, job));
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}

/** One run after the other, never two at once. */
function repeat(context: AppContext, bells: WorkBells, job: Job): () => Promise<void> {
  const bell = createBell();
  let isStopping = false;
  const run = async () => {
    while (!isStopping) {
      bell.silence();
      const pause = await doOnce(context, job, () => isStopping);
      if (!isStopping) await bell.rung(pause);
    }
  };
  if (job.work) bells.on(job.work, after(job.delay ?? 0, bell.ring));
  const running = run();
  return () => {
    isStopping = true;
    bell.ring();
    return running;
  };
}

/** Rings so many milliseconds after the first time it is told, and once for all that it is told until then. */
function after(milliseconds: number, ring: () => void): () => void {
  if (milliseconds === 0) return ring;
  let isToRing = false;
  return () => {
    if (isToRing) return;
    isToRing = true;
    setTimeout(() => {
      isToRing = false;
      ring();
    }, milliseconds).unref();
  };
}

/** A failing run is logged, and the next one comes all the same. Returns the milliseconds until then. */
async function doOnce(context: AppContext, job: Job, isStopping: () => boolean): Promise<number> {
  const { db, log, processName } = context;
  const holder = { name: job.name, processName };
  try {
    if (job.isShared) return (await job.run(context, isStopping)) ?? job.every;
    if (!(await takeJob(db, holder))) return soon;
    try {
      return (await job.run(context, isStopping)) ?? job.every;
    } finally {
      await leaveJob(db, holder);
    }
  } catch (error) {
    log.error({ err: error }, `${job.name} failed; it runs again soon`);
    return soon;
  }
}
