import { randomUUID } from "node:crypto";
import type { Clock } from "@anteroom/shared/runtime/clock";
import { currentRequest } from "@anteroom/shared/runtime/http/request-scope";
import type { Log } from "@anteroom/shared/runtime/log";
import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Kysely, Transaction } from "kysely";
import type { Credentials } from "../../credentials.ts";
import type { AppDatabase } from "../../database/tables.ts";
import type { Metrics } from "../../operations/metrics.ts";
import type { Settings } from "../../settings.ts";
import type { WorkBells } from "../../work.ts";
import { codeRow } from "../codes.ts";
import { mailKinds } from "../kinds.ts";
import type { DeliveryOutcome, DueMail, MailRequest } from "../request.ts";
import * as store from "../store.ts";
import { type CodeSeal, createCodeSeal } from "./due-mail.ts";
import { createRefusals } from "./refusals.ts";
import { tryFor } from "./schedule.ts";
import { startWorker, type Worker } from "./worker.ts";

/** Delivers a mail whose turn has come; `stored` resolves when the outcome is in the database. Throws for bugs only. */
export type PostOffice = (mail: DueMail, stored: Promise<void>) => Promise<DeliveryOutcome>;

/** The table `mails`: every mail from its cause on, what became of it, and its place in the queue (docs/decisions/027). */
export interface MailQueue {
  /** Writes the mail in the transaction of its cause: both are there after a crash, or neither. */
  enqueue(trx: Transaction<AppDatabase>, mail: MailRequest): Promise<void>;
  /** The same for any number of mails without codes, by statements that do not show how many they are. */
  enqueueAll(trx: Transaction<AppDatabase>, mails: readonly Omit<MailRequest, "code">[]): Promise<void>;
  /** Starts to work the queue off. */
  work(deliver: PostOffice): void;
  isWorking(): boolean;
  /** Resolves when no mail is due any more. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface MailQueueParts {
  settings: Settings;
  db: Kysely<AppDatabase>;
  clock: Clock;
  credentials: Credentials;
  log: Log;
  metrics: Metrics;
  processName: string;
  bells: WorkBells;
}

export function createMailQueue(parts: MailQueueParts): MailQueue {
  const { settings, db, clock } = parts;
  const codes = createCodeSeal(settings);
  let worker: Worker | undefined;
  return {
    enqueue: async (trx, request) => {
      const { mail, code } = toRow(request, parts, codes);
      await store.insertMail(trx, mail, code);
    },
    enqueueAll: (trx, requests) =>
      store.insertMails(
        trx,
        requests.map((request) => toRow(request, parts, codes).mail),
      ),
    work: (deliver) => {
      worker = startWorker({ ...parts, codes, deliver, refusals: createRefusals() });
    },
    isWorking: () => worker?.isWorking() ?? false,
    drain: async () => {
      do {
        // Workers may have clocks of their own.
        await store.makeDue(db, clock.now());
        await new Promise((resolve) => setTimeout(resolve, 20));
      } while (await store.hasUnsettled(db, clock.now()));
    },
    close: async () => worker?.stop(5_000),
  };
}

/** UUID of version 7: mails of one second keep their order in it, to the millisecond. */
function newMailId(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

function toRow(request: MailRequest, parts: MailQueueParts, codes: CodeSeal) {
  const { type, email, code, codeExpiresAt, userId, registrationId, linkId } = request;
  const id = newMailId();
  const now = parts.clock.now();
  const emailNorm = normalizeEmailAddress(email);
  const values = Object.fromEntries(
    Object.entries(request.values).map(([name, value]) => [name, value.toWellFormed()]),
  );
  const mail: store.NewMail = {
    id,
    type,
    email,
    email_norm: emailNorm,
    user_id: userId,
    registration_id: registrationId ?? null,
    link_id: linkId ?? null,
    request_id: currentRequest()?.id ?? null,
    priority: mailKinds[type].priority,
    values,
    sealed_code: code ? codes.seal({ id, type }, code) : null,
    created_at: now,
    try_until: now + tryFor,
  };
  return { mail, code: code ? codeRow(parts, { type, email: emailNorm, code, codeExpiresAt }, now) : undefined };
}
