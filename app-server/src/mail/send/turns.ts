import { Readable } from "node:stream";
import type { DeliveryOutcome } from "../request.ts";

/** What a turn came to, and what that means for those who wait behind it. */
export interface Turn {
  outcome: DeliveryOutcome;
  forAll?: DeliveryOutcome;
}

/** Milliseconds after which a mail that is still under way lets another one begin. */
const slowAfter = 3_000;

/**
 * So many mails at once, slow ones not counted. When it turns out that the relay takes nothing from anybody, those who
 * were waiting meanwhile share that answer: else each would wait for a dead relay in vain, one after the other.
 */
export function createTurns(atOnce: number) {
  const waiting: ((forAll?: DeliveryOutcome) => void)[] = [];
  let free = atOnce;

  const release = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };

  return async (run: () => Promise<Turn>): Promise<DeliveryOutcome> => {
    if (free > 0) {
      free--;
    } else {
      const settled = await new Promise<DeliveryOutcome | undefined>((resolve) => waiting.push(resolve));
      if (settled) return settled;
    }
    let isHeld = true;
    const giveBack = () => {
      if (isHeld) release();
      isHeld = false;
    };
    const timer = setTimeout(giveBack, slowAfter);
    try {
      const { outcome, forAll } = await run();
      if (forAll) for (const resolve of waiting.splice(0)) resolve(forAll);
      return outcome;
    } finally {
      clearTimeout(timer);
      giveBack();
    }
  };
}

/** Milliseconds a mail may hold up the others at its last step. */
const patience = 250;

export type LastStep = () => Promise<unknown>;

/**
 * Between the end of a mail's content, with which the relay takes it, and the note of that in our database a crash makes
 * the mail be sent again. Mails pass through there one by one, so that a crash repeats one at most. A relay that takes
 * its time at this step does not hold everybody up: after a moment the next mail goes on.
 */
export function createLastSteps() {
  let last: Promise<unknown> = Promise.resolve();
  /** `settled`: the mail's outcome has been stored. The step resolves when no other mail is at it. */
  return (settled: Promise<unknown>): LastStep =>
    () => {
      const before = last;
      last = before.then(() =>
        Promise.race([settled, new Promise((resolve) => setTimeout(resolve, patience).unref())]),
      );
      return before;
    };
}

/**
 * The same content, whose end comes when the last step may be taken. Reads nothing before it is read itself, of which
 * `begin` is told.
 */
export function holdEnd(content: Readable, begin: () => void, step: LastStep): Readable {
  async function* pass() {
    begin();
    yield* content;
    await step();
  }
  return Readable.from(pass(), { objectMode: false });
}
