import { isEmailAddress } from "@anteroom/shared/wire/email-address";
import type { Language } from "@anteroom/shared/wire/languages";
import { oneLine } from "@anteroom/shared/wire/text";
import { type MailType, mailKinds, type ValueKey, type WaitingPerson } from "../kinds.ts";

/**
 * What every template may show. `link` is where the mail's button leads; a type without one leaves it out. `codeLink` is
 * the same if the code goes along, so that there is nothing to type.
 */
export const commonKeys = [
  "site",
  "recipient",
  "language",
  "subject",
  "link",
  "codeLink",
  "recoverLink",
  "contact",
  "privacyUrl",
  "termsUrl",
  "unsubscribeUrl",
] as const;

/** How a value from outside is made fit to be shown, by its key. */
const cleaners: Readonly<
  Record<ValueKey | "site" | "recipient", (value: string, language: Language) => string | WaitingPerson[]>
> = {
  displayName: cleanName,
  firstname: cleanName,
  lastname: cleanName,
  by: cleanName,
  email: cleanAddress,
  newEmail: cleanAddress,
  recipient: cleanAddress,
  timestamp: (value, language) => localTimestamp(cleanName(value), language),
  until: (value, language) => localTimestamp(cleanName(value), language),
  message: cleanMessage,
  waiting: cleanPeople,
  more: cleanName,
  waitingSince: (value, language) => localTimestamp(cleanName(value), language),
  reason: (value) => oneLine(value, 2_000),
  site: (value) => oneLine(value, 100),
};

/** The values of a mail that its templates know, fit to be shown. Empty ones are left out. */
export function cleanValues(
  type: MailType,
  values: Readonly<Record<string, string>>,
  language: Language,
): Record<string, string | WaitingPerson[]> {
  const { must, may } = mailKinds[type];
  const known: readonly string[] = ["site", "recipient", ...must, ...may];
  const clean = Object.entries(cleaners).map(([key, cleaner]) => {
    const value = known.includes(key) && Object.hasOwn(values, key) ? values[key] : undefined;
    return [key, cleaner(value ?? "", language)] as const;
  });
  return Object.fromEntries(clean.filter(([, value]) => value.length > 0));
}

const mailAddress = /^[<("'“]?[\w.+-]+@[\w-]+(\.[\w-]+)+[>)"'”,;:.!?]?$/;

/**
 * A name is a stranger's words in a mail that we send, perhaps to somebody else. Mail programs make links of whatever
 * looks like one, so a space is put where it breaks: `http: //evil. example`, and harmlessly `J. R. R. Tolkien`. Mail
 * addresses stay: some people's display name is theirs, and at worst they open an empty mail.
 */
function cleanName(value: string): string {
  return oneLine(breakLinks(oneLine(value, 100)), 120);
}

/** The same of a stranger's message. Whoever wants all of it reads it in the queue. */
function cleanMessage(value: string): string {
  return oneLine(breakLinks(oneLine(value, 500)), 600);
}

function breakLinks(line: string): string {
  const breakWord = (word: string) =>
    mailAddress.test(word) ? word : word.replace(/:(?=\/)|[.。．｡](?=[\p{L}\p{N}])/gu, "$& ");
  return line.split(" ").map(breakWord).join(" ");
}

function cleanAddress(value: string): string {
  return isEmailAddress(value) ? value : cleanName(value);
}

/** People who wait, from the JSON that the queue keeps. Nobody, where there is none. */
function cleanPeople(value: string, language: Language): WaitingPerson[] {
  if (!value) return [];
  const people = JSON.parse(value) as WaitingPerson[];
  return people.map(({ firstname, lastname, email, since }) => ({
    firstname: cleanName(firstname),
    lastname: cleanName(lastname),
    email: cleanAddress(email),
    since: localTimestamp(since, language),
  }));
}

const englishMonths = "January February March April May June July August September October November December".split(
  " ",
);
const dutchMonths = "januari februari maart april mei juni juli augustus september oktober november december".split(
  " ",
);

/** The auth server's `January 2, 2026 15:04:05`, said in the mail's language. Anything else stays as it is. */
function localTimestamp(timestamp: string, language: Language): string {
  const [, month = "", day, year, time] = /^(\w+) (\d{1,2}), (\d{4}) ([\d:]+)$/.exec(timestamp) ?? [];
  const dutch = dutchMonths[englishMonths.indexOf(month)];
  return language === "nl" && dutch ? `${day} ${dutch} ${year} ${time}` : timestamp;
}
