import { type Kysely, sql } from "kysely";
import type { AppDatabase } from "./database/tables.ts";

/**
 * Tables tell by themselves when something in them is to be done: their triggers notify this channel, with the name of the
 * work, when the transaction commits (migrations/015).
 */
export const workChannel = "anteroom_work";

/** Of requests nobody tells: notifying would make the answer to a new one slower than to others. */
const everyWork = ["mails", "openings", "batches", "owed links", "requests"] as const;

export type Work = (typeof everyWork)[number];

export interface WorkBells {
  /** `ring` is called whenever there may be some of this work. */
  on(work: Work, ring: () => void): void;
  /** To be given what arrives on the channel. */
  ring(work: string): void;
  /** What was told while nobody could listen is lost: everybody looks. */
  ringAll(): void;
}

export function createWorkBells(): WorkBells {
  const listeners: { work: Work; ring: () => void }[] = [];
  const ringFor = (isMeant: (work: Work) => boolean) => {
    for (const { work, ring } of listeners) if (isMeant(work)) ring();
  };
  return {
    on: (work, ring) => void listeners.push({ work, ring }),
    ring: (told) => ringFor((work) => work === told),
    ringAll: () => ringFor(() => true),
  };
}

/** Lets every process look at everything, as when the clock was moved. */
export async function tellOfAllWork(db: Kysely<AppDatabase>): Promise<void> {
  await sql`select pg_notify(${workChannel}, work) from unnest(${[...everyWork]}::text[]) as work`.execute(db);
}
/** Rung from anywhere. A ring is heard until it is silenced. */
export function createBell() {
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
