import { derivedId } from "@anteroom/shared/runtime/crypto";
import type { AuthResult, UserPasswordReset as Wire } from "@anteroom/shared/wire/faroe";
import type { User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import { createTemporaryPassword } from "../credentials.ts";
import type { Caller } from "../http/caller.ts";
import { claimantOf, couldGuess, linkOf, mayGuessTemporaryPassword } from "../limits/guesses.ts";
import { faroeLimits } from "../limits/limits.ts";
import { type AskedMail, isOnlySharedEmpty, mayAskForReset, payForMail } from "../limits/mail-limits.ts";
import type { Place } from "../passwords/hash-queue.ts";
import { done, failure, success } from "../result.ts";
import { forgetGuessesOnReset } from "../store/guesses.ts";
import { endOtherSessions, insertSession } from "../store/sessions.ts";
import {
  deleteUserChange,
  findLatestReset,
  insertUserChange,
  markUserChangeVerified,
  type UserChange,
} from "../store/user-changes.ts";
import { readEmailAddress } from "./addresses.ts";
import { readTypedCode } from "./codes.ts";
import { prepareSession } from "./session.ts";
import {
  assertRoomToCount,
  findValidChange,
  guessedAt,
  notice,
  prepareUserChange,
  putNewPassword,
  setNewPassword,
  subjectOf,
} from "./user-changes.ts";

type ByToken = { user_password_reset_token: string };

/**
 * Handing over a mail costs more than handing over nothing. In default mode both answer after this long, in ms, by when
 * the mail has usually been taken.
 */
const answerAfter = 100;

/**
 * In default mode an unknown or disabled address gets a decoy: no mail, and a next step that behaves as with a wrong
 * temporary password.
 */
export async function createUserPasswordReset(
  context: AuthContext,
  args: { user_email_address: string },
  caller: Caller,
): Promise<AuthResult<"create_user_password_reset">> {
  const answerAt = context.settings.strict ? 0 : Date.now() + answerAfter;
  const result = await create(context, args.user_email_address, caller);
  if (answerAt > 0) await new Promise((resolve) => setTimeout(resolve, Math.max(0, answerAt - Date.now())));
  return result;
}

async function create(
  context: AuthContext,
  text: string,
  caller: Caller,
): Promise<AuthResult<"create_user_password_reset">> {
  const { settings } = context;
  const address = readEmailAddress(settings, text);
  if (address === undefined) return failure("invalid_email_address");
  if (!(await mayAskForReset(context, caller))) return failure("rate_limited");
  const found = await context.users.getUserByEmailAddress(address);
  if (settings.strict && found === undefined) return failure("user_not_found");
  if (settings.strict && found?.disabled) return failure("user_disabled");
  const user = found?.disabled ? undefined : found;
  if (user) assertRoomToCount(user.password_hash_counter);
  const { change, token } = prepareReset(context, address, user);
  if (!(await couldGuess(context, faroeLimits.temporaryPasswordAttempts, subjectOf(change))))
    return failure("rate_limited");
  using place = context.hashQueue.takePlace(claimantOf(context, caller, guessedAt(change)));
  const mail: AskedMail = { purpose: caller.isByLink() ? "reset" : "direct reset", address, caller };
  const reset = (await payForMail(context, mail))
    ? await openReset(context, { change, user }, place)
    : await shareReset(context, change, mail);
  if (!reset) return failure("rate_limited");
  return success({ user_password_reset: toWire(reset), user_password_reset_token: token });
}

async function openReset(
  context: AuthContext,
  { change, user }: { change: UserChange; user: User | undefined },
  place: Place,
): Promise<UserChange> {
  const temporaryPassword = createTemporaryPassword();
  const reset = { ...change, temporaryPassword: await context.temporaryPasswords.hash(place, temporaryPassword) };
  await insertUserChange(context.db, reset);
  if (user) await mailTemporaryPassword(context, user, reset, temporaryPassword);
  return reset;
}

/**
 * Others have asked for so many that no more are mailed for now. What was mailed last is good for this reset too, as long
 * as it is for the other one, so nobody is kept from a new password by mails that strangers caused. The app server needs no
 * such thing for its links, which work for whoever reads them.
 */
async function shareReset(context: AuthContext, change: UserChange, mail: AskedMail): Promise<UserChange | undefined> {
  if (mail.purpose !== "direct reset" || !(await isOnlySharedEmpty(context, mail))) return undefined;
  const latest = await findLatestReset(context.db, change.shownUserId, context.clock.now());
  if (!latest || !isOfSameUser(latest, change)) return undefined;
  const reset = { ...change, temporaryPassword: latest.temporaryPassword, expiresAt: latest.expiresAt };
  await insertUserChange(context.db, reset);
  return reset;
}

/** The address may have been another's when that reset was asked for, who has read its mail. */
function isOfSameUser(one: UserChange, other: UserChange): boolean {
  return (
    one.userId === other.userId &&
    one.userPasswordHashCounter === other.userPasswordHashCounter &&
    one.userEmailAddressCounter === other.userEmailAddressCounter &&
    one.userDisabledCounter === other.userDisabledCounter
  );
}

function prepareReset(context: AuthContext, address: string, user: User | undefined) {
  const { settings, keys } = context;
  return prepareUserChange(context, "password_reset", {
    user,
    // The same for an address with and without a user, so that it does not tell them apart.
    shownUserId: settings.strict && user ? user.id : derivedId(keys.shownUserIds, address),
    lifetime: settings.expiration.userPasswordReset,
  });
}

/** In default mode a failure is not told: only an address with an account can have one. */
async function mailTemporaryPassword(
  { settings, db, mailer }: AuthContext,
  { display_name: displayName, email_address: email }: User,
  reset: UserChange,
  code: string,
): Promise<void> {
  const mail = { type: "password_reset", email, ...(displayName === "" ? {} : { displayName }), code } as const;
  if (!settings.strict) return mailer.notify(mail);
  try {
    await mailer.sendCode(mail);
  } catch (error) {
    await deleteUserChange(db, reset.id);
    throw error;
  }
}

export async function getUserPasswordReset(
  context: AuthContext,
  args: ByToken,
): Promise<AuthResult<"get_user_password_reset">> {
  const valid = await find(context, args);
  return valid ? success({ user_password_reset: toWire(valid.change) }) : failure("invalid_user_password_reset_token");
}

export async function deleteUserPasswordReset(
  context: AuthContext,
  args: ByToken,
): Promise<AuthResult<"delete_user_password_reset">> {
  const valid = await find(context, args);
  if (!valid || !(await deleteUserChange(context.db, valid.change.id)))
    return failure("invalid_user_password_reset_token");
  return done;
}

export async function verifyUserPasswordResetTemporaryPassword(
  context: AuthContext,
  args: ByToken & { temporary_password: string },
  caller: Caller,
): Promise<AuthResult<"verify_user_password_reset_temporary_password">> {
  const { settings, db, clock, hashQueue, temporaryPasswords } = context;
  const valid = await find(context, args);
  if (!valid) return failure("invalid_user_password_reset_token");
  const { change, user } = valid;
  if (change.identityVerified) return failure("user_first_factor_already_verified");
  if (!change.temporaryPassword) throw new Error("A password reset lacks its temporary password.");
  using place = hashQueue.takePlace(claimantOf(context, caller, guessedAt(change)));
  const guessed = { userId: subjectOf(change), resetId: change.id };
  if (!(await mayGuessTemporaryPassword(context, guessed, caller))) return failure("rate_limited");
  const typed = readTypedCode(settings, args.temporary_password);
  const isRight = await temporaryPasswords.verify(place, typed, change.temporaryPassword);
  if (!isRight || !user) return failure("incorrect_temporary_password");
  return (await markUserChangeVerified(db, change.id, "identity_verified", clock.now()))
    ? done
    : failure("internal_conflict");
}

export async function setUserPasswordResetNewPassword(
  context: AuthContext,
  args: ByToken & { password: string },
  caller: Caller,
): Promise<AuthResult<"set_user_password_reset_new_password">> {
  const valid = await find(context, args);
  if (!valid) return failure("invalid_user_password_reset_token");
  const { change, user } = valid;
  if (!change.identityVerified || !user) return failure("user_first_factor_not_verified");
  return setNewPassword(context, { change, user }, { password: args.password, caller });
}

/** In default mode all older sessions end: whoever made the reset necessary is out. */
export async function completeUserPasswordReset(
  context: AuthContext,
  args: ByToken,
  caller: Caller,
): Promise<AuthResult<"complete_user_password_reset">> {
  const valid = await find(context, args);
  if (!valid) return failure("invalid_user_password_reset_token");
  const { change, user } = valid;
  if (!change.identityVerified || !user) return failure("user_first_factor_not_verified");
  if (!change.newPassword) return failure("new_password_not_set");
  if (!(await putNewPassword(context, change, user.id))) return failure("internal_conflict");
  await deleteUserChange(context.db, change.id);
  if (!context.settings.strict)
    await forgetGuessesOnReset(context.db, user.id, [caller.key(), caller.network(), linkOf(change.id)]);
  await context.mailer.notify({ type: "password_updated", ...notice(context, user) });
  const passwordHashCounter = change.userPasswordHashCounter + 1;
  const { session, values } = prepareSession(context, { ...user, password_hash_counter: passwordHashCounter }, caller);
  try {
    if (!context.settings.strict)
      await endOtherSessions(context.db, user.id, { keptSessionId: session.id, passwordHashCounter });
    await insertSession(context.db, session);
  } catch (error) {
    context.log.error({ err: error, user: user.id }, "a password was reset without a session");
    return failure("session_not_created");
  }
  await context.mailer.notify({ type: "signin_notification", ...notice(context, user) });
  return success(values);
}

function find(context: AuthContext, args: ByToken) {
  return findValidChange(context, "password_reset", args.user_password_reset_token);
}

function toWire(change: UserChange): Wire {
  return {
    id: change.id,
    user_id: change.identityVerified ? subjectOf(change) : change.shownUserId,
    user_first_factor_verified: change.identityVerified,
    new_password_set: change.newPassword !== undefined,
    created_at: change.createdAt,
    expires_at: change.expiresAt,
  };
}
