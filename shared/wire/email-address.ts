const localPart = /^[a-zA-Z0-9!#$%&'*+\-/=?^_{|}~.]+$/;
const domain = /^[a-zA-Z0-9.-]+$/;

/** Faroe's rule for addresses: at most 100 bytes of ASCII, one `@`, no top-level domain needed. */
export function isEmailAddress(text: string): boolean {
  const at = text.indexOf("@");
  return text.length <= 100 && at > 0 && localPart.test(text.slice(0, at)) && domain.test(text.slice(at + 1));
}

/** Case and surrounding space make no other person of somebody. */
export function normalizeEmailAddress(text: string): string {
  return text.trim().toLowerCase();
}
