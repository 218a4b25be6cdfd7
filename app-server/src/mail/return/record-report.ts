import type { InboundKind, InboundOutcome } from "@anteroom/shared/wire/app/mail";
import { oneLine } from "@anteroom/shared/wire/text";
import type { Transaction } from "kysely";
import type { AppContext } from "../../context.ts";
import type { AppDatabase } from "../../database/tables.ts";
import * as store from "../admin-store.ts";
import { countBounce } from "../suppression-store.ts";
import type { InboundReport } from "./delivery-report.ts";

/** Writes down what arrived for a mail, understood or not, and what it changed: all of it or nothing. */
export async function recordReport(
  context: AppContext,
  { mailId, kind, reason, isDead, excerpt }: InboundReport & { mailId: string },
): Promise<void> {
  const now = context.clock.now();
  const said = reason ? oneLine(reason) : null;
  const outcome = await context.db.transaction().execute(async (trx) => {
    const change = await applyReport(context, trx, { mailId, kind, said, isDead });
    await store.insertInbound(trx, { mailId, kind, outcome: change, reason: said, excerpt, received_at: now });
    return change;
  });
  context.metrics.countInbound(kind);
  const what = { mail: mailId, kind, outcome };
  if (outcome === "bounced") {
    context.metrics.countMail("bounced");
    context.log.warn(what, "a mail came back; it is listed among the failed ones");
  } else if (kind === "complaint") context.log.warn(what, "somebody complained about a mail");
  else context.log.info(what, "something arrived where mails come back to");
}

/** A mail comes back once. Only one to a dead address counts against it. */
async function applyReport(
  { clock, settings }: AppContext,
  trx: Transaction<AppDatabase>,
  { mailId, kind, said, isDead }: { mailId: string; kind: InboundKind; said: string | null; isDead: boolean },
): Promise<InboundOutcome> {
  const reason = said ?? "No reason was given.";
  const now = clock.now();
  if (kind === "delay") {
    const isNoted = await store.storeDelay(trx, { id: mailId, reason: oneLine(said ? `Delayed: ${said}` : "Delayed") });
    return isNoted ? "delayed" : "known";
  }
  if (kind !== "bounce") return "noted";
  const mail = await store.storeBounce(trx, { id: mailId, reason, now });
  if (!mail) return "known";
  const limit = settings.bounceLimit;
  if (isDead) await countBounce(trx, { id: mailId, email: mail.email_norm, reason, limit, now });
  return "bounced";
}
