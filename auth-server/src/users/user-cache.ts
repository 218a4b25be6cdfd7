import type { Clock } from "@anteroom/shared/runtime/clock";
import type { User } from "@anteroom/shared/wire/user-server";
import type { UserStore } from "./user-store.ts";

type Answer = Promise<User | undefined>;

interface Look {
  answer: Answer;
  /** Unix seconds. */
  at: number;
  /** Milliseconds of real time, which goes on when a test stops the clock. */
  realAt: number;
}

export type UserCache = ReturnType<typeof createUserCache>;

/**
 * What users looked like when last seen. `look` always asks; `recall` may trust what was seen within `interval`
 * seconds, and callers at once share one question.
 */
export function createUserCache(users: UserStore, clock: Clock, interval: number, capacity: number) {
  const looks = new Map<string, Look>();

  function look(userId: string): Answer {
    const answer = users.getUser(userId);
    remember(userId, answer);
    return answer;
  }

  function remember(userId: string, answer: Answer): void {
    if (interval === 0) return;
    const entry = { answer, at: clock.now(), realAt: performance.now() };
    // Deleting first moves the user to the end of the map, so that the first is the one longest unseen.
    looks.delete(userId);
    looks.set(userId, entry);
    if (looks.size > capacity) looks.delete(looks.keys().next().value as string);
    answer.catch(() => looks.get(userId) === entry && looks.delete(userId));
  }

  function recall(userId: string): Answer {
    const entry = looks.get(userId);
    return entry && isFresh(entry) ? entry.answer : look(userId);
  }

  function isFresh({ at, realAt }: Look): boolean {
    const age = clock.now() - at;
    return age >= 0 && age < interval && performance.now() - realAt < interval * 1000;
  }

  return {
    look,
    recall,
    /** What was seen of a user, or of nobody, by another question than `look`'s. */
    remember: (userId: string, user: User | undefined) => remember(userId, Promise.resolve(user)),
    forget: (userId: string) => void looks.delete(userId),
    clear: () => looks.clear(),
  };
}
