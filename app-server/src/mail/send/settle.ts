import { isOutage } from "@anteroom/shared/runtime/database/errors";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import { oneLine } from "@anteroom/shared/wire/text";
import { codeTypes } from "../kinds.ts";
import type { DeliveryOutcome } from "../request.ts";
import * as store from "../store.ts";
import { countBounce, takeRefusalsBack } from "../suppression-store.ts";
import { type CodeSeal, toDueMail } from "./due-mail.ts";
import { returnAllowance } from "./pace-store.ts";
import type { MailQueueParts, PostOffice } from "./queue.ts";
import type { Refusals } from "./refusals.ts";
import { nextTry } from "./schedule.ts";

export interface SettleParts extends MailQueueParts {
  codes: CodeSeal;
  deliver: PostOffice;
  refusals: Refusals;
}

/** Delivers one mail and writes down what became of it. */
export async function settle(parts: SettleParts, row: store.ClaimedMail): Promise<void> {
  const stored = Promise.withResolvers<void>();
  try {
    const outcome = await weigh(parts, row, await attempt(parts, row, stored.promise));
    await untilDone(() => writeDown(parts, row, outcome));
  } finally {
    stored.resolve();
  }
}

/** Milliseconds after which what became of a mail is written down again, should the database be away. */
const writeAgainAfter = 500;

/** The relay may have taken the mail: whoever forgot that because the database is away would send it twice. */
async function untilDone(write: () => Promise<void>): Promise<void> {
  for (;;)
    try {
      return await write();
    } catch (error) {
      if (!isOutage(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, writeAgainAfter));
    }
}

/** What is given for a dead address counts only from a relay that takes other mails. */
async function weigh(parts: SettleParts, row: store.ClaimedMail, outcome: DeliveryOutcome): Promise<DeliveryOutcome> {
  const { refusals, clock, db, log } = parts;
  if (outcome.status === "accepted") refusals.accepted();
  if (outcome.status === "deferred" && outcome.advice && refusals.isNews(outcome.advice, clock.now()))
    log.warn({ mail: row.id, advice: outcome.advice }, "the relay does not take mails; they are tried again");
  if (outcome.status !== "failed" || !isTried(row)) return outcome;
  const refusal = { id: row.id, email: row.email_norm, reason: outcome.reason };
  const mails = refusals.add(refusal, clock.now());
  if (mails.length === 0) return outcome;
  const reopened = await takeRefusalsBack(db, mails, clock.now());
  const advice = "Several addresses were refused in the same words, one after the other: look at the relay.";
  if (refusals.isNews(advice, clock.now()))
    log.warn({ mails, reopened, advice }, "the relay seems to refuse everybody");
  return { status: "deferred", reason: outcome.reason };
}

/** Codes that people ask for go to every address; a mailbox may have come back to life. */
function isTried({ suppressed_because, type }: store.ClaimedMail): boolean {
  return suppressed_because === null || codeTypes.includes(type);
}

async function writeDown(parts: SettleParts, row: store.ClaimedMail, outcome: DeliveryOutcome): Promise<void> {
  const now = parts.clock.now();
  const nextTryAt = outcome.status === "deferred" ? nextTry(row.attempts, row.try_until, now) : null;
  const settlement = {
    id: row.id,
    processName: parts.processName,
    status: outcome.status === "deferred" && nextTryAt === null ? "failed" : outcome.status,
    reason: oneLine(outcome.status === "accepted" ? outcome.reply : outcome.reason),
    nextTryAt,
    now,
  } as const;
  if (outcome.status === "deferred" && outcome.concerns === "relay")
    await returnAllowance(parts.db, parts.settings, row.domain);
  // A dead address counts like one whose mails come back; one that is suppressed was not asked.
  const isRefusal = outcome.status === "failed" && isTried(row);
  const isStored = await (isRefusal
    ? storeRefusal(parts, row.email_norm, settlement)
    : store.settleMail(parts.db, settlement));
  if (isStored) return report(parts, row, settlement);
  const { status } = settlement;
  parts.log.warn(
    { mail: row.id, type: row.type, status },
    "what became of a mail is not kept: it is no longer this process's to settle",
  );
}

/** Both or neither: a mail that is settled is looked at by nobody again, so its refusal would never be counted. */
function storeRefusal(
  { db, settings }: SettleParts,
  email: EmailAddress,
  settlement: store.Settlement,
): Promise<boolean> {
  const { id, reason, now } = settlement;
  return db.transaction().execute(async (trx) => {
    if (!(await store.settleMail(trx, settlement))) return false;
    await countBounce(trx, { id, email, reason, limit: settings.bounceLimit, now });
    return true;
  });
}

async function attempt(parts: SettleParts, row: store.ClaimedMail, stored: Promise<void>): Promise<DeliveryOutcome> {
  if (!isTried(row))
    return { status: "failed", reason: `Nothing is sent to this address any more: ${row.suppressed_because}` };
  try {
    return await parts.deliver(toDueMail(row, parts.settings, parts.codes), stored);
  } catch (error) {
    parts.log.error({ err: error, mail: row.id, type: row.type }, "a mail could not be made; it will be tried again");
    return { status: "deferred", reason: "Something is wrong on our side; see the log." };
  }
}

/** Without addresses, as everything in the log; a relay's words may hold one, so they are in the table only. */
function report({ log, metrics }: SettleParts, row: store.ClaimedMail, settlement: store.Settlement): void {
  const { status, nextTryAt } = settlement;
  const what = { mail: row.id, type: row.type, tries: row.attempts + 1 };
  metrics.countMail(status);
  if (status === "failed") log.warn(what, "a mail was given up; it is listed among the failed ones");
  else if (status === "deferred") log.warn({ ...what, next_try_at: nextTryAt }, "a mail was deferred");
  else log.debug(what, "a mail was accepted");
}
