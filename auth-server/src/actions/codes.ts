import { isVerificationCode, normalizeCode } from "@anteroom/shared/wire/mailed-code";
import type { Settings } from "../settings.ts";

/** A code as it was made, whatever was typed with it; in strict mode byte for byte. */
export function readTypedCode({ strict }: Settings, text: string): string {
  return strict ? text : normalizeCode(text);
}

/** The same; undefined when it cannot be one, which costs nobody a try. In Faroe, and so in strict mode, it does. */
export function readVerificationCode(settings: Settings, text: string): string | undefined {
  const code = readTypedCode(settings, text);
  return settings.strict || isVerificationCode(code) ? code : undefined;
}
