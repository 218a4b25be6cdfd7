import type { AuthResult, UserEmailAddressUpdate as Wire } from "@anteroom/shared/wire/faroe";
import type { User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import { createEmailVerificationCode, isRightCode, sealCode, unsealCode } from "../credentials.ts";
import type { Caller } from "../http/caller.ts";
import { couldGuess, mayGuessUpdateCode } from "../limits/guesses.ts";
import { faroeLimits } from "../limits/limits.ts";
import { type AskedMail, giveBackMail, payForMail } from "../limits/mail-limits.ts";
import { isDeliveryUnknown } from "../mailer.ts";
import { done, failure, success } from "../result.ts";
import { deleteUserChange, insertUserChange, markUserChangeVerified, type UserChange } from "../store/user-changes.ts";
import { readNewEmailAddress } from "./addresses.ts";
import { readVerificationCode } from "./codes.ts";
import { findValidSession } from "./session.ts";
import {
  assertRoomToCount,
  findSessionAndChange,
  notice,
  prepareUserChange,
  verifyIdentityByPassword,
} from "./user-changes.ts";

type ByTokens = { session_token: string; user_email_address_update_token: string };

/** Milliseconds after which default mode answers, by when the mail to an address that nobody has is usually taken. */
const answerAfter = 100;

/**
 * In default mode an address that somebody has gets a decoy: no mail, and codes that are all wrong. Members would learn
 * otherwise who else has an account.
 */
export async function createUserEmailAddressUpdate(
  context: AuthContext,
  args: { session_token: string; new_email_address: string },
  caller: Caller,
): Promise<AuthResult<"create_user_email_address_update">> {
  const answerAt = Date.now() + answerAfter;
  const address = readNewEmailAddress(context.settings, args.new_email_address);
  if (address === undefined) return failure("invalid_email_address");
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  assertRoomToCount(valid.user.email_address_counter);
  const isUsed = await isSomebodys(context, address);
  if (isUsed && context.settings.strict) return failure("email_address_already_used");
  if (await context.emailBlocklist.has(address)) return failure("email_address_not_allowed");
  const mail: AskedMail = { purpose: "update", address, caller, userId: valid.user.id };
  if (!(await mayMail(context, mail))) return failure("rate_limited");
  const { change, token } = prepareUserChange(context, "email_address_update", {
    user: valid.user,
    shownUserId: valid.user.id,
    sessionId: valid.session.id,
    lifetime: context.settings.expiration.userEmailAddressUpdate,
  });
  const code = createEmailVerificationCode();
  const sealedCode = sealCode(context.keys.codes, code, change.id);
  const update = { ...change, newEmailAddress: address, sealedCode };
  await insertUserChange(context.db, update);
  try {
    if (!isUsed) await mailCode(context, valid.user, address, code);
  } catch (error) {
    await deleteUserChange(context.db, update.id);
    await giveBackMail(context, mail);
    throw error;
  }
  await waitUntil(context, answerAt);
  return success({ user_email_address_update: toWire(update), user_email_address_update_token: token });
}

/** For an app server that mails the code itself, and knows whether somebody has the address. */
export async function checkNewEmailAddress(
  context: AuthContext,
  args: { email_address: string },
): Promise<AuthResult<"check_new_email_address">> {
  const address = readNewEmailAddress(context.settings, args.email_address);
  if (address === undefined) return failure("invalid_email_address");
  return (await context.emailBlocklist.has(address)) ? failure("email_address_not_allowed") : done;
}

export async function getUserEmailAddressUpdate(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"get_user_email_address_update">> {
  const found = await find(context, args);
  return found.ok ? success({ user_email_address_update: toWire(found.change) }) : found;
}

export async function deleteUserEmailAddressUpdate(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"delete_user_email_address_update">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  return (await deleteUserChange(context.db, found.change.id))
    ? done
    : failure("invalid_user_email_address_update_token");
}

export async function sendUserEmailAddressUpdateEmailAddressVerificationCode(
  context: AuthContext,
  args: ByTokens,
  caller: Caller,
): Promise<AuthResult<"send_user_email_address_update_email_address_verification_code">> {
  const answerAt = Date.now() + answerAfter;
  const found = await find(context, args);
  if (!found.ok) return found;
  if (found.change.newEmailAddressVerified) return failure("email_address_already_verified");
  const { address, code } = open(context, found.change);
  const mail: AskedMail = { purpose: "update", address, caller, userId: found.user.id };
  if (!(await mayMail(context, mail))) return failure("rate_limited");
  const isDecoy = !context.settings.strict && (await isSomebodys(context, address));
  try {
    if (!isDecoy) await mailCode(context, found.user, address, code);
  } catch (error) {
    if (!isDeliveryUnknown(error)) await giveBackMail(context, mail);
    throw error;
  }
  await waitUntil(context, answerAt);
  return done;
}

export async function verifyUserEmailAddressUpdateEmailAddressVerificationCode(
  context: AuthContext,
  args: ByTokens & { email_address_verification_code: string },
): Promise<AuthResult<"verify_user_email_address_update_email_address_verification_code">> {
  const { db, clock } = context;
  const found = await find(context, args);
  if (!found.ok) return found;
  if (found.change.newEmailAddressVerified) return failure("email_address_already_verified");
  const { address, code } = open(context, found.change);
  const typed = readVerificationCode(context.settings, args.email_address_verification_code);
  if (typed === undefined) return failure("incorrect_email_address_verification_code");
  if (!(await mayGuessUpdateCode(context, found.user.id, address))) return failure("rate_limited");
  if (!isRightCode(code, typed)) return failure("incorrect_email_address_verification_code");
  return (await markUserChangeVerified(db, found.change.id, "new_email_address_verified", clock.now()))
    ? done
    : failure("internal_conflict");
}

export async function verifyUserEmailAddressUpdateUserPassword(
  context: AuthContext,
  args: ByTokens & { password: string },
  caller: Caller,
): Promise<AuthResult<"verify_user_email_address_update_user_password">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  if (!found.change.newEmailAddressVerified) return failure("email_address_not_verified");
  return verifyIdentityByPassword(context, found, { password: args.password, caller });
}

/** The old address is told, so that its owner can object. */
export async function completeUserEmailAddressUpdate(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"complete_user_email_address_update">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  const { change, user } = found;
  if (!change.newEmailAddressVerified) return failure("email_address_not_verified");
  if (!change.identityVerified) return failure("user_identity_not_verified");
  const { address } = open(context, change);
  if (await context.emailBlocklist.has(address)) return endChange(context, change);
  const updated = await context.users.updateUserEmailAddress({
    user_id: user.id,
    email_address: address,
    user_email_address_counter: change.userEmailAddressCounter,
  });
  context.userCache.forget(user.id);
  if (!updated.ok && updated.error === "email_address_already_used") return endChange(context, change);
  if (!updated.ok) return failure("internal_conflict");
  await deleteUserChange(context.db, change.id);
  await context.mailer.notify({ type: "email_updated", ...notice(context, user), newEmail: address });
  return done;
}

async function waitUntil({ settings }: AuthContext, time: number): Promise<void> {
  if (!settings.strict) await new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));
}

async function isSomebodys({ users }: AuthContext, address: string): Promise<boolean> {
  return (await users.getUserByEmailAddress(address)) !== undefined;
}

async function endChange(context: AuthContext, change: UserChange) {
  await deleteUserChange(context.db, change.id);
  return failure("invalid_user_email_address_update_token");
}

function find(context: AuthContext, args: ByTokens) {
  return findSessionAndChange(context, "email_address_update", {
    session: args.session_token,
    change: args.user_email_address_update_token,
    invalid: "invalid_user_email_address_update_token" as const,
  });
}

/** In Faroe too many wrong codes stop further mails too: the address may be under attack. */
async function mayMail(context: AuthContext, mail: AskedMail): Promise<boolean> {
  return (await couldGuess(context, faroeLimits.codeAttempts, mail.address)) && payForMail(context, mail);
}

function mailCode(context: AuthContext, user: User, address: string, code: string): Promise<void> {
  const displayName = user.display_name === "" ? {} : { displayName: user.display_name };
  return context.mailer.sendCode({ type: "email_update_verification", email: address, ...displayName, code });
}

function open({ keys }: AuthContext, change: UserChange): { address: string; code: string } {
  if (change.newEmailAddress === undefined || change.sealedCode === undefined)
    throw new Error("An email address update lacks its address or code.");
  return { address: change.newEmailAddress, code: unsealCode(keys.codes, change.sealedCode, change.id) };
}

function toWire(change: UserChange): Wire {
  return {
    id: change.id,
    user_id: change.shownUserId,
    session_id: change.sessionId ?? "",
    new_email_address: change.newEmailAddress ?? "",
    new_email_address_verified: change.newEmailAddressVerified,
    user_identity_verified: change.identityVerified,
    created_at: change.createdAt,
    expires_at: change.expiresAt,
  };
}
