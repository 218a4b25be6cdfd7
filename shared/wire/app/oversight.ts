import { z } from "zod";
import { anActor } from "./actors.ts";
import { done, next, time } from "./answers.ts";
import type { Contracts } from "./contract.ts";
import { notAccepted } from "./decisions.ts";
import { appErrorCodes } from "./errors.ts";
import {
  addressField,
  limitField,
  opaqueField,
  proofField,
  reasonField,
  searchField,
  writtenAddressField,
} from "./fields.ts";
import { mailStatus } from "./mail.ts";

/** For administrators: many decisions at once, what was decided, and how things go. */

const failedItem = z.object({
  email: z.string(),
  error: z.enum(appErrorCodes),
  decided_by_name: z.string().nullable().describe("Who was quicker, when that is why."),
  decided_at: time.nullable(),
});

export type FailedBatchItem = z.output<typeof failedItem>;

/** Decisions about many registrations at once, carried out one after the other. */
const listedBatch = z
  .object({
    id: z.string(),
    decision: z.enum(["accept", "reject"]),
    reason: z.string().nullable(),
    actor: z.string(),
    actor_name: z.string().nullable(),
    total: z.int(),
    done: z.int().describe("How many were decided as asked."),
    failed: z.array(failedItem),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: "Batch" });

export type ListedBatch = z.output<typeof listedBatch>;

export const decisionActions = [
  "accept",
  "reject",
  "reopen",
  "delete_registration",
  "resend",
  "grant_permission",
  "revoke_permission",
  "disable_user",
  "enable_user",
  "end_sessions",
  "send_reset_link",
  "delete_user",
  "clear_address",
  "replay_mail",
  "address_taken",
] as const;

export type DecisionAction = (typeof decisionActions)[number];

/** An entry of the log of decisions, which is only ever added to. */
const loggedDecision = z
  .object({
    id: z.int(),
    at: time,
    actor: z.string().describe(anActor),
    actor_name: z.string().nullable().describe("As it was then; null for those who are no person."),
    action: z.enum(decisionActions),
    subject: z.string().describe("The mail address of whom it was about."),
    reason: z.string().nullable(),
    detail: z.string().nullable().describe("The permission, or the kind of mail."),
    person: z
      .object({ id: z.string(), firstname: z.string(), lastname: z.string() })
      .nullable()
      .describe("Who that is now, with the id for /admin/person/; null when nothing is kept of them."),
    batch: z
      .object({ id: z.string(), count: z.int() })
      .nullable()
      .describe("The batch it was decided in, and how many decisions that made."),
  })
  .meta({ id: "Decision" });

export type LoggedDecision = z.output<typeof loggedDecision>;

const moment = z.coerce.number<string>("Use unix seconds.").int().min(0).max(99_999_999_999).optional();

const logFilter = z.object({
  search: searchField,
  action: z.enum(decisionActions, `Use one of ${decisionActions.join(", ")}.`).optional(),
  about: opaqueField.optional(),
  batch: opaqueField.optional(),
  since: moment,
  until: moment,
});

const overview = z.object({
  days: z
    .array(z.object({ date: z.string(), registrations: z.int(), accepted: z.int(), rejected: z.int() }))
    .describe("The last 30 days, oldest first, in UTC."),
  hours_to_decision: z
    .object({ median: z.number(), p90: z.number() })
    .nullable()
    .describe("Of those 30 days; null when nothing was decided."),
  waiting: z.object({ count: z.int(), oldest_at: time.nullable() }),
  mails: z.record(mailStatus, z.int()),
});

export type Overview = z.output<typeof overview>;

/** The mails that decisions send. */
const previewedTypes = ["registration_rejected", "signup_verification", "account_ready"] as const;

export type PreviewedType = (typeof previewedTypes)[number];

const mostAtOnce = 1_000;

export const oversightContracts = {
  "POST /admin/decide_many/": {
    summary: "Accept or reject up to 1,000 registrations. Answers at once; /admin/batches/ tells how far it is.",
    body: z.object({
      decision: z.enum(["accept", "reject"], "Use accept or reject."),
      emails: z
        .array(
          addressField.refine((address) => address !== "", "Name an address."),
          "This must be a list.",
        )
        .min(1)
        .max(mostAtOnce, `Use at most ${mostAtOnce}.`),
      reason: reasonField.default(""),
      ...proofField,
    }),
    answer: done.extend({ batch_id: z.string() }),
  },
  "POST /admin/approve_after_hold/": {
    summary:
      "Approve a registration in some seconds, until when it can be undone. Answers at once; /admin/batches/ tells what came of it.",
    body: z.object({ email: addressField, registration_id: opaqueField }),
    answer: done.extend({
      batch_id: z.string().nullable().describe("Null when it was approved at once."),
      hold: z.int().describe("Seconds until it is approved."),
    }),
    errors: notAccepted,
  },
  "POST /admin/undo_batch/": {
    summary: "Take back what of a batch that one has asked for nobody has begun with.",
    body: z.object({ batch_id: opaqueField }),
    answer: done.extend({ undone: z.int().describe("How many decisions will not be made.") }),
    errors: ["batch_not_found", "invalid_transition/made"],
  },
  "GET /admin/batches/": {
    summary: "How far a batch of decisions is, by its `id`; without, the latest of them.",
    query: z.object({ id: opaqueField.optional() }),
    answer: z.union([listedBatch, z.object({ batches: z.array(listedBatch) })]),
    errors: ["batch_not_found"],
  },
  "GET /admin/decisions/": {
    summary:
      "The log of decisions, newest first. `search`: a part of the address decided about or of who decided; `about`: the id of a person; `batches=folded`: one entry for each batch, the last.",
    query: logFilter.extend({
      batches: z.enum(["folded", "in full"], "Use folded or in full.").default("in full"),
      after: z.coerce.number<string>("Use what `next` was before.").int().positive().optional(),
      limit: limitField,
    }),
    answer: z.object({ rows: z.array(loggedDecision), next }),
  },
  "GET /admin/decisions/export/": {
    summary: "The same as a table for spreadsheets (CSV), all of it.",
    query: logFilter,
    answer: "table",
  },
  "GET /admin/overview/": {
    summary: "Registrations, decisions, waiting and mails of the last 30 days in numbers.",
    answer: overview,
  },
  "GET /admin/preview_mail/": {
    summary: "The mail that a decision would send, in the person's language.",
    query: z.object({
      type: z.enum(previewedTypes, `Use one of ${previewedTypes.join(", ")}.`),
      email: writtenAddressField,
      reason: reasonField.default(""),
    }),
    answer: z.object({ subject: z.string(), text: z.string(), html: z.string() }),
  },
} as const satisfies Contracts;
