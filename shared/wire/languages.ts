/** What mails, and pages that the server writes itself, are written in. */
export const languages = ["en", "nl"] as const;

export type Language = (typeof languages)[number];
