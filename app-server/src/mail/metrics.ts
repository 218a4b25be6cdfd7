import type { Clock } from "@anteroom/shared/runtime/clock";
import type { Kysely } from "kysely";
import { Counter, Gauge, type Registry } from "prom-client";
import type { AppDatabase } from "../database.ts";
import * as store from "./store.ts";
import type { MailStatus } from "./types.ts";

export interface MailMetrics {
  /** What a try came to, or that a mail came back. */
  count(outcome: Exclude<MailStatus, "queued">): void;
}

/** The state of the queue is read from the database when it is asked for; outcomes are those of this process. */
export function createMailMetrics(registry: Registry, db: Kysely<AppDatabase>, clock: Clock): MailMetrics {
  const outcomes = new Counter({
    name: "anteroom_mail_outcomes_total",
    help: "What tries to deliver a mail came to in this process, and mails that came back.",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const gauge = (name: string, help: string, read: () => Promise<number>) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read());
      },
    });
  gauge("anteroom_mails_due", "Mails that are due or under way.", () => store.countDue(db));
  gauge("anteroom_mail_oldest_due_seconds", "How long the oldest of them has been due.", async () => {
    const since = await store.findOldestDue(db);
    return since === null ? 0 : Math.max(0, clock.now() - since);
  });
  gauge("anteroom_mails_given_up", "Mails that failed or came back and were not sent again.", () =>
    store.countGivenUp(db),
  );
  for (const outcome of ["accepted", "deferred", "failed", "bounced"]) outcomes.inc({ outcome }, 0);
  return { count: (outcome) => outcomes.inc({ outcome }) };
}
