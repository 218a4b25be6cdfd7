import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = ReturnType<typeof createMetrics>;

/** What `GET /metrics` shows. Children are kept, because finding them by label costs as much as counting. */
export function createMetrics(waitingHashes: () => number) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const count = new Counter({
    name: "auth_invocations_total",
    help: "Action invocations by action and outcome (ok or the error code).",
    labelNames: ["action", "outcome"],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: "auth_invocation_seconds",
    help: "How long invocations took.",
    labelNames: ["action"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  new Gauge({
    name: "auth_waiting_password_hashes",
    help: "Passwords that wait for their turn to be hashed.",
    registers: [registry],
    collect() {
      this.set(waitingHashes());
    },
  });
  const counts = new Map<string, ReturnType<typeof count.labels>>();
  const times = new Map<string, ReturnType<typeof seconds.labels>>();

  return {
    observeInvocation: (action: string, outcome: string, duration: number) => {
      childOf(counts, `${action} ${outcome}`, () => count.labels(action, outcome)).inc();
      childOf(times, action, () => seconds.labels(action)).observe(duration);
    },
    contentType: registry.contentType,
    render: () => registry.metrics(),
    clear: () => registry.clear(),
  };
}

function childOf<T>(children: Map<string, T>, key: string, create: () => T): T {
  let child = children.get(key);
  if (child === undefined) {
    child = create();
    children.set(key, child);
  }
  return child;
}
