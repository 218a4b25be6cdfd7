import { noteSubject } from "@anteroom/shared/runtime/http/request-scope";
import { formatTimestamp } from "@anteroom/shared/wire/email";
import { largestCounter, type User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import { createCredential, isRightSecret, parseToken } from "../credentials.ts";
import type { Caller } from "../http/caller.ts";
import { claimantOf, type Subject } from "../limits/guesses.ts";
import { findPasswordFault, normalizePassword } from "../passwords/password-rules.ts";
import { done, failure } from "../result.ts";
import type { UserChangeKind } from "../store/database.ts";
import type { Session } from "../store/sessions.ts";
import {
  deleteUserChange,
  findUserChange,
  markUserChangeVerified,
  setUserChangePassword,
  type UserChange,
} from "../store/user-changes.ts";
import { showPassword } from "./password-check.ts";
import { findValidSession } from "./session.ts";
import { isActive, isRefusedEarly } from "./user-objects.ts";

/** What the flows of signed-in and locked-out users have in common. */

export interface ValidChange {
  change: UserChange;
  user: User;
}

/** A change begun now by (or, without `user`, apparently for) a user. */
export function prepareUserChange(
  { clock, settings }: AuthContext,
  kind: UserChangeKind,
  owner: { user: User | undefined; shownUserId: string; sessionId?: string; lifetime: number },
) {
  const { id, secretHash, token } = createCredential(settings);
  const createdAt = clock.now();
  const change: UserChange = {
    id,
    kind,
    secretHash,
    userId: owner.user?.id,
    shownUserId: owner.shownUserId,
    sessionId: owner.sessionId,
    userEmailAddressCounter: owner.user?.email_address_counter ?? 0,
    userPasswordHashCounter: owner.user?.password_hash_counter ?? 0,
    userDisabledCounter: owner.user?.disabled_counter ?? 0,
    identityVerified: false,
    newEmailAddress: undefined,
    sealedCode: undefined,
    newEmailAddressVerified: false,
    temporaryPassword: undefined,
    newPassword: undefined,
    createdAt,
    expiresAt: createdAt + owner.lifetime,
  };
  return { change, token };
}

/** The change of a token. Its user is undefined on a decoy. Deletes what has expired or been ended. */
export async function findValidChange(
  context: AuthContext,
  kind: UserChangeKind,
  token: string,
  knownUser?: User,
): Promise<{ change: UserChange; user: User | undefined } | undefined> {
  const parts = parseToken(token);
  const change = parts && (await findUserChange(context.db, kind, parts.id));
  if (!change || isRefusedEarly(context.settings, change.secretHash, parts)) return undefined;
  noteSubject({ user: subjectOf(change) });
  if (context.clock.now() >= change.expiresAt) return end(context, change);
  const isKnown = knownUser !== undefined && knownUser.id === change.userId && !context.settings.strict;
  const user = isKnown ? knownUser : await context.userCache.look(subjectOf(change));
  if (change.userId !== undefined && !isCurrent(user, change)) return end(context, change);
  // Not deleted: a hash that is being renewed takes its changes along a moment after the user.
  if (change.userId !== undefined && user?.password_hash_counter !== change.userPasswordHashCounter)
    return context.settings.strict ? end(context, change) : undefined;
  if (!isRightSecret(change.secretHash, parts)) return undefined;
  return { change, user: change.userId === undefined ? undefined : user };
}

/** The user, or who an address without one is taken for. */
export function subjectOf(change: UserChange): string {
  return change.userId ?? change.shownUserId;
}

export function guessedAt(change: UserChange): Subject {
  return { id: subjectOf(change), passwordHashCounter: change.userPasswordHashCounter };
}

/** A change ends with its user, and those that use the address with the address. */
function isCurrent(user: User | undefined, change: UserChange): boolean {
  if (!isActive(user, change)) return false;
  const usesAddress = change.kind === "email_address_update" || change.kind === "password_reset";
  return !usesAddress || user.email_address_counter === change.userEmailAddressCounter;
}

async function end({ db }: AuthContext, change: UserChange): Promise<undefined> {
  await deleteUserChange(db, change.id);
}

/** Session and change of two tokens that belong together. `invalid` is the code for a change that is not valid. */
export async function findSessionAndChange<E extends string>(
  context: AuthContext,
  kind: UserChangeKind,
  tokens: { session: string; change: string; invalid: E },
): Promise<
  | { ok: true; session: Session; change: UserChange; user: User }
  | { ok: false; error: "invalid_session_token" | E | "session_mismatch" }
> {
  const valid = await findValidSession(context, tokens.session, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  const found = await findValidChange(context, kind, tokens.change, valid.user);
  if (!found?.user) return failure(tokens.invalid);
  if (found.change.sessionId !== valid.session.id) return failure("session_mismatch");
  return { ok: true, session: valid.session, change: found.change, user: found.user };
}

/** The signed-in user shows the password once more. */
export async function verifyIdentityByPassword(
  context: AuthContext,
  { change, user }: ValidChange,
  { password, caller }: { password: string; caller: Caller },
) {
  if (change.identityVerified) return failure("user_identity_already_verified");
  const shown = await showPassword(context, user, { sessionId: change.sessionId, password, caller });
  if (!shown.ok) return shown;
  return (await markUserChangeVerified(context.db, change.id, "identity_verified", context.clock.now()))
    ? done
    : failure("internal_conflict");
}

/** Keeps the new password, hashed, until the change completes. */
export async function setNewPassword(
  context: AuthContext,
  { change, user }: ValidChange,
  { password, caller }: { password: string; caller: Caller },
) {
  if (change.newPassword) return failure("new_password_already_set");
  const owner = { emailAddress: user.email_address, displayName: user.display_name };
  const fault = await findPasswordFault(context, password, owner);
  if (fault) return failure(fault);
  using place = context.hashQueue.takePlace(claimantOf(context, caller, guessedAt(change), change.sessionId));
  const hash = await context.passwords.hash(place, normalizePassword(context, password));
  return (await setUserChangePassword(context.db, change.id, hash, context.clock.now()))
    ? done
    : failure("internal_conflict");
}

/** Puts the new password in place of the one the change was begun under. False when that changed meanwhile. */
export async function putNewPassword(context: AuthContext, change: UserChange, userId: string): Promise<boolean> {
  const password = change.newPassword;
  if (!password) throw new Error("A password change without a password was completed.");
  const isPut = await context.users.updateUserPasswordHash({
    user_id: userId,
    password_hash: Buffer.from(password.hash).toString("base64"),
    password_hash_algorithm_id: password.algorithmId,
    password_salt: Buffer.from(password.salt).toString("base64"),
    user_password_hash_counter: change.userPasswordHashCounter,
  });
  context.userCache.forget(userId);
  return isPut;
}

/** Throws when a counter of the user can go no higher: the change could never complete. */
export function assertRoomToCount(counter: number): void {
  if (counter >= largestCounter) throw new Error("A counter of the user is at its limit.");
}

export function notice(context: AuthContext, user: User) {
  return {
    email: user.email_address,
    ...(user.display_name === "" ? {} : { displayName: user.display_name }),
    timestamp: formatTimestamp(context.clock.now()),
  };
}
