import { z } from "zod";
import { listDecisions } from "../audit/log-store.ts";
import { answerRefusal } from "../http/errors.ts";
import {
  addressField,
  handleField,
  limitField,
  newAddressField,
  proofField,
  reasonField,
  searchField,
} from "../http/fields.ts";
import { defineRoute, noBody, type Route } from "../http/serve.ts";
import { refusalOf } from "../outcome.ts";
import { findBatch, listBatches } from "../registration/batch-store.ts";
import { requestBatch } from "../registration/batches.ts";
import { toPattern } from "../registration/queue-store.ts";
import { readOverview } from "./overview-store.ts";
import { previewed, previewMail } from "./preview.ts";

const mostAtOnce = 1_000;

/** For administrators: many decisions at once, what was decided, and how things go. */
export const oversightRoutes: readonly Route[] = [
  defineRoute({
    method: "POST",
    path: "/admin/decide_many/",
    summary: "Accept or reject up to 1,000 registrations. Answers at once; /admin/batches/ tells how far it is.",
    access: "admin",
    needsProof: true,
    maxBody: 320 * 1024,
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
    handle: async ({ http, app, body: { decision, emails, reason }, caller }) => {
      const request = { decision, emails, reason: reason.trim(), actor: caller.userId };
      return http.json({ success: true, batch_id: await requestBatch(app, request) });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/admin/batches/",
    summary: "How far a batch of decisions is, by its `id`; without, the latest of them.",
    access: "admin",
    body: noBody,
    query: z.object({ id: handleField.optional() }),
    handle: async ({ http, app, query: { id } }) => {
      if (id === undefined) return http.json({ batches: await listBatches(app.db, 20) });
      const batch = await findBatch(app.db, id);
      return batch ? http.json(batch) : answerRefusal(http, refusalOf("batch_not_found"));
    },
  }),
  defineRoute({
    method: "GET",
    path: "/admin/decisions/",
    summary: "The log of decisions, newest first. `search`: a part of the address decided about or of who decided.",
    access: "admin",
    body: noBody,
    query: z.object({
      search: searchField,
      after: z.coerce.number("Use what `next` was before.").int().positive().optional(),
      limit: limitField,
    }),
    handle: async ({ http, app, query: { search, after, limit } }) => {
      const rows = await listDecisions(app.db, { search: toPattern(search), before: after, limit });
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return http.json({ rows, next: last ? String(last.id) : null });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/admin/overview/",
    summary: "Registrations, decisions, waiting and mails of the last 30 days in numbers.",
    access: "admin",
    body: noBody,
    handle: async ({ http, app }) => http.json(await readOverview(app.db, app.clock.now())),
  }),
  defineRoute({
    method: "GET",
    path: "/admin/preview_mail/",
    summary: "The mail that a decision would send, in the person's language.",
    access: "admin",
    body: noBody,
    query: z.object({
      type: z.enum(previewed, `Use one of ${previewed.join(", ")}.`),
      email: newAddressField,
      reason: reasonField.default(""),
    }),
    handle: async ({ http, app, query }) =>
      http.json(await previewMail(app, { ...query, reason: query.reason.trim() })),
  }),
];
