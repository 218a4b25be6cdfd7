const localPart = /^[a-zA-Z0-9!#$%&'*+\-/=?^_{|}~.]+$/;
const domain = /^[a-zA-Z0-9.-]+$/;
/** Of a domain (RFC 1035 2.3.4). */
const label = /^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;

/** Faroe's rule for addresses: at most 100 bytes of ASCII, one `@`, no top-level domain needed. */
export function isEmailAddress(text: string): boolean {
  const at = text.indexOf("@");
  return text.length <= 100 && at > 0 && localPart.test(text.slice(0, at)) && domain.test(text.slice(at + 1));
}

/** Faroe lets addresses pass that no mail reaches: with dots at an end or side by side (RFC 5321 4.1.2). */
export function isReachableEmailAddress(text: string): boolean {
  const [local = "", host = ""] = text.split("@");
  return isEmailAddress(text) && local.split(".").every(Boolean) && host.split(".").every((part) => label.test(part));
}

declare const normalised: unique symbol;

/** An address in the one form in which addresses are kept and compared. `normalizeEmailAddress` makes them, and nothing else. */
export type EmailAddress = string & { readonly [normalised]: true };

/**
 * The one way to write an address: case, space around it and letters or punycode in its domain make no other person of
 * somebody. What is not ASCII before the `@` is left as it is, and so is no address: some letters of other alphabets
 * become ASCII in lower case, and would be somebody else's.
 */
export function normalizeEmailAddress(text: string): EmailAddress {
  const address = spellEmailAddress(text);
  return (isAscii(address) ? address.toLowerCase() : address) as EmailAddress;
}

/** The same as it is shown: in the letters, large or small, that its owner typed. */
export function spellEmailAddress(text: string): string {
  const address = text.trim();
  const host = address.lastIndexOf("@") + 1;
  return address.slice(0, host) + toAsciiDomain(address.slice(host));
}

/** Where its mail goes. Of anything, for mails wait for addresses that nobody has checked: never empty, never long. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1).slice(0, 255) || "unknown";
}

/** Punycode as browsers make it (UTS 46), which takes the letters in whatever form of Unicode they come. */
function toAsciiDomain(text: string): string {
  if (isAscii(text)) return text;
  const url = `http://${text}`;
  return notInNames.test(text) || !URL.canParse(url) ? text : new URL(url).hostname;
}

/** What would make an address of a page, or an escape, of a name. */
const notInNames = /[^\P{ASCII}a-zA-Z0-9.-]/u;

function isAscii(text: string): boolean {
  return !/\P{ASCII}/u.test(text);
}
