import { randomId } from "@anteroom/shared/runtime/crypto";
import type { AppErrorCode } from "@anteroom/shared/wire/app/errors";
import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import { findAdministrators } from "../accounts/permissions.ts";
import { hasDecided } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import { codeOf, type Outcome, type Refusal, refusalOf, refuse } from "../outcome.ts";
import { acceptRegistration, isUndecided, rejectRegistration } from "../registration/decisions.ts";
import * as store from "./batch-store.ts";

/**
 * Many decisions in one action. They are rows first, and every app server works them off a few at a time
 * (docs/decisions/011): a process that dies in the middle leaves nothing undone and nothing done twice.
 */
export interface BatchRequest {
  decision: "accept" | "reject";
  emails: readonly EmailAddress[];
  reason: string;
  actor: string;
}

/** Each acceptance opens a sign-up at the auth server. */
const atOnce = 4;

/** Of one item, before a failure that may pass counts as one that does not: about a minute. */
const mostAttempts = 6;

export async function requestBatch(context: AppContext, request: BatchRequest): Promise<string> {
  const { decision, reason, actor } = request;
  const id = randomId();
  const now = context.clock.now();
  const batch = { id, decision, reason: reason || null, actor, created_at: now };
  await store.insertBatch(context.db, batch, { emails: [...new Set(request.emails)], dueAt: now });
  return id;
}

interface HeldApproval {
  email: EmailAddress;
  /** The request that was seen. */
  registrationId: string;
  actor: string;
}

/**
 * Approves in some seconds, as a batch of one that is due then: until it is, nothing has happened that would have to be undone
 * (docs/decisions/030). What cannot be approved any more, or is not to be held back, is answered at once.
 */
export async function approveAfterHold(context: AppContext, { email, registrationId, actor }: HeldApproval) {
  const hold = context.settings.policy.approvalHold;
  if (hold === 0 || !(await isUndecided(context, email))) {
    const accepted = await acceptRegistration(context, email, actor, registrationId);
    return accepted.ok ? ({ ok: true, values: { success: true, batch_id: null, hold: 0 } } as const) : accepted;
  }
  const held = await context.db
    .transaction()
    .execute((trx) => holdOnce(trx, context, { email, registrationId, actor }));
  return { ok: true, values: { success: true, batch_id: held.id, hold: held.hold } } as const;
}

/** Whose answer was lost and who asks again is told of the same approval, so that undoing it undoes all. */
async function holdOnce(
  trx: Transaction<AppDatabase>,
  { clock, settings }: AppContext,
  { email, registrationId, actor }: HeldApproval,
): Promise<{ id: string; hold: number }> {
  const now = clock.now();
  const before = await store.findHeld(trx, { registrationId, actor, now });
  if (before) return before;
  const [id, hold] = [randomId(), settings.policy.approvalHold];
  const batch = { id, decision: "accept", reason: null, actor, created_at: now } as const;
  await store.insertBatch(trx, batch, { emails: [email], registrationId, dueAt: now + hold });
  return { id, hold };
}

/** Takes back what of a batch nobody has begun with; by whoever asked for it. */
export async function undoBatch(
  { db }: AppContext,
  batch: { id: string; actor: string },
): Promise<Outcome<{ success: true; undone: number }, "batch_not_found" | "invalid_transition/made">> {
  const undone = await db.transaction().execute((trx) => store.undoBatch(trx, batch));
  if (undone === undefined) return refuse("batch_not_found");
  return undone === 0 ? refuse("invalid_transition/made") : { ok: true, values: { success: true, undone } };
}

/** How many are taken from the database in one go. */
const takenTogether = 16;

/** Milliseconds between two looks at the items of others, at least. */
const watch = 500;

/**
 * Makes the next decisions. Returns after how many milliseconds to go on, while there are some to make. What is taken and not
 * begun when this process stops is free for others as soon as it has ended.
 */
export async function workBatches(context: AppContext, isStopping: () => boolean): Promise<number | undefined> {
  const { db, clock, processName } = context;
  const items = await store.claimItems(db, { processName, now: clock.now(), limit: takenTogether });
  const administrators = items.length > 0 ? await findAdministrators(context) : [];
  const next = items.values();
  const work = async () => {
    for (const item of next) {
      if (isStopping()) return;
      const isAllowed = administrators.includes(item.actor);
      await store.settleItem(db, item, isAllowed ? await decide(context, item) : failed("missing_permission"));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await store.finishBatches(db, clock.now());
  if (items.length > 0) return 0;
  const due = await store.findNextDue(db);
  return due === null ? undefined : Math.max(watch, (due - clock.now()) * 1_000);
}

async function decide(context: AppContext, item: store.ClaimedItem): Promise<store.ItemOutcome> {
  const { decision, actor, email, reason, askedAt } = item;
  try {
    // The process that tried before may have died after the decision, and who was approved may be a user by now.
    const before = { actor, action: decision, subject: email, since: askedAt };
    if (item.attempts > 1 && (await hasDecided(context.db, before))) return { state: "done" };
    const result =
      decision === "accept"
        ? await acceptRegistration(context, email, actor, item.registrationId ?? undefined)
        : await rejectRegistration(context, { email, reason: reason ?? "", actor });
    return result.ok ? { state: "done" } : afterRefusal(context, item, result.refusal);
  } catch (error) {
    context.log.error({ err: error, batch: item.batchId }, "a decision of a batch failed");
    return afterRefusal(context, item, refusalOf("internal_error"));
  }
}

function afterRefusal({ clock }: AppContext, { attempts }: store.ClaimedItem, refusal: Refusal): store.ItemOutcome {
  const { members = {} } = refusal;
  const code = codeOf(refusal);
  const mayPass =
    code === "internal_error" ||
    code === "signup_outcome_unknown" ||
    code === "registration_changed" ||
    (code === "signup_failed" && ["internal_error", "internal_conflict"].includes(String(members.error_code)));
  if (mayPass && attempts < mostAttempts) return { state: "waiting", dueAt: clock.now() + 2 ** attempts };
  return failed(code, members);
}

function failed(error: AppErrorCode, { decided_by_name, decided_at }: Record<string, unknown> = {}) {
  return {
    state: "failed",
    error,
    decidedByName: typeof decided_by_name === "string" ? decided_by_name : null,
    decidedAt: typeof decided_at === "number" ? decided_at : null,
  } as const;
}
