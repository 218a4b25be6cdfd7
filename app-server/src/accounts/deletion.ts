import type { EmailAddress } from "@anteroom/shared/wire/email-address";
import type { Kysely, Transaction } from "kysely";
import { takeStep, type WrongPassword, whyRefused } from "../auth-server/as-visitor.ts";
import type { AppContext } from "../context.ts";
import type { Person } from "../database/fragments.ts";
import type { AppDatabase } from "../database/tables.ts";
import { forgetMails } from "../mail/admin-store.ts";
import { deleteCodes } from "../mail/code-store.ts";
import { refusalOf } from "../outcome.ts";
import { deletePasswordLinks } from "./link-store.ts";
import * as store from "./store.ts";

const lastAdministrator = refusalOf("last_administrator/self");

/** Deletes the account of whoever is signed in. The password is asked for, and all sessions end. */
export async function deleteAccount(
  context: AppContext,
  userId: string,
  session_token: string,
  password: string,
): Promise<WrongPassword | typeof lastAdministrator | undefined> {
  if (await isLastAdministrator(context, userId)) return lastAdministrator;
  const begun = await takeStep(context, "create_user_deletion", { session_token });
  if (!begun.ok) return whyRefused(begun.error);
  const named = { session_token, user_deletion_token: String(begun.values.user_deletion_token) };
  const verified = await takeStep(context, "verify_user_deletion_user_password", { ...named, password });
  if (!verified.ok) {
    await takeStep(context, "delete_user_deletion", named);
    return whyRefused(verified.error);
  }
  const completed = await takeStep(context, "complete_user_deletion", named);
  if (completed.ok) return undefined;
  return (await isLastAdministrator(context, userId)) ? lastAdministrator : whyRefused(completed.error);
}

async function isLastAdministrator({ db, clock }: AppContext, userId: string): Promise<boolean> {
  return isLast(await store.listAdministrators(db, clock.now()), userId);
}

function isLast(administrators: readonly string[], userId: string): boolean {
  return administrators.length === 1 && administrators[0] === userId;
}

/**
 * Removes a user and what is kept of them, all at once. False when there is none, and for the last administrator: of two
 * who go at the same time the second stays.
 */
export async function removeUser(db: Kysely<AppDatabase>, userId: string, now: number): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (isLast(await store.lockAdministrators(trx, now), userId)) return false;
    const user = await store.lockUser(trx, userId);
    return user !== undefined && eraseUser(trx, user);
  });
}

/** The same, for those who have made sure that it may be. */
export async function eraseUser(
  trx: Transaction<AppDatabase>,
  user: Person & { email_norm: EmailAddress },
): Promise<boolean> {
  await deletePasswordLinks(trx, user.email_norm);
  await forgetMails(trx, user);
  await deleteCodes(trx, user.email_norm);
  return store.deleteUser(trx, user.id);
}
