/** Where rules take the time from. All times in Anteroom are whole unix seconds, as in Faroe's protocol. */
export interface Clock {
  now(): number;
}

/** A clock that the test commands may stop and move; without them it is the machine's. */
export interface AdjustableClock extends Clock {
  /** Stops the clock at `now` (unix seconds). */
  set(now: number): void;
  /** Moves the clock by `seconds`, whether it stands or runs. */
  advance(seconds: number): void;
  /** Back to real time. */
  release(): void;
}

export function createClock(): AdjustableClock {
  let frozenAt: number | undefined;
  let offset = 0;
  return {
    now: () => frozenAt ?? Math.floor(Date.now() / 1000) + offset,
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
  };
}
