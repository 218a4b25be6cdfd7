import { CallFailed } from "@anteroom/shared/runtime/http/private-calls";
import type { Reason } from "@anteroom/shared/wire/app/errors";
import type { Transaction } from "kysely";
import { logDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase, UserRow } from "../database/tables.ts";
import { type Outcome, type Refusal, refusalOf, refuse, refuseWith } from "../outcome.ts";
import type { Decided } from "../registration/decisions.ts";
import { eventsOfDecisions } from "../security-events.ts";
import { eraseUser } from "./deletion.ts";
import { type NotMailed, sendPasswordLink } from "./password-links.ts";
import { tellAdministrators } from "./permissions.ts";
import * as store from "./store.ts";

/** What administrators do to accounts. */
export interface PersonDecision {
  userId: string;
  /** Who decides: a user id. */
  actor: string;
}

type User = UserRow;

/** Who decides may be no administrator any more, and there may be no such user. */
type NotDecided = "missing_permission" | "user_not_found";

type Removal = "last_administrator" | "own_account";

/** The account is closed until it is enabled again; its sessions end at once. */
export async function disableUser(
  context: AppContext,
  decision: PersonDecision,
): Promise<Decided<NotDecided | Removal | "invalid_transition/disabled">> {
  const result = await decide(context, decision, "disable_user", async (trx, user, administrators) => {
    const refusal = refuseRemoval(administrators, decision);
    if (refusal) return refusal;
    if (user.disabled) return refusalOf("invalid_transition/disabled");
    await store.storeDisabled(trx, user.id, true);
    return undefined;
  });
  return result.ok ? afterwards(context, result.values, "is disabled") : result;
}

export async function enableUser(
  context: AppContext,
  decision: PersonDecision,
): Promise<Decided<NotDecided | "invalid_transition/not_disabled">> {
  const result = await decide(context, decision, "enable_user", async (trx, user) => {
    if (!user.disabled) return refusalOf("invalid_transition/not_disabled");
    await store.storeDisabled(trx, user.id, false);
    return undefined;
  });
  return result.ok ? { ok: true, values: { message: `${result.values.email} can sign in again.` } } : result;
}

export async function endSessions(context: AppContext, decision: PersonDecision): Promise<Decided<NotDecided>> {
  const result = await decide(context, decision, "end_sessions", async (trx, user) => {
    await store.storeSessionsEnded(trx, user.id);
    return undefined;
  });
  return result.ok ? afterwards(context, result.values, "is signed out everywhere") : result;
}

export async function deleteUser(
  context: AppContext,
  decision: PersonDecision,
): Promise<Decided<NotDecided | Removal>> {
  const result = await decide(context, decision, "delete_user", async (trx, user, administrators) => {
    const refusal = refuseRemoval(administrators, decision);
    if (refusal) return refusal;
    await eraseUser(trx, user);
    return undefined;
  });
  return result.ok ? afterwards(context, result.values, "is deleted") : result;
}

/** Administrators neither see nor set passwords: the person is mailed a link. */
export async function sendResetLink(
  context: AppContext,
  decision: PersonDecision,
): Promise<Decided<NotDecided | NotMailed | "invalid_transition/disabled_first">> {
  const user = await store.findUser(context.db, { id: decision.userId });
  if (!user) return refuse("user_not_found");
  if (user.disabled) return refuse("invalid_transition/disabled_first");
  // Before the mail, which the auth server causes and no transaction of ours can hold together with the entry.
  const noted = await decide(context, decision, "send_reset_link", async () => undefined);
  if (!noted.ok) return noted;
  const refusal = await sendPasswordLink(context, user.email_norm);
  if (refusal) return refuseWith(refusal);
  await tellOtherAdministrators(context, decision.actor, user);
  return { ok: true, values: { message: `A link for a new password is on its way to ${user.email}.` } };
}

/** A link to somebody's account is nothing to be sent unseen (S-50). */
async function tellOtherAdministrators(context: AppContext, actor: string, about: User): Promise<void> {
  const by = await store.findUser(context.db, { id: actor });
  const values = {
    by: by ? `${by.firstname} ${by.lastname}`.trim() || by.email : actor,
    email: about.email,
    firstname: about.firstname,
    lastname: about.lastname,
  };
  await context.db
    .transaction()
    .execute((trx) => tellAdministrators(context, trx, { type: "reset_link_sent", values }, actor));
}

/** An administrator must remain, and nobody removes themselves. */
function refuseRemoval(
  administrators: readonly string[],
  { userId, actor }: PersonDecision,
): Refusal<Removal> | undefined {
  if (!administrators.includes(userId)) return undefined;
  if (administrators.length === 1) return refusalOf("last_administrator");
  return userId === actor ? refusalOf("own_account") : undefined;
}

/**
 * Carries out a decision about a user and notes it in the log, in one transaction. Administrators are locked first: of
 * two who would remove each other at the same moment, the second is no administrator any more.
 */
async function decide<R extends Reason = never>(
  context: AppContext,
  { userId, actor }: PersonDecision,
  action: keyof typeof eventsOfDecisions,
  carryOut: (
    trx: Transaction<AppDatabase>,
    user: User,
    administrators: readonly string[],
  ) => Promise<Refusal<R> | undefined>,
): Promise<Outcome<User, NotDecided | R>> {
  const result = await context.db.transaction().execute(async (trx): Promise<Outcome<User, NotDecided | R>> => {
    const now = context.clock.now();
    const administrators = await store.lockAdministrators(trx, now);
    if (!administrators.includes(actor)) return refuse("missing_permission");
    const user = await store.lockUser(trx, userId);
    if (!user) return refuse("user_not_found");
    const refusal = await carryOut(trx, user, administrators);
    if (refusal) return refuseWith(refusal);
    await logDecision(trx, { actor, action, subject: user.email_norm, userId: user.id, now });
    return { ok: true, values: user };
  });
  if (result.ok) context.events.record(eventsOfDecisions[action], { user: userId, by: actor, action });
  return result;
}

/**
 * The counters have ended the sessions already, or there is no user; but the auth server may trust its last look at the
 * user for some seconds, unless it is told.
 */
async function afterwards(context: AppContext, { id, email }: User, what: string): Promise<Decided<never>> {
  try {
    await context.authServer.revokeUserSessions(id);
    return { ok: true, values: { message: `${email} ${what}.` } };
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    context.log.warn({ err: error, user: id }, "the auth server was not told that a user's sessions have ended");
    return { ok: true, values: { message: `${email} ${what}. Open sessions may last some seconds longer.` } };
  }
}
