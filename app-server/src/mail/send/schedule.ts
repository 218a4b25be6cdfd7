const minute = 60;
const hour = 60 * minute;

/** Seconds from a try to the next: after the first, the second, the third, and every later one. */
const pauses = [1 * minute, 5 * minute, 30 * minute, 2 * hour] as const;

/** Seconds after which a mail that no relay has taken is given up. */
export const tryFor = 72 * hour;

/**
 * When a mail that was deferred now is tried again; null when its time is over. The last try is at the very end of it.
 *
 * @param tries how many there were, without the one that has just been made
 */
export function nextTry(tries: number, tryUntil: number, now: number): number | null {
  if (now >= tryUntil) return null;
  return Math.min(tryUntil, now + (pauses[tries] ?? pauses[3]));
}
