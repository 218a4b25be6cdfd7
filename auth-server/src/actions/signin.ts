import { derivedId } from "@anteroom/shared/runtime/crypto";
import { noteSubject } from "@anteroom/shared/runtime/http/request-scope";
import { runSteps, takingToken } from "@anteroom/shared/runtime/rate-limits";
import { formatTimestamp } from "@anteroom/shared/wire/email";
import type { AuthResult, Signin as WireSignin } from "@anteroom/shared/wire/faroe";
import type { User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import { createCredential, isRightSecret, parseToken } from "../credentials.ts";
import type { Caller } from "../http/caller.ts";
import { claimantOf, passwordWasWrong, payForPassword, priceOfSignin, type Subject } from "../limits/guesses.ts";
import { isPasswordOf, renewHash } from "../passwords/password-rules.ts";
import { done, failure, success } from "../result.ts";
import {
  deleteSigninRow,
  findSignin,
  insertingSignin,
  markSigninVerified,
  replaceSigninBySession,
  type Signin,
} from "../store/signins.ts";
import { readEmailAddress } from "./addresses.ts";
import { prepareSession } from "./session.ts";
import { isActive, isRefusedEarly } from "./user-objects.ts";

type ByToken = { signin_token: string };

/** In default mode an unknown or disabled address gets a decoy, which behaves like a signin with a wrong password. */
export async function createSignin(
  context: AuthContext,
  args: { user_email_address: string },
  caller: Caller,
): Promise<AuthResult<"create_signin">> {
  const emailAddress = readEmailAddress(context.settings, args.user_email_address);
  if (emailAddress === undefined) return failure("invalid_email_address");
  const user = await context.users.getUserByEmailAddress(emailAddress);
  if (context.settings.strict && user === undefined) return failure("user_not_found");
  if (context.settings.strict && user?.disabled) return failure("user_disabled");
  const owner = user?.disabled ? undefined : user;
  const { signin, token } = prepareSignin(context, emailAddress, owner);
  const claimant = claimantOf(context, caller, guessedAt(signin));
  const payment = claimant ? priceOfSignin(claimant).map((token) => takingToken(token, context.clock.now())) : [];
  if (!(await runSteps(context.db, [...payment, insertingSignin(signin)]))) return failure("rate_limited");
  context.userCache.remember(subjectOf(signin), owner);
  return success({ signin: toWire(signin), signin_token: token });
}

export async function getSignin(context: AuthContext, args: ByToken): Promise<AuthResult<"get_signin">> {
  const valid = await findValidSignin(context, args.signin_token);
  return valid ? success({ signin: toWire(valid.signin) }) : failure("invalid_signin_token");
}

export async function deleteSignin(context: AuthContext, args: ByToken): Promise<AuthResult<"delete_signin">> {
  const valid = await findValidSignin(context, args.signin_token);
  if (!valid || !(await deleteSigninRow(context.db, valid.signin.id))) return failure("invalid_signin_token");
  return done;
}

export async function verifySigninUserPassword(
  context: AuthContext,
  args: ByToken & { password: string },
  caller: Caller,
): Promise<AuthResult<"verify_signin_user_password">> {
  const { db, hashQueue, clock, settings, userCache } = context;
  // The user as create_signin just saw them will do: complete_signin asks again before there is a session.
  const valid = await findValidSignin(context, args.signin_token, settings.strict ? userCache.look : userCache.recall);
  if (!valid) return failure("invalid_signin_token");
  const { signin, user } = valid;
  if (signin.userFirstFactorVerified) return failure("user_first_factor_already_verified");
  const claimant = claimantOf(context, caller, guessedAt(signin));
  using place = hashQueue.takePlace(claimant);
  const paid = await payForPassword(context, subjectOf(signin), claimant);
  if (!paid.ok) return paid;
  if (!(await isPasswordOf(context, place, user, args.password)) || !user) {
    await passwordWasWrong(context, paid, user);
    return failure("incorrect_password");
  }
  await renewHash(context, place, user, args.password);
  return (await markSigninVerified(db, signin.id, paid, clock.now())) ? done : failure("internal_conflict");
}

export async function completeSignin(
  context: AuthContext,
  args: ByToken,
  caller: Caller,
): Promise<AuthResult<"complete_signin">> {
  const valid = await findValidSignin(context, args.signin_token);
  if (!valid) return failure("invalid_signin_token");
  const { signin, user } = valid;
  if (!signin.userFirstFactorVerified || user === undefined) return failure("user_first_factor_not_verified");
  const { session, values } = prepareSession(context, user, caller);
  if (!(await replaceSigninBySession(context.db, signin.id, session))) return failure("invalid_signin_token");
  await context.mailer.notify({
    type: "signin_notification",
    email: user.email_address,
    ...(user.display_name === "" ? {} : { displayName: user.display_name }),
    timestamp: formatTimestamp(session.createdAt),
  });
  return success(values);
}

function prepareSignin(context: AuthContext, emailAddress: string, user: User | undefined) {
  const { settings, keys, clock } = context;
  const { id, secretHash, token } = createCredential(context.settings);
  const createdAt = clock.now();
  const signin: Signin = {
    id,
    secretHash,
    userId: user?.id,
    // The same for an address before and after somebody signs up with it, so that it tells nobody that they did.
    shownUserId: settings.strict && user ? user.id : derivedId(keys.shownUserIds, emailAddress),
    userPasswordHashCounter: user?.password_hash_counter ?? 0,
    userDisabledCounter: user?.disabled_counter ?? 0,
    userFirstFactorVerified: false,
    createdAt,
    expiresAt: createdAt + settings.expiration.signin,
  };
  return { signin, token };
}

/** The signin of a token and its user, who is undefined on a decoy. Deletes what has expired or been ended. */
async function findValidSignin(
  context: AuthContext,
  token: string,
  look = context.userCache.look,
): Promise<{ signin: Signin; user: User | undefined } | undefined> {
  const parts = parseToken(token);
  const signin = parts && (await findSignin(context.db, parts.id));
  if (!signin || isRefusedEarly(context.settings, signin.secretHash, parts)) return undefined;
  noteSubject({ user: subjectOf(signin) });
  if (context.clock.now() >= signin.expiresAt) return end(context, signin);
  // A decoy is nobody's, and looking takes equally long.
  const user = await look(subjectOf(signin));
  if (signin.userId === undefined) return { signin, user: undefined };
  if (!isActive(user, signin)) return end(context, signin);
  // Not deleted: a hash that is being renewed takes its signins along a moment after the user.
  if (user.password_hash_counter !== signin.userPasswordHashCounter)
    return context.settings.strict ? end(context, signin) : undefined;
  return isRightSecret(signin.secretHash, parts) ? { signin, user } : undefined;
}

async function end(context: AuthContext, signin: Signin): Promise<undefined> {
  await deleteSigninRow(context.db, signin.id);
}

function guessedAt(signin: Signin): Subject {
  return { id: subjectOf(signin), passwordHashCounter: signin.userPasswordHashCounter };
}

function subjectOf(signin: Signin): string {
  return signin.userId ?? signin.shownUserId;
}

function toWire(signin: Signin): WireSignin {
  return {
    id: signin.id,
    user_id: signin.userFirstFactorVerified ? subjectOf(signin) : signin.shownUserId,
    user_first_factor_verified: signin.userFirstFactorVerified,
    created_at: signin.createdAt,
    expires_at: signin.expiresAt,
  };
}
