import { listDecisions } from "../audit/log-store.ts";
import { toPattern } from "../database/fragments.ts";
import { defineRoute, type Route } from "../http/serve.ts";
import { refuse } from "../outcome.ts";
import { findBatch, listBatches } from "./batch-store.ts";
import { requestBatch } from "./batches.ts";
import { readOverview } from "./overview-store.ts";
import { previewMail } from "./preview.ts";

/** For administrators: many decisions at once, what was decided, and how things go. */
export const oversightRoutes: readonly Route[] = [
  defineRoute("POST /admin/decide_many/", {
    access: "admin",
    needsProof: true,
    maxBody: 320 * 1024,
    handle: async ({ app, body: { decision, emails, reason }, caller }) => {
      const request = { decision, emails, reason: reason.trim(), actor: caller.userId };
      return { ok: true, values: { success: true, batch_id: await requestBatch(app, request) } };
    },
  }),
  defineRoute("GET /admin/batches/", {
    access: "admin",
    handle: async ({ app, query: { id } }) => {
      if (id === undefined) return { ok: true, values: { batches: await listBatches(app.db, 20) } };
      const batch = await findBatch(app.db, id);
      return batch ? { ok: true, values: batch } : refuse("batch_not_found");
    },
  }),
  defineRoute("GET /admin/decisions/", {
    access: "admin",
    handle: async ({ app, query: { search, after, limit } }) => {
      const rows = await listDecisions(app.db, { search: toPattern(search), before: after, limit });
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return { ok: true, values: { rows, next: last ? String(last.id) : null } };
    },
  }),
  defineRoute("GET /admin/overview/", {
    access: "admin",
    handle: async ({ app }) => ({ ok: true, values: await readOverview(app.db, app.clock.now()) }),
  }),
  defineRoute("GET /admin/preview_mail/", {
    access: "admin",
    handle: async ({ app, query }) => {
      return { ok: true, values: await previewMail(app, { ...query, reason: query.reason.trim() }) };
    },
  }),
];
