import type { AuthResult, UserDeletion as Wire } from "@anteroom/shared/wire/faroe";
import type { AuthContext } from "../context.ts";
import type { Caller } from "../http/caller.ts";
import { done, failure, success } from "../result.ts";
import { deleteSessionsOfUser } from "../store/sessions.ts";
import { deleteUserChange, insertUserChange, type UserChange } from "../store/user-changes.ts";
import { findValidSession } from "./session.ts";
import { findSessionAndChange, prepareUserChange, verifyIdentityByPassword } from "./user-changes.ts";

type ByTokens = { session_token: string; user_deletion_token: string };

export async function createUserDeletion(
  context: AuthContext,
  args: { session_token: string },
): Promise<AuthResult<"create_user_deletion">> {
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  const { change, token } = prepareUserChange(context, "deletion", {
    user: valid.user,
    shownUserId: valid.user.id,
    sessionId: valid.session.id,
    lifetime: context.settings.expiration.userDeletion,
  });
  await insertUserChange(context.db, change);
  return success({ user_deletion: toWire(change), user_deletion_token: token });
}

export async function getUserDeletion(context: AuthContext, args: ByTokens): Promise<AuthResult<"get_user_deletion">> {
  const found = await find(context, args);
  return found.ok ? success({ user_deletion: toWire(found.change) }) : found;
}

export async function deleteUserDeletion(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"delete_user_deletion">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  return (await deleteUserChange(context.db, found.change.id)) ? done : failure("invalid_user_deletion_token");
}

export async function verifyUserDeletionUserPassword(
  context: AuthContext,
  args: ByTokens & { password: string },
  caller: Caller,
): Promise<AuthResult<"verify_user_deletion_user_password">> {
  const found = await find(context, args);
  return found.ok ? verifyIdentityByPassword(context, found, { password: args.password, caller }) : found;
}

export async function completeUserDeletion(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"complete_user_deletion">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  const { change, user } = found;
  if (!change.identityVerified) return failure("user_identity_not_verified");
  const isDeleted = await context.users.deleteUser(user.id);
  context.userCache.forget(user.id);
  if (!isDeleted) return failure("internal_conflict");
  await deleteUserChange(context.db, change.id);
  // Without their rows no other instance, with an older look at the user, lets sessions live on.
  await deleteSessionsOfUser(context.db, user.id);
  return done;
}

function find(context: AuthContext, args: ByTokens) {
  return findSessionAndChange(context, "deletion", {
    session: args.session_token,
    change: args.user_deletion_token,
    invalid: "invalid_user_deletion_token" as const,
  });
}

function toWire(change: UserChange): Wire {
  return {
    id: change.id,
    user_id: change.shownUserId,
    session_id: change.sessionId ?? "",
    user_identity_verified: change.identityVerified,
    created_at: change.createdAt,
    expires_at: change.expiresAt,
  };
}
