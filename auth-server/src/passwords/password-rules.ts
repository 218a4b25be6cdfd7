import type { User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import { updateHashCounters } from "../store/maintenance.ts";
import type { PasswordHash } from "../store/signups.ts";
import type { Place } from "./hash-queue.ts";

/** Whose password it is to be: words a stranger would try first. */
export interface PasswordOwner {
  emailAddress: string;
  displayName?: string;
}

/**
 * What is wrong with a new password, if anything. Length is counted in code points, and nothing is trimmed. Nothing is
 * asked about composition: a long phrase in small letters is fine.
 */
export async function findPasswordFault(
  context: AuthContext,
  password: string,
  owner: PasswordOwner,
): Promise<"invalid_password_length" | "weak_password" | undefined> {
  const { settings, passwordBlocklist } = context;
  const normalized = normalizePassword(context, password);
  const length = [...normalized].length;
  if (length < settings.passwordMinLength || length > settings.passwordMaxLength) return "invalid_password_length";
  if ((await passwordBlocklist.has(normalized)) || (await passwordBlocklist.has(password))) return "weak_password";
  if (!settings.strict && (await passwordBlocklist.isObvious(password))) return "weak_password";
  if (!settings.strict && isMadeOfContext(password, contextWords(context, owner))) return "weak_password";
  return (await isBreached(context, password)) ? "weak_password" : undefined;
}

/** One person's é may be another keyboard's e and accent (NIST SP 800-63B 3.1.1.2). Faroe takes characters as they come. */
export function normalizePassword({ settings }: AuthContext, password: string): string {
  return settings.strict ? password : password.normalize("NFC");
}

function contextWords({ settings }: AuthContext, { emailAddress, displayName = "" }: PasswordOwner): string[] {
  return [
    ...settings.passwordContextWords,
    emailAddress,
    ...emailAddress.split(/[@.+_-]/),
    ...displayName.split(/[^\p{L}\p{N}]+/u),
  ]
    .map((word) => word.toLowerCase())
    .filter((word) => word.length >= 4)
    .sort((a, b) => b.length - a.length);
}

/** Whether hardly anything is left of a password without the words, digits and punctuation. */
function isMadeOfContext(password: string, words: string[]): boolean {
  let rest = password.toLowerCase();
  for (const word of words) rest = rest.replaceAll(word, "");
  return rest !== password.toLowerCase() && rest.replace(/[\p{N}\p{P}\p{S}\s]/gu, "").length < 4;
}

/** An outage of the service keeps nobody from choosing a password; Faroe refuses them all then. */
async function isBreached({ settings, passwordRangeCheck, log }: AuthContext, password: string): Promise<boolean> {
  if (!passwordRangeCheck) return false;
  try {
    return await passwordRangeCheck.isBreached(password);
  } catch (error) {
    if (settings.strict) throw error;
    log.warn({ err: error }, "a new password could not be looked up among breached ones");
    return false;
  }
}

/**
 * Whether it is the user's password. Without a user it takes as long and is not. A password that an earlier server
 * hashed without normalising it is tried as it was given too.
 */
export async function isPasswordOf(
  context: AuthContext,
  place: Place,
  user: User | undefined,
  password: string,
): Promise<boolean> {
  const normalized = normalizePassword(context, password);
  const verify = (text: string) =>
    user ? context.passwords.verify(place, text, storedHash(user)) : context.passwords.verifyNothing(place, text);
  return (await verify(normalized)) || (normalized !== password && (await verify(password)));
}

function storedHash(user: User) {
  return {
    hash: Buffer.from(user.password_hash, "base64"),
    algorithmId: user.password_hash_algorithm_id,
    salt: Buffer.from(user.password_salt, "base64"),
  };
}

/**
 * After a right password: replaces a hash of other parameters, or of another system, by one of ours. What the user has
 * open goes on under the new hash. A crash in between ends it, and costs the user one more sign-in.
 */
export async function renewHash(context: AuthContext, place: Place, user: User, password: string): Promise<void> {
  const { passwords, settings } = context;
  if (settings.strict || user.password_hash_algorithm_id === passwords.algorithmId) return;
  const isPut = await putHash(context, user, await passwords.hash(place, normalizePassword(context, password)));
  context.userCache.forget(user.id);
  if (isPut) await updateHashCounters(context.db, user.id, user.password_hash_counter);
}

/** A user server that cannot do it now keeps nobody from signing in. */
async function putHash({ users, log }: AuthContext, user: User, { hash, algorithmId, salt }: PasswordHash) {
  const password_hash = Buffer.from(hash).toString("base64");
  try {
    return await users.updateUserPasswordHash({
      user_id: user.id,
      password_hash,
      password_hash_algorithm_id: algorithmId,
      password_salt: Buffer.from(salt).toString("base64"),
      user_password_hash_counter: user.password_hash_counter,
    });
  } catch (error) {
    log.warn({ err: error, user: user.id }, "a hash could not be renewed, or the answer was lost");
    return (await users.getUser(user.id))?.password_hash === password_hash;
  }
}
