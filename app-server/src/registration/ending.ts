import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Transaction } from "kysely";
import { logDecision, type NewDecision } from "../audit/log-store.ts";
import type { AppContext } from "../context.ts";
import type { AppDatabase } from "../database/tables.ts";
import * as store from "./store/endings.ts";

/** How registrations end that become no account of their own. */

export interface Withdrawal {
  registrationId: string;
  ending: store.Ending;
  /** Whose decision it was, if not the applicant's. */
  decision?: Omit<NewDecision, "now">;
}

/**
 * → WITHDRAWN, and the sign-up at the auth server ends. The next request for the address, if there is one, waits in its
 * place: its applicant may be the one whose address it is. False when there was nothing to withdraw.
 */
export async function withdraw(context: AppContext, withdrawal: Withdrawal): Promise<boolean> {
  const { registrationId, ending, decision } = withdrawal;
  const now = context.clock.now();
  const ended = await context.db.transaction().execute(async (trx) => {
    const stored = await store.storeWithdrawn(trx, ending, { id: registrationId }, keepUntil(context));
    // A decoy that is withdrawn costs the same statement, which finds nothing then.
    if (stored) await store.promoteNext(trx, stored.held ? [stored.email] : [], now);
    if (stored && decision) await logDecision(trx, { ...decision, registrationId, now });
    return stored;
  });
  await endSignupOf(context, ended);
  return ended !== undefined;
}

/**
 * For the transaction in which an account takes an address: a registration that holds it could never become an account
 * any more. Its sign-up is to be ended with `endSignupOf` once that is committed.
 */
export async function endForAccount(
  context: AppContext,
  trx: Transaction<AppDatabase>,
  { email, userId }: { email: EmailAddress; userId: string },
): Promise<store.Ended | undefined> {
  const ended = await store.storeWithdrawn(trx, "displace", { email }, keepUntil(context));
  if (ended) {
    const about = { subject: email, registrationId: ended.id, now: context.clock.now() };
    await logDecision(trx, { ...about, actor: userId, action: "address_taken" });
  }
  return ended;
}

function keepUntil({ clock, settings }: AppContext): number {
  return clock.now() + settings.policy.retention;
}

export async function endSignupOf(context: AppContext, ended: store.Ended | undefined): Promise<void> {
  if (ended?.signupToken) await endSignup(context, context.credentials.unsealSignupToken(ended.id, ended.signupToken));
}

/** Ends a sign-up nobody may use any more. It would die by itself in time, so a failure is only logged. */
export async function endSignup(context: AppContext, signupToken: string): Promise<void> {
  try {
    await context.authServer.deleteSignup(signupToken);
  } catch (error) {
    context.log.warn({ err: error }, "a withdrawn sign-up could not be ended at once");
  }
}
