import type { SameEntries } from "../languages.ts";

export const setup = {
  title: "Become the first administrator",
  lead: "This link works once. Your address gets a code, with which you choose your password.",
  go: "Go on",
  missing: "This page needs a setup link",
  missingLead: "Make one on the server, and open it here. It is good for a short time.",
} as const;

export type SetupWords = SameEntries<typeof setup>;
