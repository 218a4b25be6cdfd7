import { z } from "zod";
import { done, doneWithMessage, registered, time } from "./answers.ts";
import type { Contracts } from "./contract.ts";
import {
  addressField,
  codeField,
  languageField,
  messageField,
  nameField,
  newAddressField,
  opaqueField,
  requestKeyField,
} from "./fields.ts";

/** For people who register. */

const registrationStatus = z.object({
  email: z.string(),
  accepted: z.boolean(),
  signup_token: z.string().nullable().describe("The caller's own; null while there is none to be had."),
  state: z
    .enum(["rejected", "code_needed"])
    .exactOptional()
    .describe(
      "Only of a registration that was decided against, or of an open sign-up whose token takes the mailed code.",
    ),
});

const ownRequest = z.object({
  email: z.string(),
  created_at: time,
  stands: z.enum(["waiting", "approved", "rejected"]),
  usual_wait: z
    .enum(["hour", "day", "days", "week", "weeks"])
    .nullable()
    .describe("Within what half of the latest requests were decided; null where too few were."),
});

export type OwnRequest = z.output<typeof ownRequest>;

/** Whoever leaves it out means the one that their browser remembers. */
const tokenField = opaqueField.default("").describe("Left out: that of the request which this browser remembers.");

export type RegistrationStatus = z.output<typeof registrationStatus>;

const names = { firstname: nameField.default(""), lastname: nameField.default("") };

export const registrationContracts = {
  "POST /auth/request_registration": {
    summary:
      "Register and wait for an administrator's decision. Answers alike whether or not the address is known. Repeated with the same `request_key` (random, the client's own), it is the same request and gives the same token.",
    body: z.object({
      email: newAddressField,
      ...names,
      language: languageField.optional(),
      message: messageField
        .default("")
        .describe("To those who decide. Not kept where `BACKEND_MESSAGE` is `off`, needed where it is `required`."),
      request_key: requestKeyField.optional(),
    }),
    answer: registered,
    errors: ["already_registered", "missing_field"],
  },
  "POST /auth/registration_status": {
    summary: "Where a registration stands. With the mailed code, a sign-up token is given out in any case.",
    body: z.object({ registration_token: tokenField, code: codeField.optional() }),
    answer: registrationStatus,
    errors: ["missing_field", "registration_not_found", "address_in_use/own_request"],
  },
  "POST /auth/lookup_registration": {
    summary: "Find the registration token by address and mailed code, for those who have no link at hand.",
    body: z.object({ email: addressField, code: codeField }),
    answer: z.union([z.object({ found: z.literal(true), token: z.string() }), z.object({ found: z.literal(false) })]),
    errors: ["rate_limited"],
  },
  "POST /auth/renew_signup": {
    summary: "Mail a code again: the same while it is valid, a new one after that.",
    body: z.object({ registration_token: tokenField }),
    answer: done.extend({ signup_token: z.string().nullable(), email: z.string() }),
    errors: [
      "missing_field",
      "registration_not_accepted",
      "registration_not_found",
      "email_address_not_allowed",
      "rate_limited",
      "signup_failed",
    ],
  },
  "POST /auth/withdraw_registration": {
    summary: "Take a registration back. Once it is approved, that takes the mailed code.",
    body: z.object({ registration_token: tokenField, code: opaqueField.optional() }),
    answer: doneWithMessage,
    errors: [
      "missing_field",
      "code_needed",
      "registration_not_found",
      "invalid_transition/rejected",
      "incorrect_code",
      "rate_limited",
    ],
  },
  "GET /auth/own_request/": {
    summary: "What was asked for in this browser and is not over, by an HttpOnly cookie; null when there is nothing.",
    answer: z.object({ request: ownRequest.nullable() }),
  },
  "POST /auth/forget_request": {
    summary: "Clear that cookie. The request itself goes on.",
    answer: done,
  },
  "POST /auth/setup_administrator": {
    summary: "Use a one-time setup link: opens an approved registration that carries the permission `admin`.",
    body: z.object({ setup_token: opaqueField, email: newAddressField, ...names }),
    answer: registered,
    errors: ["address_in_use/set_up", "setup_link_not_valid"],
  },
} as const satisfies Contracts;
