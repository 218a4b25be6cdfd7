import { formatTimestamp } from "@anteroom/shared/wire/email";
import type { AppContext } from "../context.ts";
import type { WaitingPerson } from "../mail/kinds.ts";
import { listApprovers } from "../mail/opt-out/preference-store.ts";
import type { MailRequest } from "../mail/request.ts";
import * as store from "./store/queue.ts";

/** How those who decide hear of who waits: of each request in its transaction, or by a digest that the job sends. */

/** Whom a request is told to at once. */
export async function listToldOfEach({ db, clock, settings: { policy } }: AppContext): Promise<string[]> {
  return policy.notifyApprovers === "each" ? listApprovers(db, clock.now(), policy) : [];
}

interface Applicant {
  email: string;
  firstname: string;
  lastname: string;
  message?: string | undefined;
}

export function approvalRequests(
  approvers: readonly string[],
  { email, firstname, lastname, message }: Applicant,
): MailRequest[] {
  return approvers.map((approver) => ({
    type: "approval_request",
    email: approver,
    values: { email, firstname, lastname, ...(message ? { message } : {}) },
  }));
}

/** Seconds from one digest to the next while new requests come, and while somebody waits of whom all was told. */
const betweenDigests = 60 * 60;
const beforeReminder = 7 * 24 * 60 * 60;

/** Of those who wait; the others are counted. */
const shown = 20;

/**
 * The digest: who waits, longest first. It comes when somebody new does, and again while anybody has waited for a week. That
 * it was sent, of whom it told, and its mails are one transaction.
 */
export async function tellApprovers(context: AppContext): Promise<undefined> {
  const { db, clock, settings } = context;
  const now = clock.now();
  const { hasNew, since } = await store.findWaiting(db);
  const isNews = hasNew && settings.policy.notifyApprovers !== "each";
  if (since === null || (!isNews && since > now - beforeReminder)) return;
  const approvers = await listApprovers(db, now, settings.policy);
  if (approvers.length === 0) return;
  await db.transaction().execute(async (trx) => {
    const isTurn = await store.storeToldAt(trx, now, now - (isNews ? betweenDigests : beforeReminder));
    if (!isTurn) return;
    // Marked before they are read: whoever comes in between is told of twice rather than never.
    await store.markTold(trx, now);
    const { people, count } = await store.listWaiting(trx, shown);
    const digest = digestOf(people, count - people.length, isNews ? undefined : since);
    await context.mail.enqueueAll(trx, count === 0 ? [] : approvers.map((email) => ({ ...digest, email })));
  });
}

/** @param since given for a reminder: when the first of them asked */
function digestOf(people: readonly store.Waiting[], more: number, since: number | undefined) {
  const waiting = people.map(
    ({ created_at, ...person }): WaitingPerson => ({ ...person, since: inMinutes(created_at) }),
  );
  return {
    type: "approval_digest" as const,
    values: {
      waiting: JSON.stringify(waiting),
      ...(more > 0 ? { more: String(more) } : {}),
      ...(since === undefined ? {} : { waitingSince: inMinutes(since) }),
    },
  };
}

function inMinutes(time: number): string {
  return formatTimestamp(time).slice(0, -3);
}
