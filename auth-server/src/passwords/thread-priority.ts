import { readdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";

/** Of -20 to 19; each step is about a fifth less of the time of a core that others want too. */
const niceness = 10;

/**
 * Lets the thread pool, which computes the password hashes, step back behind the event loop, PostgreSQL and everything
 * else: a session is looked up while all cores are hashing as if few were. Does nothing where threads have no priority
 * of their own, which is everywhere but on Linux.
 */
export function lowerThreadPoolPriority(): void {
  try {
    for (const thread of readdirSync("/proc/self/task"))
      if (readFileSync(`/proc/self/task/${thread}/comm`, "utf8").startsWith("libuv-worker"))
        setPriority(Number(thread), niceness);
  } catch {
    // It is only about speed.
  }
}
