import type { AuthResult } from "@anteroom/shared/wire/faroe";
import type { User } from "@anteroom/shared/wire/user-server";
import type { AuthContext } from "../context.ts";
import type { Caller } from "../http/caller.ts";
import { claimantOf, passwordWasRight, passwordWasWrong, payForPassword } from "../limits/guesses.ts";
import { isPasswordOf } from "../passwords/password-rules.ts";
import { done, failure, success } from "../result.ts";
import { findValidSession } from "./session.ts";

export async function getPasswordRules({ settings }: AuthContext): Promise<AuthResult<"get_password_rules">> {
  const { passwordMinLength: min_length, passwordMaxLength: max_length } = settings;
  return success({ password_rules: { min_length, max_length } });
}

/** For what the app server does by itself once the password was shown. */
export async function verifyUserPassword(
  context: AuthContext,
  args: { session_token: string; password: string },
  caller: Caller,
): Promise<AuthResult<"verify_user_password">> {
  const valid = await findValidSession(context, args.session_token, context.userCache.look);
  if (!valid) return failure("invalid_session_token");
  return showPassword(context, valid.user, { sessionId: valid.session.id, password: args.password, caller });
}

/** The signed-in user shows the password once more. It is paid for before it is looked at, by their device or session. */
export async function showPassword(
  context: AuthContext,
  user: User,
  { sessionId, password, caller }: { sessionId: string | undefined; password: string; caller: Caller },
) {
  const subject = { id: user.id, passwordHashCounter: user.password_hash_counter };
  const claimant = claimantOf(context, caller, subject, sessionId);
  using place = context.hashQueue.takePlace(claimant);
  const paid = await payForPassword(context, user.id, claimant);
  if (!paid.ok) return paid;
  if (!(await isPasswordOf(context, place, user, password))) {
    await passwordWasWrong(context, paid, user);
    return failure("incorrect_password");
  }
  await passwordWasRight(context, paid);
  return done;
}
