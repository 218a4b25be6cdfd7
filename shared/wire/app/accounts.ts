import { z } from "zod";
import { authValues } from "../faroe-answers.ts";
import { done, doneWithMessage, language, time } from "./answers.ts";
import type { Contracts } from "./contract.ts";
import { passwordReasons } from "./errors.ts";
import {
  addressField,
  codeField,
  languageField,
  nameField,
  newPasswordField,
  opaqueField,
  passwordField,
  proofField,
  writtenAddressField,
} from "./fields.ts";
import { listedMail } from "./mail.ts";
import { sessionUser } from "./session.ts";

/** What members do with their own account, and how they get back into it. */

/** The mails that a person may switch off. */
export const switchableMailTypes = ["signin_notification", "approval_request"] as const;

export type SwitchableMailType = (typeof switchableMailTypes)[number];

/** What a person chose about their mails, or what holds because they have chosen nothing. */
const preferences = z
  .object({
    language,
    mail: z.partialRecord(z.enum(switchableMailTypes), z.boolean()).describe("Not everybody has all of them."),
  })
  .meta({ id: "Preferences" });

export type AccountPreferences = z.output<typeof preferences>;

/** An address that waits for its code. */
const pendingAddress = z.object({ email: z.string(), expires_at: time }).meta({ id: "PendingAddress" });

export type PendingEmailChange = z.output<typeof pendingAddress>;

const sessionOverview = authValues.sessions.element.meta({ id: "SessionOverview" });

/** Everything that is kept of a person, as they may take it away. Nothing secret. */
const accountExport = z.object({
  exported_at: time,
  account: sessionUser.extend({ language, created_at: time }),
  permissions: z.array(
    z.object({ permission: z.string(), granted_by: z.string(), granted_at: time, expires_at: time.nullable() }),
  ),
  preferences,
  sessions: z.array(sessionOverview).nullable().describe("Null when the auth server does not list them."),
  pending_email_change: pendingAddress.nullable(),
  mails: z.array(listedMail),
  decisions: z.array(z.object({ at: time, action: z.string(), reason: z.string().nullable() })),
});

export type AccountExport = z.output<typeof accountExport>;

export const accountContracts = {
  "GET /account/preferences/": {
    summary: "The language that one's mails are written in, and which of the optional ones one gets.",
    answer: preferences,
    errors: ["invalid_session"],
  },
  "POST /account/preferences/": {
    summary:
      "Change language or mails; what is left out stays as it is. Answers what holds then. Notices of sign-ins are switched off with fresh proof only.",
    body: z.object({
      language: languageField.optional(),
      mail: z.partialRecord(z.enum(switchableMailTypes), z.boolean("Use true or false.")).optional(),
      ...proofField,
    }),
    answer: preferences,
    errors: ["invalid_session", "password_needed", ...passwordReasons],
  },
  "POST /account/request_password_link": {
    summary:
      "Mail a link for choosing a new password, to an address or to that of an expired link. Addresses with and without an account are answered alike.",
    body: z.object({ email: writtenAddressField.optional(), token: opaqueField.optional() }),
    either: ["email", "token"],
    answer: doneWithMessage,
    errors: ["link_not_valid", "rate_limited", "internal_conflict", "email_address_not_allowed/change"],
  },
  "POST /account/password_link_status": {
    summary: "Whose password a mailed link is for, while it is good. Changes nothing.",
    body: z.object({ token: opaqueField }),
    answer: pendingAddress,
    errors: ["link_not_valid", "link_expired", "link_superseded"],
  },
  "POST /account/use_password_link": {
    summary:
      "Choose a new password with the code of a mailed link, found by its token or by the address. Ends all sessions.",
    body: z.object({
      token: opaqueField.optional(),
      email: addressField.optional(),
      code: codeField,
      password: newPasswordField,
    }),
    either: ["token", "email"],
    answer: done,
    errors: [
      "link_not_valid",
      "link_expired",
      "link_superseded",
      "incorrect_code",
      "incorrect_code/address",
      "weak_password",
      "invalid_password_length",
      "internal_conflict",
      "rate_limited",
    ],
  },
  "GET /account/email_change/": {
    summary: "The new address that waits for its code, if there is one.",
    answer: z.object({ pending: pendingAddress.nullable() }),
  },
  "POST /account/change_email": {
    summary: "Mail a link to a new address. It takes the old one's place when the link is used.",
    body: z.object({ email: writtenAddressField, password: passwordField }),
    answer: pendingAddress,
    errors: ["invalid_session", "address_unchanged", "email_address_not_allowed/change", ...passwordReasons],
  },
  "POST /account/cancel_email_change": {
    summary: "Keep the address; the mailed link no longer works.",
    answer: done,
  },
  "POST /account/confirm_email": {
    summary: "Confirm a new address with the code of a mailed link; without its token, one's own while signed in.",
    body: z.object({ token: opaqueField.optional(), code: codeField }),
    answer: done.extend({ email: z.string(), already: z.boolean().describe("It had been confirmed before.") }),
    errors: ["no_session", "link_not_valid", "incorrect_code", "address_in_use/change", "rate_limited"],
  },
  "POST /account/profile": {
    summary: "Change one's names.",
    body: z.object({ firstname: nameField, lastname: nameField.default("") }),
    answer: sessionUser,
  },
  "GET /account/sessions/": {
    summary: "Where one is signed in.",
    answer: z.object({ sessions: z.array(sessionOverview) }),
    errors: ["invalid_session", "not_supported"],
  },
  "POST /account/end_session/": {
    summary: "Sign out somewhere else. Asks for the password unless one has just signed in.",
    body: z.object({ session_id: opaqueField, ...proofField }),
    answer: done,
    errors: ["invalid_session", "not_supported", "not_found/session", "password_needed/signed_in", ...passwordReasons],
  },
  "POST /account/end_other_sessions/": {
    summary: "Sign out everywhere else. Asks for the password unless one has just signed in.",
    body: z.object(proofField),
    answer: done.extend({ ended: z.int() }),
    errors: ["invalid_session", "not_supported", "password_needed/signed_in", ...passwordReasons],
  },
  "GET /account/export": {
    summary: "Everything that is kept of oneself, as a file.",
    answer: accountExport,
    errors: ["invalid_session"],
  },
  "POST /account/delete": {
    summary: "Delete one's account, at once and for good. Not for the last administrator.",
    body: z.object({ password: passwordField }),
    answer: done,
    errors: ["invalid_session", "last_administrator/self", ...passwordReasons],
  },
} as const satisfies Contracts;
