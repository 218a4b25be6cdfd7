import { isEmailAddress, normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import { z } from "zod";
import { languages } from "./mail/types.ts";

/** Kinds of fields that several routes read. Messages are shown to people, after the field's name. */
const text = (maximum: number) => z.string("This must be a text.").max(maximum, `Use at most ${maximum} characters.`);

const controlCharacters = /\p{Cc}/u;

/** Control characters but for tabs and line ends. */
const unprintable = /[^\P{Cc}\t\n\r]/u;

const isOneLine = (value: string) => !controlCharacters.test(value);
const oneLine = "Leave out line breaks and other control characters.";

/** A person's or thing's name: one line, trimmed. */
export const nameField = text(100)
  .refine(isOneLine, oneLine)
  .transform((value) => value.trim());

/** An address that mail may be sent to. Case and space around it do not matter; line breaks are refused even there. */
export const newAddressField = text(254).refine(
  (value) => isOneLine(value) && isEmailAddress(normalizeEmailAddress(value)),
  "This is not an e-mail address we can use.",
);

/** An address to look somebody up by. */
export const addressField = text(254).refine(isOneLine, oneLine);

/** A part of a name or an address. */
export const searchField = text(100).refine(isOneLine, oneLine).default("");

/** How many rows of a list at once. */
export const limitField = z.coerce.number("Use a number.").int("Use a whole number.").min(1).max(200).default(100);

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
export const handleField = text(200).refine(isOneLine, oneLine);

/** A client's own name for one request. Nobody must guess it: who repeats it with the address gets the same token. */
export const requestKeyField = text(100).regex(/^[\w-]{22,}$/, "Use 22 to 100 random letters, digits, - and _.");

/** A few lines of explanation. */
export const reasonField = text(2_000).refine((value) => !unprintable.test(value), "Leave out control characters.");

export const permissionField = text(64).regex(
  /^[a-z][a-z0-9_:-]*$/,
  "Use lower-case letters, digits, and _ : - after the first letter.",
);
