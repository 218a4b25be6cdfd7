import { normalizeEmailAddress } from "@anteroom/shared/wire/email-address";
import { z } from "zod";
import { answerOutcome, answerRefusal } from "../http/errors.ts";
import { addressField, handleField } from "../http/fields.ts";
import { defineRoute, noBody, type Route } from "../http/serve.ts";
import * as store from "../mail/admin-store.ts";
import { mailStatuses } from "../mail/statuses.ts";
import { refusalOf } from "../outcome.ts";
import * as rules from "./mails.ts";

const mostListed = 1_000;

const cursorField = z
  .string()
  .regex(/^\d{1,12}_[0-9a-f-]{36}$/, "Use what `next` was before.")
  .refine((cursor) => rules.isMailId(cursor.split("_")[1] ?? ""), "Use what `next` was before.");

const limitField = z.coerce.number("Use a number.").int("Use a whole number.").min(1).max(mostListed).default(100);

/** For administrators who want to know what became of a mail. */
export const mailRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/admin/mails/",
    summary:
      "Mails and what became of each, newest first; with `status=failed` the ones given up. `after`: the `next` of the page before.",
    access: "admin",
    body: noBody,
    query: z.object({
      status: z.enum(mailStatuses, `Use one of ${mailStatuses.join(", ")}.`).optional(),
      email: addressField.optional(),
      after: cursorField.optional(),
      limit: limitField,
    }),
    handle: async ({ http, app, query: { status, email, after, limit } }) => {
      const mails = await store.listMails(app.db, {
        statuses: status ? [status] : mailStatuses,
        email: email && normalizeEmailAddress(email),
        after: after ? readCursor(after) : undefined,
        limit,
      });
      const last = mails.length === limit ? mails.at(-1) : undefined;
      return http.json({ mails, next: last ? `${last.created_at}_${last.id}` : null });
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/mails/replay/",
    summary: "Send a mail again that failed or came back: the one with `id`, or all with `all: true`.",
    access: "admin",
    body: z.object({
      id: handleField.refine((id) => id !== "", "Name a mail.").optional(),
      all: z.literal(true, "Use true.").optional(),
    }),
    either: ["id", "all"],
    handle: async ({ http, app, body: { id, all }, caller }) => {
      if (id !== undefined && all)
        return answerRefusal(
          http,
          refusalOf("invalid_field", { values: { detail: "all: Name one mail, or all of them." } }),
        );
      if (id === undefined) return http.json({ success: true, ...(await rules.replayAll(app, caller.userId)) });
      const result = await rules.replayMail(app, id, caller.userId);
      return answerOutcome(http, result);
    },
  }),
  defineRoute({
    method: "POST",
    path: "/admin/mails/retry_deferred/",
    summary: "Try every deferred mail now instead of when its next try is due.",
    access: "admin",
    body: noBody,
    handle: async ({ http, app }) => http.json({ success: true, due: await rules.retryDeferred(app) }),
  }),
  defineRoute({
    method: "GET",
    path: "/admin/mails/inbound/",
    summary:
      "What arrived where mails come back to, newest first, understood or not; `mail`: about one mail. `before`: the `next` of the page before.",
    access: "admin",
    body: noBody,
    query: z.object({
      mail: z.string().refine(rules.isMailId, "Use the id of a mail.").optional(),
      before: z
        .string()
        .regex(/^\d{1,15}$/, "Use what `next` was before.")
        .optional(),
      limit: limitField,
    }),
    handle: async ({ http, app, query: { mail, before, limit } }) => {
      const inbound = await store.listInbound(app.db, {
        mailId: mail,
        before: before ? Number(before) : undefined,
        limit,
      });
      const last = inbound.length === limit ? inbound.at(-1) : undefined;
      return http.json({ inbound, next: last ? String(last.id) : null });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/admin/mails/suppressions/",
    summary: "Addresses that nothing is sent to any more because their mails came back.",
    access: "admin",
    body: noBody,
    handle: async ({ http, app }) => http.json(await store.listSuppressions(app.db, app.clock.now(), mostListed)),
  }),
  defineRoute({
    method: "POST",
    path: "/admin/mails/clear_address/",
    summary: "Let mails go to such an address again.",
    access: "admin",
    body: z.object({ email: addressField }),
    handle: async ({ http, app, body, caller }) => {
      const result = await rules.clearAddress(app, body.email, caller.userId);
      return answerOutcome(http, result);
    },
  }),
];

function readCursor(cursor: string): { createdAt: number; id: string } {
  const [createdAt = "", id = ""] = cursor.split("_");
  return { createdAt: Number(createdAt), id };
}
