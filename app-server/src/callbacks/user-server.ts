import { randomId } from "@anteroom/shared/runtime/crypto";
import { isUniqueViolation } from "@anteroom/shared/runtime/database/errors";
import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { User, UserServerAction, UserServerArguments, UserServerResult } from "@anteroom/shared/wire/user-server";
import { removeUser } from "../accounts/deletion.ts";
import { grantPermission } from "../accounts/permission-store.ts";
import * as store from "../accounts/store.ts";
import { endSetupLinks } from "../administration/setup-store.ts";
import type { AppContext } from "../context.ts";
import type { UserRow } from "../database/tables.ts";
import { deleteCode } from "../mail/code-store.ts";
import { endForAccount, endSignupOf } from "../registration/ending.ts";
import { deleteRegistration } from "../registration/store/endings.ts";
import { lockByEmail } from "../registration/store/registrations.ts";

type Rules = {
  [A in UserServerAction]: (context: AppContext, args: UserServerArguments<A>) => Promise<UserServerResult<A>>;
};

/**
 * The app server's half of Faroe's user-server protocol: each action one statement or one transaction.
 * Addresses are kept as given and compared without regard to case.
 */
export const userServerRules: Rules = {
  create_user: createUser,

  get_user: async ({ db }, { user_id }) => userOr(await store.findUser(db, { id: user_id })),

  get_user_by_email_address: async ({ db }, { email_address }) =>
    userOr(await store.findUser(db, { email: normalizeEmailAddress(email_address) })),

  update_user_email_address: async (context, args) => {
    const [userId, email] = [args.user_id, normalizeEmailAddress(args.email_address)];
    const address = { userId, email: args.email_address, emailNorm: email, counter: args.user_email_address_counter };
    try {
      const changed = await context.db.transaction().execute(async (trx) => {
        const isChanged = await store.updateEmailAddress(trx, address);
        return { isChanged, ended: isChanged ? await endForAccount(context, trx, { email, userId }) : undefined };
      });
      await endSignupOf(context, changed.ended);
      return doneOrNotFound(changed.isChanged);
    } catch (error) {
      if (isUniqueViolation(error)) return { ok: false, error: "email_address_already_used" };
      throw error;
    }
  },

  update_user_password_hash: async ({ db, authServer }, args) => {
    const isChanged = await store.updatePasswordHash(db, {
      userId: args.user_id,
      hash: Buffer.from(args.password_hash, "base64"),
      algorithmId: args.password_hash_algorithm_id,
      salt: Buffer.from(args.password_salt, "base64"),
      counter: args.user_password_hash_counter,
      endsSessions: !(await authServer.endsSessionsItself()),
    });
    return doneOrNotFound(isChanged);
  },

  increment_user_sessions_counter: async ({ db }, { user_id, user_sessions_counter }) =>
    doneOrNotFound(await store.incrementSessionsCounter(db, user_id, user_sessions_counter)),

  delete_user: async ({ db, clock }, { user_id }) => doneOrNotFound(await removeUser(db, user_id, clock.now())),
};

/**
 * OPEN or ACCEPTED → ACTIVE. The approval is checked again, the user made and the registration removed in one transaction, so
 * nobody becomes active without one and no registration outlives its user.
 */
async function createUser(
  context: AppContext,
  args: UserServerArguments<"create_user">,
): Promise<UserServerResult<"create_user">> {
  const email = normalizeEmailAddress(args.email_address);
  return context.db.transaction().execute(async (trx): Promise<UserServerResult<"create_user">> => {
    const registration = await lockByEmail(trx, email);
    if (await store.findUser(trx, { email })) return { ok: false, error: "email_address_already_used" };
    if (!registration) return { ok: false, error: "user_not_found" };
    if (!registration.mayActivate) return { ok: false, error: "user_not_accepted" };
    const now = context.clock.now();
    const id = randomId();
    const inserted = await store.insertUser(trx, {
      id,
      email: args.email_address,
      email_norm: email,
      firstname: registration.firstname,
      lastname: registration.lastname,
      language: registration.language,
      registration_id: registration.id,
      password_hash: Buffer.from(args.password_hash, "base64"),
      password_hash_algorithm_id: args.password_hash_algorithm_id,
      password_salt: Buffer.from(args.password_salt, "base64"),
      created_at: now,
    });
    if (!inserted) return { ok: false, error: "email_address_already_used" };
    for (const permission of registration.grants)
      await grantPermission(trx, { userId: id, permission, grantedBy: "registration", now, expiresAt: null });
    if (registration.grants.includes("admin")) await endSetupLinks(trx);
    await deleteRegistration(trx, registration.id);
    await deleteCode(trx, "signup_verification", email);
    await context.mail.enqueue(trx, {
      type: "account_ready",
      email: args.email_address,
      values: { displayName: displayNameOf(registration) },
    });
    return userOr(await store.findUser(trx, { id }));
  });
}

function userOr(row: UserRow | undefined) {
  return row
    ? ({ ok: true, values: { user: toUser(row) } } as const)
    : ({ ok: false, error: "user_not_found" } as const);
}

function doneOrNotFound(isDone: boolean) {
  return isDone ? ({ ok: true, values: {} } as const) : ({ ok: false, error: "user_not_found" } as const);
}

function toUser(row: UserRow): User {
  return {
    id: row.id,
    email_address: row.email,
    password_hash: Buffer.from(row.password_hash).toString("base64"),
    password_hash_algorithm_id: row.password_hash_algorithm_id,
    password_salt: Buffer.from(row.password_salt).toString("base64"),
    disabled: row.disabled,
    display_name: displayNameOf(row),
    email_address_counter: row.email_address_counter,
    password_hash_counter: row.password_hash_counter,
    disabled_counter: row.disabled_counter,
    sessions_counter: row.sessions_counter,
  };
}

function displayNameOf({ firstname, lastname }: { firstname: string; lastname: string }): string {
  return `${firstname} ${lastname}`.trim();
}
