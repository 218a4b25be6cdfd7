import { z } from "zod";
import { isReachableEmailAddress, normalizeEmailAddress, spellEmailAddress } from "../email-address.ts";
import { languages } from "../languages.ts";
import { normalizeCode } from "../mailed-code.ts";
import { oneLine as cleanLine } from "../text.ts";

/** Kinds of fields that several routes read. Messages are shown to people, after the field's name. */
const text = (maximum: number) => z.string("This must be a text.").max(maximum, `Use at most ${maximum} characters.`);

const controlCharacters = /\p{Cc}/u;

/** Control characters but for tabs and line ends. */
const unprintable = /[^\P{Cc}\t\n\r]/u;

const isOneLine = (value: string) => !controlCharacters.test(value);
const oneLine = "Leave out line breaks and other control characters.";

const notUnicode = "This is not a text in Unicode.";

/** Nothing but spaces, marks and signs that are not seen, of which some pass for letters. */
const isBlank = (value: string) => !/[^\p{DI}\p{Z}\p{M}\p{C}\u2800]/u.test(value);

/**
 * A person's or thing's name: one line, without the characters that turn text around or hide it, for it is shown to whoever
 * decides. Left out, or shown: a name that is there and cannot be seen is none.
 */
export const nameField = text(100)
  .refine(isOneLine, oneLine)
  .refine((value) => value.trim() === "" || !isBlank(value), "Use at least one letter that can be seen.")
  .transform((value) => cleanLine(value, 100));

/** An address that mail may be sent to, as its owner writes it. Line breaks are refused even around it. */
export const writtenAddressField = text(254)
  .refine(
    (value) => isOneLine(value) && isReachableEmailAddress(normalizeEmailAddress(value)),
    "This is not an e-mail address we can use.",
  )
  .transform(spellEmailAddress);

/** The same where only the one form is of interest. */
export const newAddressField = writtenAddressField.transform(normalizeEmailAddress);

/** An address to look somebody up by. */
export const addressField = text(254).refine(isOneLine, oneLine).transform(normalizeEmailAddress);

/** A part of a name or an address. */
export const searchField = text(100)
  .refine(isOneLine, oneLine)
  .transform((value) => cleanLine(value, 100))
  .default("");

/** How many rows of a list at once. */
export function limitUpTo(most: number) {
  return z.coerce.number<number>("Use a number.").int("Use a whole number.").min(1).max(most).default(100);
}

export const limitField = limitUpTo(200);

/** Where a page of a list starts: the `next` of the page before, made of the last row's time and id. */
export const afterField = z
  .string()
  .regex(/^\d{1,12}_[\w-]{1,64}$/, "Use what `next` was before.")
  .transform((cursor) => {
    const [createdAt = "", ...id] = cursor.split("_");
    return { createdAt: Number(createdAt), id: id.join("_") };
  })
  .optional();

/** What mails are written in. */
export const languageField = z.enum(languages, `Use one of ${languages.join(", ")}.`);

/** Tokens, codes and ids: compared, never shown. */
export const opaqueField = text(200).refine(isOneLine, oneLine);

/** A client's own name for one request. Nobody must guess it: who repeats it with the address gets the same token. */
export const requestKeyField = text(100).regex(/^[\w-]{22,}$/, "Use 22 to 100 random letters, digits, - and _.");

/** Any text: what is allowed is decided where a password is set. */
export const passwordField = z
  .string("This must be a text.")
  .max(1_000, "Use at most 1000 characters.")
  .refine((value) => value.isWellFormed(), notUnicode);

/** A password to be: what is too long is said with how long it may be, in code points as the auth server counts them. */
export const newPasswordField = z
  .string("This must be a text.")
  .refine((value) => value.isWellFormed(), notUnicode)
  .refine((value) => [...value.normalize("NFC")].length <= 256, "Use at most 256 characters.");

/** Beside what needs fresh proof: the password, for those who showed it some time ago. */
export const proofField = { password: passwordField.optional() };

/** A mailed code, however it was typed. */
export const codeField = opaqueField.refine((code) => code.isWellFormed(), notUnicode).transform(normalizeCode);

/** A few lines of explanation. */
export const reasonField = text(2_000)
  .refine((value) => !unprintable.test(value), "Leave out control characters.")
  .transform((value) => value.replace(/(?![\u200c\u200d])\p{Cf}/gu, ""));

/** A few lines of a stranger's: what nobody could see is nothing. */
export const messageField = reasonField
  .refine((value) => value.isWellFormed(), notUnicode)
  .transform((value) => (isBlank(value) ? "" : value.trim()));

export const permissionField = text(64).regex(
  /^[a-z][a-z0-9_:-]*$/,
  "Use lower-case letters, digits, and _ : - after the first letter.",
);
