import { pino } from "pino";

export type Log = pino.Logger;

/**
 * JSON lines on stdout, written before the call returns, so that a killed process loses none.
 * Callers pass ids, codes of outcomes and durations; never a token, code, password or mailed link, at any level.
 */
export function createLog(server: string, level: string): Log {
  const options = { level, base: { server }, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "message" };
  // pino's own choice would write later, on the threads that hash passwords, and hang at exit when nobody reads any more.
  return pino(options, pino.destination({ dest: 1, sync: true }));
}
