import { type Kysely, sql } from "kysely";

/** Where rules take the time from. All times in Anteroom are whole unix seconds, as in Faroe's protocol. */
export interface Clock {
  now(): number;
}

/** A clock that the test commands may stop and move; without them it shows the database's time. */
export interface AdjustableClock extends Clock {
  /** Stops the clock at `now` (unix seconds). */
  set(now: number): void;
  /** Moves the clock by `seconds`, whether it stands or runs. */
  advance(seconds: number): void;
  /** Back to real time. */
  release(): void;
  /** Sets the real time, in unix milliseconds. */
  correct(milliseconds: number): void;
}

/**
 * Real time is what it was last corrected to, and what has passed since by a counter that nobody sets: whatever the
 * machine's own clock does, processes that follow one database agree (docs/decisions/018).
 */
export function createClock(): AdjustableClock {
  let frozenAt: number | undefined;
  let offset = 0;
  let origin = Date.now() - performance.now();
  return {
    now: () => frozenAt ?? Math.floor((origin + performance.now()) / 1000) + offset,
    set: (now) => {
      frozenAt = now;
    },
    advance: (seconds) => {
      if (frozenAt === undefined) offset += seconds;
      else frozenAt += seconds;
    },
    release: () => {
      frozenAt = undefined;
      offset = 0;
    },
    correct: (milliseconds) => {
      origin = milliseconds - performance.now();
    },
  };
}

/** How often the database is asked for the time, in ms: far more often than counters drift by a second. */
const correctedEvery = 60_000;

/** An answer that took longer, in ms, may be from anywhere on its way: the counter knows better. */
const tooSlow = 250;

/**
 * Makes a clock show the database's time, now and from then on. While the database is away or slow the clock goes on by
 * itself. Returns how to stop.
 */
export async function followDatabase<T>(
  clock: AdjustableClock,
  db: Kysely<T>,
  every = correctedEvery,
): Promise<() => void> {
  const first = await ask(db);
  clock.correct(first.now);
  const timer = setInterval(() => void correct(clock, db).catch(() => undefined), every);
  timer.unref();
  return () => clearInterval(timer);
}

async function correct<T>(clock: AdjustableClock, db: Kysely<T>): Promise<void> {
  const { now, took } = await ask(db);
  if (took <= tooSlow) clock.correct(now);
}

async function ask<T>(db: Kysely<T>): Promise<{ now: number; took: number }> {
  const asked = performance.now();
  const { rows } = await sql<{ now: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`.execute(db);
  const took = performance.now() - asked;
  // It was read somewhere between the question and the answer.
  return { now: (rows[0]?.now ?? Date.now()) + took / 2, took };
}
