import { isEmailAddress, isReachableEmailAddress, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Settings } from "../settings.ts";

/**
 * The address as it is looked up, counted and mailed; undefined when it is none. Faroe takes addresses byte for byte, so
 * that `A@x` and `a@x` are two people with two mail limits; only strict mode keeps that.
 */
export function readEmailAddress(settings: Settings, text: string): string | undefined {
  const address = settings.strict ? text : normalizeEmailAddress(text);
  return isEmailAddress(address) ? address : undefined;
}

/** An address that nobody has yet. Faroe takes some that no mail reaches; only strict mode does that. */
export function readNewEmailAddress(settings: Settings, text: string): string | undefined {
  const address = readEmailAddress(settings, text);
  return address !== undefined && (settings.strict || isReachableEmailAddress(address)) ? address : undefined;
}
