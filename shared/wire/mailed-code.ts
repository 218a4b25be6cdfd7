/**
 * A mailed code as it was made, from what somebody typed or pasted: mail programs, phones and people put dashes, quotation
 * marks, dots, spaces and signs that are not seen in and around it, and some type letters of full width or small ones.
 */
export function normalizeCode(text: string): string {
  return text
    .normalize("NFKC")
    .replace(/[^\p{L}\p{N}]/gu, "")
    .toUpperCase();
}

/** Of eight letters and digits without look-alikes. Anything else is no guess at a code. */
export function isVerificationCode(code: string): boolean {
  return /^[A-HJ-NP-Z2-9]{8}$/.test(code);
}
