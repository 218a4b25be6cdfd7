import type { User } from "@anteroom/shared/wire/user-server";
import { isRightSecret, type TokenParts } from "../credentials.ts";
import type { Settings } from "../settings.ts";

/**
 * Whether to stop at a wrong secret before anything else is looked at. Faroe checks the secret last, so that whoever
 * knows the public id of an object can have it looked up, and deleted if its user is gone or disabled.
 */
export function isRefusedEarly(settings: Settings, secretHash: Uint8Array, parts: TokenParts): boolean {
  return !settings.strict && !isRightSecret(secretHash, parts);
}

/** Whether the user an object belongs to may still use it. Disabling and enabling again ends it too. */
export function isActive<Standing extends Pick<User, "disabled" | "disabled_counter">>(
  user: Standing | undefined,
  object: { userDisabledCounter: number },
): user is Standing {
  return user !== undefined && !user.disabled && user.disabled_counter === object.userDisabledCounter;
}
