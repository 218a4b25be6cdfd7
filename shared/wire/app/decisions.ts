import { z } from "zod";
import { anActor } from "./actors.ts";
import { doneWithMessage, language, next, time } from "./answers.ts";
import type { Contracts } from "./contract.ts";
import { addressField, afterField, limitField, opaqueField, reasonField, searchField } from "./fields.ts";
import { mailSummary } from "./mail.ts";

/** For administrators who decide about registrations. */

/** Those who wait for an administrator, those whom one let in, and the rejected. */
export const waitingStates = ["REQUESTED", "ACCEPTING"] as const;
export const listedStates = [...waitingStates, "ACCEPTED", "OPEN", "REJECTED"] as const;

/** How a registration ends that becomes no account. */
export const endedStates = ["REJECTED", "WITHDRAWN", "EXPIRED"] as const;

const listedState = z.enum(listedStates).meta({ id: "RegistrationState" });

const listedRegistration = z
  .object({
    email: z.string(),
    firstname: z.string(),
    lastname: z.string(),
    accepted: z.boolean(),
    state: listedState,
    created_at: time,
    decided_by: z.string().nullable().describe(`${anActor} Null while undecided.`),
    decided_at: time.nullable(),
    reason: z.string().nullable(),
    mail: mailSummary.nullable().describe("What became of the newest mail about it."),
  })
  .meta({ id: "Registration" });

export type ListedRegistration = z.output<typeof listedRegistration>;

const earlierRegistration = z.object({
  state: z.enum(endedStates),
  decided_at: time.nullable().describe("Unix seconds; null when nobody had decided."),
  reason: z.string().nullable(),
});

export type EarlierRegistration = z.output<typeof earlierRegistration>;

const alternativeRequest = z.object({
  registration_id: z.string(),
  firstname: z.string(),
  lastname: z.string(),
  message: z.string().nullable(),
  created_at: time,
});

export type AlternativeRequest = z.output<typeof alternativeRequest>;

/** A registration as the queue of decisions shows it. */
const queuedRegistration = listedRegistration
  .extend({
    id: z.string(),
    decided_by_name: z.string().nullable(),
    language: language.describe("What mails to this person are written in."),
    message: z.string().nullable().describe("What they wrote to those who decide: lines of a stranger's, unchecked."),
    earlier: z
      .array(earlierRegistration)
      .describe("How earlier registrations of the address ended, and rejections that were reopened; newest first."),
    same_name: z
      .int()
      .describe("How many other people, waiting or with an account, have the same first and last name."),
    requests: z.int().describe("How many requests for the address wait: this one, and those that came after it."),
    alternatives: z
      .array(alternativeRequest)
      .describe("The first five of the others. Any may be accepted instead, by its `registration_id`."),
  })
  .meta({ id: "QueuedRegistration" });

export type QueuedRegistration = z.output<typeof queuedRegistration>;

const statesField = z
  .string()
  .default(waitingStates.join())
  .transform((text) => text.split(","))
  .pipe(z.array(z.enum(listedStates, `Use one or more of ${listedStates.join(", ")}.`)));

const tooLate = ["registration_not_found/address", "invalid_transition"] as const;

/** Why a registration is not approved. */
export const notAccepted = [
  ...tooLate,
  "registration_not_found/newusers",
  "registration_rejected",
  "registration_changed",
  "address_in_use",
  "email_address_not_allowed",
  "rate_limited/opening",
  "signup_failed",
  "signup_outcome_unknown",
] as const;

export const decisionContracts = {
  "GET /admin/list_newusers/": {
    summary: "People who wait or were approved, oldest first. `?state=REJECTED` lists another state.",
    query: z.object({ state: z.enum(listedStates, `Use one of ${listedStates.join(", ")}.`).optional() }),
    answer: z.array(listedRegistration),
  },
  "GET /admin/registrations/": {
    summary:
      "The queue, oldest first, with what helps to decide. `state`: one or several, separated by commas; those who wait unless told. `search`: a part of name or address. `after`: the `next` of the page before.",
    query: z.object({ state: statesField, search: searchField, after: afterField, limit: limitField }),
    answer: z.object({
      rows: z.array(queuedRegistration),
      next,
      counts: z.record(listedState, z.int()).describe("Of all there are, whatever is searched for."),
    }),
  },
  "POST /admin/accept_user/": {
    summary:
      "Approve a registration: opens the sign-up and mails the code. `registration_id` says which of several requests for the address; without, the first.",
    body: z.object({ email: addressField, registration_id: opaqueField.optional() }),
    answer: doneWithMessage.extend({ signup_token: z.string().nullable() }),
    errors: notAccepted,
  },
  "POST /admin/resend_signup_email/": {
    summary: "Mail the code of an approved registration once more.",
    body: z.object({ email: addressField }),
    answer: doneWithMessage,
    errors: ["signup_not_found", "resend_failed", "address_in_use", "email_address_not_allowed"],
  },
  "POST /admin/reject_user/": {
    summary: "Decide against a registration. The reason is kept, and mailed to the person.",
    body: z.object({ email: addressField, reason: reasonField.default("") }),
    answer: doneWithMessage,
    errors: tooLate,
  },
  "POST /admin/reopen_registration/": {
    summary: "Let a rejected registration wait for a decision again.",
    body: z.object({ email: addressField }),
    answer: doneWithMessage,
    errors: tooLate,
  },
  "POST /admin/delete_registration/": {
    summary: "Take a registration away before its account is active.",
    body: z.object({ email: addressField }),
    answer: doneWithMessage,
    errors: tooLate,
  },
} as const satisfies Contracts;
