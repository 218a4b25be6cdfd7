import { Client } from "undici";
import { quantile } from "./statistics.ts";

export interface Request {
  method: "GET" | "POST";
  path: string;
  headers?: Record<string, string>;
  body?: string;
}

export interface Load {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  requests: number;
  /** Answers other than 200 with `"ok":true`. */
  failures: number;
}

/**
 * So many connections, each with one request under way at any time. undici's dispatch rather than its request: a third
 * of the CPU, which the measured programs would miss on a small machine.
 */
export async function runLoad(
  origin: string,
  options: { connections: number; seconds: number; next: () => Request },
): Promise<Load> {
  const clients = Array.from({ length: options.connections }, () => new Client(origin));
  const latencies: number[] = [];
  let failures = 0;
  const start = performance.now();
  const until = start + options.seconds * 1000;
  const record = (milliseconds: number, isRight: boolean) => {
    latencies.push(milliseconds);
    if (!isRight) failures++;
  };
  await Promise.all(clients.map((client) => drive(client, options.next, until, record)));
  const seconds = (performance.now() - start) / 1000;
  await Promise.all(clients.map((client) => client.close()));
  return {
    perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    requests: latencies.length,
    failures,
  };
}

function drive(
  client: Client,
  next: () => Request,
  until: number,
  record: (milliseconds: number, isRight: boolean) => void,
): Promise<void> {
  return new Promise((resolve) => {
    const send = () => {
      const start = performance.now();
      if (start >= until) return resolve();
      let isRight = false;
      let status = 0;
      const end = () => {
        record(performance.now() - start, isRight && status === 200);
        send();
      };
      client.dispatch(next(), {
        onRequestStart: () => undefined,
        onResponseStart: (_, code) => {
          status = code;
        },
        onResponseData: (_, chunk) => {
          isRight ||= chunk.includes('"ok":true');
        },
        onResponseEnd: end,
        onResponseError: () => setImmediate(end),
      });
    };
    send();
  });
}
