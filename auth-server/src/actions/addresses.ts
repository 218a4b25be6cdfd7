import { isEmailAddress, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Settings } from "../settings.ts";

/**
 * The address as it is looked up, counted and mailed; undefined when it is none. Faroe takes addresses byte for byte, so
 * that `A@x` and `a@x` are two people with two mail limits; only strict mode keeps that.
 */
export function readEmailAddress(settings: Settings, text: string): string | undefined {
  const address = settings.strict ? text : normalizeEmailAddress(text);
  return isEmailAddress(address) ? address : undefined;
}
