import { randomId, SealedOtherwise } from "@anteroom/shared/runtime/crypto";
import {
  type AuthAction,
  type AuthArguments,
  type AuthResult,
  authActions,
  privateActions,
} from "@anteroom/shared/wire/faroe";
import { type Invocation, textArguments } from "@anteroom/shared/wire/invocation";
import * as emailUpdate from "../actions/email-address-update.ts";
import * as passwordCheck from "../actions/password-check.ts";
import * as reset from "../actions/password-reset.ts";
import * as passwordUpdate from "../actions/password-update.ts";
import * as session from "../actions/session.ts";
import * as signin from "../actions/signin.ts";
import * as signup from "../actions/signup.ts";
import * as deletion from "../actions/user-deletion.ts";
import type { AuthContext } from "../context.ts";
import { HashQueueFull } from "../passwords/hash-queue.ts";
import { recordOutcome } from "../security-events.ts";
import type { Settings } from "../settings.ts";
import type { Caller } from "./caller.ts";

type Rule<A extends AuthAction> = (
  context: AuthContext,
  args: AuthArguments<A>,
  caller: Caller,
) => Promise<AuthResult<A>>;
type AnyRule = (context: AuthContext, args: Record<string, string>, caller: Caller) => Promise<AnyResult>;
type AnyResult = { ok: true; values: object } | { ok: false; error: string };

const rules = {
  create_signup: signup.createSignup,
  create_sibling_signup: signup.createSiblingSignup,
  get_signup: signup.getSignup,
  delete_signup: signup.deleteSignup,
  send_signup_email_address_verification_code: signup.sendSignupEmailAddressVerificationCode,
  verify_signup_email_address_verification_code: signup.verifySignupEmailAddressVerificationCode,
  set_signup_password: signup.setSignupPassword,
  complete_signup: signup.completeSignup,

  create_signin: signin.createSignin,
  get_signin: signin.getSignin,
  delete_signin: signin.deleteSignin,
  verify_signin_user_password: signin.verifySigninUserPassword,
  complete_signin: signin.completeSignin,

  get_session: session.getSession,
  delete_session: session.deleteSession,
  delete_all_sessions: session.deleteAllSessions,
  list_sessions: session.listSessions,
  end_session: session.endSession,
  verify_user_password: passwordCheck.verifyUserPassword,
  get_password_rules: passwordCheck.getPasswordRules,
  check_new_email_address: emailUpdate.checkNewEmailAddress,

  create_user_email_address_update: emailUpdate.createUserEmailAddressUpdate,
  get_user_email_address_update: emailUpdate.getUserEmailAddressUpdate,
  delete_user_email_address_update: emailUpdate.deleteUserEmailAddressUpdate,
  send_user_email_address_update_email_address_verification_code:
    emailUpdate.sendUserEmailAddressUpdateEmailAddressVerificationCode,
  verify_user_email_address_update_email_address_verification_code:
    emailUpdate.verifyUserEmailAddressUpdateEmailAddressVerificationCode,
  verify_user_email_address_update_user_password: emailUpdate.verifyUserEmailAddressUpdateUserPassword,
  complete_user_email_address_update: emailUpdate.completeUserEmailAddressUpdate,

  create_user_password_update: passwordUpdate.createUserPasswordUpdate,
  get_user_password_update: passwordUpdate.getUserPasswordUpdate,
  delete_user_password_update: passwordUpdate.deleteUserPasswordUpdate,
  verify_user_password_update_user_password: passwordUpdate.verifyUserPasswordUpdateUserPassword,
  set_user_password_update_new_password: passwordUpdate.setUserPasswordUpdateNewPassword,
  complete_user_password_update: passwordUpdate.completeUserPasswordUpdate,

  create_user_deletion: deletion.createUserDeletion,
  get_user_deletion: deletion.getUserDeletion,
  delete_user_deletion: deletion.deleteUserDeletion,
  verify_user_deletion_user_password: deletion.verifyUserDeletionUserPassword,
  complete_user_deletion: deletion.completeUserDeletion,

  create_user_password_reset: reset.createUserPasswordReset,
  get_user_password_reset: reset.getUserPasswordReset,
  delete_user_password_reset: reset.deleteUserPasswordReset,
  verify_user_password_reset_temporary_password: reset.verifyUserPasswordResetTemporaryPassword,
  set_user_password_reset_new_password: reset.setUserPasswordResetNewPassword,
  complete_user_password_reset: reset.completeUserPasswordReset,
} satisfies { [A in AuthAction]: Rule<A> };

export type ServedAction = keyof typeof rules;
export const servedActions = Object.keys(rules) as ServedAction[];

/** What the public listener serves. Strict mode is Faroe's: everything that is Faroe's own. */
export function publicActions({ strict, userStore }: Pick<Settings, "strict" | "userStore">): ServedAction[] {
  const withheld: ServedAction[] = strict
    ? []
    : // Open to everybody the first would mail strangers and skip the app server's registration; so would the second, for
      // every member, past the app server's own way, which asks for the password before.
      ["create_signup", ...(userStore === "app" ? ["create_user_email_address_update" as const] : [])];
  return servedActions.filter((action) => !Object.hasOwn(privateActions, action) && !withheld.includes(action));
}

export interface Answer {
  ok: boolean;
  action_invocation_id: string;
  values?: object;
  error_code?: string;
}

/**
 * Carries out an invocation. Undefined when it is not one of `served` with all its arguments. Throws HashQueueFull;
 * anything else that goes wrong is `internal_error`.
 */
export async function invoke(
  context: AuthContext,
  served: ReadonlySet<string>,
  invocation: Invocation,
  caller: Caller,
): Promise<Answer | undefined> {
  if (!served.has(invocation.action)) return undefined;
  const action = invocation.action as ServedAction;
  const contract = authActions[action];
  const optional = "optional" in contract ? contract.optional : [];
  const args = textArguments(invocation.arguments, contract.arguments, optional);
  if (args === undefined) return undefined;
  const id = randomId();
  const result = await carryOut(context, { action, args, caller, id });
  return result.ok
    ? { ok: true, action_invocation_id: id, values: result.values }
    : { ok: false, action_invocation_id: id, error_code: result.error };
}

async function carryOut(
  context: AuthContext,
  { action, args, caller, id }: { action: ServedAction; args: Record<string, string>; caller: Caller; id: string },
): Promise<AnyResult> {
  const start = performance.now();
  let result: AnyResult;
  try {
    result = await (rules[action] as AnyRule)(context, args, caller);
  } catch (error) {
    if (error instanceof HashQueueFull) {
      recordOutcome(context.events, action, "queue_full", args);
      throw error;
    }
    context.log.error({ err: error, action, action_invocation_id: id }, "internal_error");
    result = { ok: false, error: (error instanceof SealedOtherwise && goneCode(action)) || "internal_error" };
  }
  const milliseconds = performance.now() - start;
  const outcome = result.ok ? "ok" : result.error;
  context.metrics.observeInvocation(action, outcome, milliseconds / 1000);
  recordOutcome(context.events, action, outcome, args);
  context.log.debug({ action, action_invocation_id: id, outcome, milliseconds }, "invocation");
  return result;
}

/** An object whose code no secret opens any more is as good as gone, and can be asked for anew. */
function goneCode(action: ServedAction): string | undefined {
  const codes: readonly string[] = authActions[action].errors;
  return codes.find((code) => code === "invalid_signup_token" || code === "invalid_user_email_address_update_token");
}
