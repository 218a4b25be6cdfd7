import { z } from "zod";
import { done, doneWithMessage, next, time } from "./answers.ts";
import type { Contracts } from "./contract.ts";
import { addressField, limitUpTo, opaqueField, searchField } from "./fields.ts";

/** For administrators who want to know what became of a mail, and for readers who want no more of a kind. */

export const mailStatuses = ["queued", "accepted", "deferred", "failed", "bounced"] as const;

/**
 * `queued`: waits for its first try. `accepted`: the relay took it. `deferred`: will be tried again. `failed`: given up.
 * `bounced`: the relay took it and it came back.
 */
export type MailStatus = (typeof mailStatuses)[number];

export const inboundKinds = ["bounce", "delay", "success", "complaint", "other"] as const;

/**
 * What arrived at a return path: a report that a mail came back, waits or was delivered (RFC 3464, or in words), somebody's
 * complaint about it (RFC 5965), or something else.
 */
export type InboundKind = (typeof inboundKinds)[number];

export const inboundOutcomes = ["bounced", "delayed", "noted", "known", "unknown_mail"] as const;

/**
 * What it changed: `bounced` and `delayed` the mail's state; `noted`: nothing; `known`: the mail had been given up or had
 * come back before; `unknown_mail`: it is not kept any more.
 */
export type InboundOutcome = (typeof inboundOutcomes)[number];

export const mailStatus = z.enum(mailStatuses).meta({
  id: "MailStatus",
  description:
    "`queued`: waits for its first try. `accepted`: the relay took it. `deferred`: will be tried again. `failed`: given up. `bounced`: the relay took it and it came back.",
});

/** What became of the newest mail about somebody. */
export const mailSummary = z
  .object({
    type: z.string(),
    status: mailStatus,
    reason: z.string().nullable().describe("The relay's reply, or why it was deferred, failed or bounced."),
    at: time.describe("When the status was last written, in unix seconds."),
    next_try_at: time.nullable().describe("In unix seconds; only while deferred."),
  })
  .meta({ id: "MailSummary" });

export type MailSummary = z.output<typeof mailSummary>;

export const listedMail = z
  .object({
    id: z.string(),
    type: z.string(),
    email: z.string(),
    registration_id: z.string().nullable(),
    status: mailStatus,
    reason: z.string().nullable(),
    attempts: z.int(),
    next_try_at: time.nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Mail" });

export type ListedMail = z.output<typeof listedMail>;

/** Something that arrived where a mail comes back to. */
const listedInboundMail = z
  .object({
    id: z.int(),
    mail_id: z
      .string()
      .nullable()
      .describe("The mail it is about, with its address and type; null when that is not kept any more."),
    email: z.string().nullable(),
    type: z.string().nullable(),
    kind: z.enum(inboundKinds),
    outcome: z
      .enum(inboundOutcomes)
      .describe(
        "What it changed. `bounced`, `delayed`: the mail's state. `noted`: nothing. `known`: the mail had been given up or had come back before. `unknown_mail`: it is not kept any more.",
      ),
    reason: z.string().nullable(),
    excerpt: z.string().describe("How it begins."),
    received_at: time,
  })
  .meta({ id: "InboundMail" });

export type ListedInboundMail = z.output<typeof listedInboundMail>;

const listedSuppression = z
  .object({
    email: z.string(),
    bounces: z.int(),
    reason: z.string().describe("What was said the last time."),
    suppressed_at: time,
  })
  .meta({ id: "Suppression" });

export type ListedSuppression = z.output<typeof listedSuppression>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function isMailId(text: string): boolean {
  return uuid.test(text);
}

const whatNextWas = "Use what `next` was before.";

export const mostListed = 1_000;

const cursorField = z
  .string()
  .regex(/^\d{1,12}_[0-9a-f-]{36}$/, whatNextWas)
  .refine((cursor) => isMailId(cursor.split("_")[1] ?? ""), whatNextWas)
  .transform((cursor) => {
    const [createdAt = "", id = ""] = cursor.split("_");
    return { createdAt: Number(createdAt), id };
  });

const unsubscribeQuery = z.object({ token: z.string().default("") });

export const mailContracts = {
  "GET /admin/mails/": {
    summary:
      "Mails and what became of each, newest first; with `status=failed` the ones given up. `search`: a part of the address; `about`: the id of a person. `after`: the `next` of the page before.",
    query: z.object({
      status: z.enum(mailStatuses, `Use one of ${mailStatuses.join(", ")}.`).optional(),
      email: addressField.optional(),
      search: searchField,
      about: opaqueField.optional(),
      after: cursorField.optional(),
      limit: limitUpTo(mostListed),
    }),
    answer: z.object({
      mails: z.array(listedMail),
      next,
      counts: z
        .record(mailStatus, z.int())
        .nullable()
        .describe("How many there are per status, with the first page; null with the others."),
    }),
  },
  "POST /admin/mails/replay/": {
    summary: "Send a mail again that failed or came back: the one with `id`, or all with `all: true`.",
    body: z.object({
      id: opaqueField.refine((id) => id !== "", "Name a mail.").optional(),
      all: z.literal(true, "Use true.").optional(),
    }),
    either: ["id", "all"],
    answer: z.union([
      doneWithMessage,
      done.extend({
        queued: z.int(),
        refused: z.record(z.string(), z.int()).describe("Per error code how many were not, and stay where they are."),
      }),
    ]),
    errors: [
      "invalid_field",
      "mail_not_found",
      "invalid_transition/mail",
      "address_suppressed",
      "code_gone",
      // A registration's code is mailed anew.
      "signup_not_found",
      "resend_failed",
      "address_in_use",
      "email_address_not_allowed",
    ],
  },
  "POST /admin/mails/retry_deferred/": {
    summary: "Try every deferred mail now instead of when its next try is due.",
    answer: done.extend({ due: z.int() }),
  },
  "GET /admin/mails/inbound/": {
    summary:
      "What arrived where mails come back to, newest first, understood or not; `mail`: about one mail. `before`: the `next` of the page before.",
    query: z.object({
      mail: z.string().refine(isMailId, "Use the id of a mail.").optional(),
      before: z
        .string()
        .regex(/^\d{1,15}$/, whatNextWas)
        .optional(),
      limit: limitUpTo(mostListed),
    }),
    answer: z.object({ inbound: z.array(listedInboundMail), next }),
  },
  "GET /admin/mails/suppressions/": {
    summary: "Addresses that nothing is sent to any more because their mails came back.",
    answer: z.array(listedSuppression),
  },
  "POST /admin/mails/clear_address/": {
    summary: "Let mails go to such an address again.",
    body: z.object({ email: addressField }),
    answer: doneWithMessage,
    errors: ["address_not_suppressed"],
  },
  "GET /mail/unsubscribe": {
    summary: "A page with a button that switches mails of one kind off. Looking at it changes nothing.",
    query: unsubscribeQuery,
    answer: "page",
    errors: ["unsubscribe_link_not_valid"],
  },
  "POST /mail/unsubscribe": {
    summary:
      "Switch mails of one kind off, as often as you like. The form field `preference=on` switches them on again.",
    query: unsubscribeQuery,
    answer: "page",
    errors: ["unsubscribe_link_not_valid"],
  },
} as const satisfies Contracts;
