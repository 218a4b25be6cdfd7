import { pino } from "pino";

export type Log = pino.Logger;

/**
 * JSON lines on stdout, written before the call returns, so that a killed process loses none.
 * Callers pass ids, codes of outcomes and durations; never a token, code, password or mailed link, at any level.
 */
export function createLog(server: string, level: string): Log {
  return pino({ level, base: { server }, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "message" });
}
