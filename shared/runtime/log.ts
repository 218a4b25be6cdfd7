import { pino } from "pino";
import { currentRequest } from "./http/request-scope.ts";

export type Log = pino.Logger;

/**
 * JSON lines on stdout, written before the call returns, so that a killed process loses none.
 * Lines of one request carry its id, in both servers. Callers pass ids, codes of outcomes and durations; never a token, code, password or mailed link, at any level.
 */
export function createLog(server: string, level: string): Log {
  const options = {
    level,
    base: { server },
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: "message",
    mixin: () => {
      const request = currentRequest();
      return request === undefined ? {} : { request_id: request.id };
    },
  };
  // pino's own choice would write later, on the threads that hash passwords, and hang at exit when nobody reads any more.
  return pino(options, pino.destination({ dest: 1, sync: true }));
}
