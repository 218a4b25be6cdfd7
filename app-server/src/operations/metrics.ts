import type { Clock } from "@anteroom/shared/runtime/clock";
import { type InboundKind, inboundKinds, type MailStatus } from "@anteroom/shared/wire/app/mail";
import type { Kysely } from "kysely";
import type { Registry } from "prom-client";
import type { AppDatabase } from "../database/tables.ts";
import { countGivenUp } from "../mail/admin-store.ts";
import * as mails from "../mail/store.ts";

type Outcome = Exclude<MailStatus, "queued">;

export interface Metrics {
  /** What a try to deliver a mail came to, or that one came back. */
  countMail(outcome: Outcome): void;
  /** Something arrived at a return path. */
  countInbound(kind: InboundKind): void;
  /** What `GET /metrics` shows. */
  render(): Promise<{ text: string; contentType: string }>;
}

/**
 * The state of the queue is read from the database when it is asked for; outcomes are those of this process. What
 * writes it all down is loaded by the first who asks.
 */
export function createMetrics(db: Kysely<AppDatabase>, clock: Clock): Metrics {
  const outcomes: Record<Outcome, number> = { accepted: 0, deferred: 0, failed: 0, bounced: 0 };
  const inbound = Object.fromEntries(inboundKinds.map((kind) => [kind, 0])) as Record<InboundKind, number>;
  let registry: Promise<Registry> | undefined;
  return {
    countMail: (outcome) => void outcomes[outcome]++,
    countInbound: (kind) => void inbound[kind]++,
    render: async () => {
      registry ??= createRegistry(db, clock, { outcomes, inbound });
      const loaded = await registry;
      return { text: await loaded.metrics(), contentType: loaded.contentType };
    },
  };
}

interface Counts {
  outcomes: Record<Outcome, number>;
  inbound: Record<InboundKind, number>;
}

async function createRegistry(db: Kysely<AppDatabase>, clock: Clock, { outcomes, inbound }: Counts) {
  const { Counter, collectDefaultMetrics, Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = (name: string, help: string, label: string, counts: Record<string, number>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset();
        for (const [value, count] of Object.entries(counts)) this.inc({ [label]: value }, count);
      },
    });
  counter(
    "anteroom_mail_outcomes_total",
    "What tries to deliver a mail came to in this process, and mails that came back.",
    "outcome",
    outcomes,
  );
  counter("anteroom_mail_inbound_total", "What arrived where mails come back to, in this process.", "kind", inbound);
  const gauge = (name: string, help: string, read: () => Promise<number>) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read());
      },
    });
  gauge("anteroom_mails_due", "Mails that are due or under way.", () => mails.countDue(db, clock.now()));
  gauge("anteroom_mail_oldest_due_seconds", "How long the oldest of them has been due.", async () => {
    const since = await mails.findOldestDue(db, clock.now());
    return since === null ? 0 : Math.max(0, clock.now() - since);
  });
  gauge("anteroom_mails_given_up", "Mails that failed or came back and were not sent again.", () => countGivenUp(db));
  return registry;
}
