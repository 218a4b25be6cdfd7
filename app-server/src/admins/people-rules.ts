import { CallFailed } from "@anteroom/shared/runtime/private-calls";
import type { DecisionAction } from "@anteroom/shared/wire/app";
import type { Selectable, Transaction } from "kysely";
import { eraseUser } from "../accounts/deletion.ts";
import { sendPasswordLink } from "../accounts/password-links.ts";
import { findUser, listAdministratorAddresses, lockAdministrators, lockUser } from "../accounts/store.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase, UserTable } from "../database.ts";
import { type Problem, problem } from "../problems.ts";
import type { Decision } from "../registration/decisions.ts";
import { eventsOfDecisions } from "../security-events.ts";
import { logDecision } from "./log-store.ts";
import * as store from "./people-store.ts";

/** What administrators do to accounts. */
export interface PersonDecision {
  userId: string;
  /** Who decides: a user id. */
  actor: string;
}

type User = Selectable<UserTable>;
type Done = Decision<{ message: string }>;

const userNotFound = problem(404, "user_not_found", "There is no user with this id.");
const ownAccount = problem(409, "own_account", "This is your own account. Another administrator can do this.");
const lastAdministrator = problem(
  409,
  "last_administrator",
  "This is the last administrator. Make somebody else one first.",
);
const noLongerAdministrator = problem(403, "missing_permission", "Missing permissions: admin");

/** The account is closed until it is enabled again; its sessions end at once. */
export async function disableUser(context: AppContext, decision: PersonDecision): Promise<Done> {
  const result = await decide(context, decision, "disable_user", async (trx, user) => {
    if (user.disabled) return problem(409, "invalid_transition", "This account is disabled already.");
    await store.storeDisabled(trx, user.id, true);
    return undefined;
  });
  return result.ok ? afterwards(context, result.values, "is disabled") : result;
}

export async function enableUser(context: AppContext, decision: PersonDecision): Promise<Done> {
  const result = await decide(context, decision, "enable_user", async (trx, user) => {
    if (!user.disabled) return problem(409, "invalid_transition", "This account is not disabled.");
    await store.storeDisabled(trx, user.id, false);
    return undefined;
  });
  return result.ok ? { ok: true, values: { message: `${result.values.email} can sign in again.` } } : result;
}

export async function endSessions(context: AppContext, decision: PersonDecision): Promise<Done> {
  const result = await decide(context, decision, "end_sessions", async (trx, user) => {
    await store.storeSessionsEnded(trx, user.id);
    return undefined;
  });
  return result.ok ? afterwards(context, result.values, "is signed out everywhere") : result;
}

export async function deleteUser(context: AppContext, decision: PersonDecision): Promise<Done> {
  const result = await decide(context, decision, "delete_user", async (trx, user) => {
    await eraseUser(trx, user);
    return undefined;
  });
  return result.ok ? afterwards(context, result.values, "is deleted") : result;
}

/** Administrators neither see nor set passwords: the person is mailed a link. */
export async function sendResetLink(context: AppContext, decision: PersonDecision): Promise<Done> {
  const user = await findUser(context.db, { id: decision.userId });
  if (!user) return refuse(userNotFound);
  if (user.disabled) return refuse(problem(409, "invalid_transition", "This account is disabled. Enable it first."));
  // Before the mail, which the auth server causes and no transaction of ours can hold together with the entry.
  const noted = await decide(context, decision, "send_reset_link", async () => undefined);
  if (!noted.ok) return noted;
  const refusal = await sendPasswordLink(context, user.email_norm);
  if (refusal) return refuse(refusal);
  await tellOtherAdministrators(context, decision.actor, user);
  return { ok: true, values: { message: `A link for a new password is on its way to ${user.email}.` } };
}

/** A link to somebody's account is nothing to be sent unseen (S-50). */
async function tellOtherAdministrators(
  { db, clock, mail }: AppContext,
  actor: string,
  { email, firstname, lastname }: User,
): Promise<void> {
  const administrators = await listAdministratorAddresses(db, clock.now());
  const by = administrators.find(({ id }) => id === actor);
  const values = { by: by ? `${by.firstname} ${by.lastname}`.trim() || by.email : actor, email, firstname, lastname };
  await db.transaction().execute(async (trx) => {
    for (const other of administrators)
      if (other.id !== actor)
        await mail.enqueue(trx, { type: "reset_link_sent", email: other.email, userId: other.id, values });
  });
}

/** Those of which an administrator must remain, and which nobody does to themselves. */
const removals: readonly DecisionAction[] = ["disable_user", "delete_user"];

/**
 * Carries out a decision about a user and notes it in the log, in one transaction. Administrators are locked first: of
 * two who would remove each other at the same moment, the second is no administrator any more.
 */
async function decide(
  context: AppContext,
  { userId, actor }: PersonDecision,
  action: keyof typeof eventsOfDecisions,
  carryOut: (trx: Transaction<AppDatabase>, user: User) => Promise<Problem | undefined>,
): Promise<Decision<User>> {
  const result = await context.db.transaction().execute(async (trx): Promise<Decision<User>> => {
    const now = context.clock.now();
    const administrators = await lockAdministrators(trx, now);
    if (!administrators.includes(actor)) return refuse(noLongerAdministrator);
    const user = await lockUser(trx, userId);
    if (!user) return refuse(userNotFound);
    if (removals.includes(action) && administrators.includes(userId)) {
      if (administrators.length === 1) return refuse(lastAdministrator);
      if (userId === actor) return refuse(ownAccount);
    }
    const refusal = await carryOut(trx, user);
    if (refusal) return refuse(refusal);
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
async function afterwards(context: AppContext, { id, email }: User, what: string): Promise<Done> {
  try {
    await context.authServer.revokeUserSessions(id);
    return { ok: true, values: { message: `${email} ${what}.` } };
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    context.log.warn({ err: error, user: id }, "the auth server was not told that a user's sessions have ended");
    return { ok: true, values: { message: `${email} ${what}. Open sessions may last some seconds longer.` } };
  }
}

function refuse<T>(reason: Problem): Decision<T> {
  return { ok: false, problem: reason };
}
