/**
 * The languages of the pages, each by its own name. A further one is a folder beside `en`, a line here, and where the
 * compiler then finds it missing.
 */
export const languages = { en: "English", nl: "Nederlands" } as const;

export type Language = keyof typeof languages;

export const languageTags = Object.keys(languages) as Language[];

/** The words of one room, in every language. */
export type InEach<Words> = Record<Language, Words>;

/** The entries and parameters of the English words, with other words: what is missing or too much does not compile. */
export type SameEntries<English> = English extends string
  ? string
  : English extends (...values: infer Values) => string
    ? (...values: Values) => string
    : { [Entry in keyof English]: SameEntries<English[Entry]> };
