import { noteSubject } from "@anteroom/shared/runtime/http/request-scope";
import type { AuthResult, Signup as WireSignup } from "@anteroom/shared/wire/faroe";
import type { User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import {
  createCredential,
  createEmailVerificationCode,
  isRightCode,
  isRightSecret,
  parseToken,
  sealCode,
  unsealCode,
} from "../credentials.ts";
import type { Caller } from "../http/caller.ts";
import { claimantOf, couldGuess, mayGuessCode } from "../limits/guesses.ts";
import { faroeLimits } from "../limits/limits.ts";
import { type AskedMail, giveBackMail, payForMail } from "../limits/mail-limits.ts";
import { isDeliveryUnknown } from "../mailer.ts";
import { findPasswordFault, normalizePassword } from "../passwords/password-rules.ts";
import { done, failure, success } from "../result.ts";
import {
  deleteSignupFamily,
  deleteSignupRow,
  findSignup,
  insertSiblingSignup,
  insertSignup,
  isFamilyVerified,
  markSignupVerified,
  type PasswordHash,
  renewSignupFamily,
  replaceSignupFamilyBySession,
  type Signup,
  setSignupPasswordHash,
} from "../store/signups.ts";
import { readNewEmailAddress } from "./addresses.ts";
import { readVerificationCode } from "./codes.ts";
import { prepareSession } from "./session.ts";

type ByToken = { signup_token: string };

/** How many siblings a signup may get without anybody showing the code. */
const siblingsWithoutCode = 20;
/** More than anybody opens, less than the column holds. */
const siblingsAtMost = 1_000_000;

export async function createSignup(
  context: AuthContext,
  args: { email_address: string },
  caller: Caller,
): Promise<AuthResult<"create_signup">> {
  const { db, users, emailBlocklist, clock } = context;
  const emailAddress = readNewEmailAddress(context.settings, args.email_address);
  if (emailAddress === undefined) return failure("invalid_email_address");
  if (await users.getUserByEmailAddress(emailAddress)) return failure("email_address_already_used");
  if (await emailBlocklist.has(emailAddress)) return failure("email_address_not_allowed");
  const mail: AskedMail = { purpose: "signup", address: emailAddress, caller };
  if (!(await mayMail(context, mail))) return failure("rate_limited");
  const { signup, token, code } = prepareSignup(context, emailAddress, clock.now());
  // Committed before the mail is asked for: the app server may come back with the token while it takes the mail.
  await insertSignup(db, signup);
  try {
    await mailCode(context, signup, code);
  } catch (error) {
    await deleteSignupFamily(db, signup.familyId);
    await giveBackMail(context, mail);
    throw error;
  }
  return success({ signup: toWire(signup), signup_token: token });
}

/** One more signup of a family, for one more person who holds the registration and may not be the one with the mailbox. */
export async function createSiblingSignup(
  context: AuthContext,
  args: ByToken & { email_address_verification_code?: string },
  caller: Caller,
): Promise<AuthResult<"create_sibling_signup">> {
  const signup = await findValidSignup(context, args.signup_token);
  if (!signup) return failure("invalid_signup_token");
  const { id, secretHash, token } = createCredential(context.settings);
  const sibling = { id, secretHash, familyId: signup.familyId };
  const first = await insertSiblingSignup(context.db, sibling, siblingsWithoutCode);
  if (first) return success({ signup: toWire(first), signup_token: token });
  const code = args.email_address_verification_code;
  if (code === undefined) return failure("too_many_signups");
  const fault = await findCodeFault(context, signup, code, caller);
  if (fault) return failure(fault);
  const further = await insertSiblingSignup(context.db, sibling, siblingsAtMost);
  return further ? success({ signup: toWire(further), signup_token: token }) : failure("invalid_signup_token");
}

export async function getSignup(context: AuthContext, args: ByToken): Promise<AuthResult<"get_signup">> {
  const signup = await findValidSignup(context, args.signup_token);
  return signup ? success({ signup: toWire(signup) }) : failure("invalid_signup_token");
}

export async function deleteSignup(context: AuthContext, args: ByToken): Promise<AuthResult<"delete_signup">> {
  const signup = await findValidSignup(context, args.signup_token);
  if (!signup || !(await deleteSignupRow(context.db, signup.id))) return failure("invalid_signup_token");
  return done;
}

export async function sendSignupEmailAddressVerificationCode(
  context: AuthContext,
  args: ByToken,
  caller: Caller,
): Promise<AuthResult<"send_signup_email_address_verification_code">> {
  const signup = await findValidSignup(context, args.signup_token);
  if (!signup) return failure("invalid_signup_token");
  if (signup.emailAddressVerified || (await isVerifiedBySibling(context, signup)))
    return failure("email_address_already_verified");
  const mail: AskedMail = { purpose: "signup", address: signup.emailAddress, caller };
  if (!(await mayMail(context, mail))) return failure("rate_limited");
  const mailed = await renewNearItsEnd(context, signup);
  try {
    await mailCode(context, mailed, unsealCode(context.keys.codes, mailed.sealedCode, mailed.familyId));
  } catch (error) {
    // A mail that may have been taken has cost its token: the caller could have it sent again and again.
    if (!isDeliveryUnknown(error)) await giveBackMail(context, mail);
    throw error;
  }
  return done;
}

export async function verifySignupEmailAddressVerificationCode(
  context: AuthContext,
  args: ByToken & { email_address_verification_code: string },
  caller: Caller,
): Promise<AuthResult<"verify_signup_email_address_verification_code">> {
  const signup = await findValidSignup(context, args.signup_token);
  if (!signup) return failure("invalid_signup_token");
  if (signup.emailAddressVerified) return failure("email_address_already_verified");
  const fault = await findCodeFault(context, signup, args.email_address_verification_code, caller);
  if (fault) return failure(fault);
  return (await markSignupVerified(context.db, signup.id, context.clock.now())) ? done : failure("internal_conflict");
}

/**
 * Until the sign-up is complete the password that was typed last holds: the answer to an earlier one may have been lost. In
 * Faroe, and so in strict mode, the first one stays.
 */
export async function setSignupPassword(
  context: AuthContext,
  args: ByToken & { password: string },
  caller: Caller,
): Promise<AuthResult<"set_signup_password">> {
  const signup = await findValidSignup(context, args.signup_token);
  if (!signup) return failure("invalid_signup_token");
  if (!signup.emailAddressVerified) return failure("email_address_not_verified");
  if (signup.password && context.settings.strict) return failure("password_already_set");
  const fault = await findPasswordFault(context, args.password, signup);
  if (fault) return failure(fault);
  using place = context.hashQueue.takePlace(claimantOf(context, caller, { id: signup.id }));
  const hash = await context.passwords.hash(place, normalizePassword(context, args.password));
  const isSet = await setSignupPasswordHash(context.db, signup, hash, context.clock.now());
  return isSet ? done : failure("internal_conflict");
}

/** Of callers at once the one whose create_user succeeds wins; the address is unique there. */
export async function completeSignup(
  context: AuthContext,
  args: ByToken,
  caller: Caller,
): Promise<AuthResult<"complete_signup">> {
  const signup = await findValidSignup(context, args.signup_token);
  if (!signup) return failure("invalid_signup_token");
  if (!signup.emailAddressVerified) return failure("email_address_not_verified");
  if (!signup.password) return failure("password_not_set");
  if (await context.emailBlocklist.has(signup.emailAddress)) return endFamily(context, signup);
  const created = await createUser(context, signup.emailAddress, signup.password);
  if (created.ok) return openSession(context, signup, created.user, caller);
  if (created.error === "email_address_already_used") return endFamily(context, signup);
  return failure(created.error);
}

async function endFamily(context: AuthContext, signup: Signup) {
  await deleteSignupFamily(context.db, signup.familyId);
  return failure("invalid_signup_token");
}

/** The user exists by now, whatever happens here; who gets no session can sign in. */
async function openSession(
  context: AuthContext,
  signup: Signup,
  user: User,
  caller: Caller,
): Promise<AuthResult<"complete_signup">> {
  const { session, values } = prepareSession(context, user, caller);
  try {
    await replaceSignupFamilyBySession(context.db, signup.familyId, session);
  } catch (error) {
    context.log.error({ err: error, signup: signup.id }, "a user was created without a session");
    return failure("session_not_created");
  }
  return success(values);
}

async function createUser(
  context: AuthContext,
  emailAddress: string,
  password: PasswordHash,
): Promise<
  { ok: true; user: User } | { ok: false; error: "email_address_already_used" | "registration_not_accepted" }
> {
  const result = await context.users.createUser({
    email_address: emailAddress,
    password_hash: Buffer.from(password.hash).toString("base64"),
    password_hash_algorithm_id: password.algorithmId,
    password_salt: Buffer.from(password.salt).toString("base64"),
  });
  if (result.ok) return { ok: true, user: result.values.user };
  if (result.error === "email_address_already_used") return failure(result.error);
  // Faroe's client has no word for this; others should not be told of a fault of the server.
  if (context.settings.strict) throw new Error(`The user server refused to create a user: ${result.error}.`);
  return failure("registration_not_accepted");
}

/** The first of a family is the app server's, who wants to know whether the person with the mailbox has come. */
async function isVerifiedBySibling({ db }: AuthContext, signup: Signup): Promise<boolean> {
  return signup.id === signup.familyId && (await isFamilyVerified(db, signup.familyId));
}

/**
 * What is mailed works for a useful time: in the second half of its life a family gets a new code and begins anew, so that
 * no code lives longer than a sign-up (R13). In Faroe, and so in strict mode, the old one is mailed until it ends.
 */
async function renewNearItsEnd({ db, keys, clock, settings }: AuthContext, signup: Signup): Promise<Signup> {
  const now = clock.now();
  const lifetime = settings.expiration.signup;
  if (settings.strict || signup.expiresAt - now > lifetime / 2) return signup;
  const { familyId } = signup;
  const sealedCode = sealCode(keys.codes, createEmailVerificationCode(), familyId);
  await renewSignupFamily(db, familyId, { sealedCode, expiresAt: now + lifetime, endingBy: signup.expiresAt, now });
  return (await findSignup(db, signup.id)) ?? signup;
}

async function mailCode({ mailer, settings }: AuthContext, signup: Signup, code: string): Promise<void> {
  const { emailAddress: email, expiresAt } = signup;
  await mailer.sendCode({ type: "signup_verification", email, code, ...(settings.strict ? {} : { expiresAt }) });
}

/** In Faroe too many wrong codes stop further mails too: the address may be under attack. */
async function mayMail(context: AuthContext, mail: AskedMail): Promise<boolean> {
  return (await couldGuess(context, faroeLimits.codeAttempts, mail.address)) && payForMail(context, mail);
}

/** Right and wrong codes cost a token each; what is no code costs none. */
async function findCodeFault(
  context: AuthContext,
  signup: Signup,
  text: string,
  caller: Caller,
): Promise<"rate_limited" | "incorrect_email_address_verification_code" | undefined> {
  const code = readVerificationCode(context.settings, text);
  if (code === undefined) return "incorrect_email_address_verification_code";
  if (!(await mayGuessCode(context, signup.emailAddress, caller))) return "rate_limited";
  const isRight = isRightCode(unsealCode(context.keys.codes, signup.sealedCode, signup.familyId), code);
  return isRight ? undefined : "incorrect_email_address_verification_code";
}

async function findValidSignup(context: AuthContext, token: string): Promise<Signup | undefined> {
  const parts = parseToken(token);
  const signup = parts && (await findSignup(context.db, parts.id));
  if (!signup) return undefined;
  noteSubject({ address: signup.emailAddress });
  if (context.clock.now() >= signup.expiresAt) {
    await deleteSignupRow(context.db, signup.id);
    return undefined;
  }
  return isRightSecret(signup.secretHash, parts) ? signup : undefined;
}

function prepareSignup({ keys, settings }: AuthContext, emailAddress: string, now: number) {
  const { id, secretHash, token } = createCredential(settings);
  const code = createEmailVerificationCode();
  const signup: Signup = {
    id,
    secretHash,
    familyId: id,
    emailAddress,
    sealedCode: sealCode(keys.codes, code, id),
    emailAddressVerified: false,
    password: undefined,
    createdAt: now,
    expiresAt: now + settings.expiration.signup,
  };
  return { signup, token, code };
}

function toWire(signup: Signup): WireSignup {
  return {
    id: signup.id,
    email_address: signup.emailAddress,
    email_address_verified: signup.emailAddressVerified,
    password_set: signup.password !== undefined,
    created_at: signup.createdAt,
    expires_at: signup.expiresAt,
  };
}
