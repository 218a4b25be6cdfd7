import type { SameEntries } from "../languages.ts";

export const recover = {
  title: "Choose a new password",
  lead: "Tell us the address of your account. If there is one, an email with a link is sent there.",
  over: "This link has expired or was used already. Ask for a new one here.",
  newer: "There is a newer email",
  newerLead: "It brings a link of its own, and that is the one that works. Open the newest email you got.",
  expired: "This link has expired",
  expiredLead: "Links work for a short while only. One press, and a new one is sent to the same address.",
  renew: "Send me a new link",
  renewed: "A new link is on its way to the same address. The old one no longer works.",
  otherAddress: "Use another address",
  email: "Email address",
  ask: "Send me a link",
  sentTitle: "Check your email",
  sentLead: (address: string) =>
    `If there is an account with the address ${address}, an email with a link is on its way there. You can open it on any device.`,
  sentMore:
    "No email after a few minutes? Check your spam folder, and whether the address is the right one. A request that is still waiting has no password yet: you get an email once it is approved.",
  typed: "Type the code from the email instead",
  code: "Code from the email",
  newTitle: "Your new password",
  newLead: (address: string) => `Choose it for ${address}. You are then signed out everywhere.`,
  password: "New password",
  set: "Set the password",
  again: "Ask for another link",
  back: "Back to signing in",
} as const;

export type RecoverWords = SameEntries<typeof recover>;
