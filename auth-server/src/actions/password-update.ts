import type { AuthResult, UserPasswordUpdate as Wire } from "@anteroom/shared/wire/faroe";
import type { AuthContext } from "../context.ts";
import type { Caller } from "../http/caller.ts";
import { done, failure, success } from "../result.ts";
import { endOtherSessions } from "../store/sessions.ts";
import { deleteUserChange, insertUserChange, type UserChange } from "../store/user-changes.ts";
import { findValidSession } from "./session.ts";
import {
  assertRoomToCount,
  findSessionAndChange,
  notice,
  prepareUserChange,
  putNewPassword,
  setNewPassword,
  verifyIdentityByPassword,
} from "./user-changes.ts";

type ByTokens = { session_token: string; user_password_update_token: string };

export async function createUserPasswordUpdate(
  context: AuthContext,
  args: { session_token: string },
): Promise<AuthResult<"create_user_password_update">> {
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  assertRoomToCount(valid.user.password_hash_counter);
  const { change, token } = prepareUserChange(context, "password_update", {
    user: valid.user,
    shownUserId: valid.user.id,
    sessionId: valid.session.id,
    lifetime: context.settings.expiration.userPasswordUpdate,
  });
  await insertUserChange(context.db, change);
  return success({ user_password_update: toWire(change), user_password_update_token: token });
}

export async function getUserPasswordUpdate(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"get_user_password_update">> {
  const found = await find(context, args);
  return found.ok ? success({ user_password_update: toWire(found.change) }) : found;
}

export async function deleteUserPasswordUpdate(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"delete_user_password_update">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  return (await deleteUserChange(context.db, found.change.id)) ? done : failure("invalid_password_update_token");
}

export async function verifyUserPasswordUpdateUserPassword(
  context: AuthContext,
  args: ByTokens & { password: string },
  caller: Caller,
): Promise<AuthResult<"verify_user_password_update_user_password">> {
  const found = await find(context, args);
  return found.ok ? verifyIdentityByPassword(context, found, { password: args.password, caller }) : found;
}

export async function setUserPasswordUpdateNewPassword(
  context: AuthContext,
  args: ByTokens & { password: string },
  caller: Caller,
): Promise<AuthResult<"set_user_password_update_new_password">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  if (!found.change.identityVerified) return failure("user_identity_not_verified");
  return setNewPassword(context, found, { password: args.password, caller });
}

/** In default mode all other sessions end: whoever knew the old password is out. */
export async function completeUserPasswordUpdate(
  context: AuthContext,
  args: ByTokens,
): Promise<AuthResult<"complete_user_password_update">> {
  const found = await find(context, args);
  if (!found.ok) return found;
  const { change, user, session } = found;
  if (!change.identityVerified) return failure("user_identity_not_verified");
  if (!change.newPassword) return failure("new_password_not_set");
  if (!(await putNewPassword(context, change, user.id))) return failure("internal_conflict");
  await deleteUserChange(context.db, change.id);
  if (!context.settings.strict)
    await endOtherSessions(context.db, user.id, {
      keptSessionId: session.id,
      passwordHashCounter: change.userPasswordHashCounter + 1,
    });
  await context.mailer.notify({ type: "password_updated", ...notice(context, user) });
  return done;
}

function find(context: AuthContext, args: ByTokens) {
  return findSessionAndChange(context, "password_update", {
    session: args.session_token,
    change: args.user_password_update_token,
    invalid: "invalid_password_update_token" as const,
  });
}

function toWire(change: UserChange): Wire {
  return {
    id: change.id,
    user_id: change.shownUserId,
    session_id: change.sessionId ?? "",
    user_identity_verified: change.identityVerified,
    new_password_set: change.newPassword !== undefined,
    created_at: change.createdAt,
    expires_at: change.expiresAt,
  };
}
