import type { LoggedDecision } from "@anteroom/shared/wire/app/oversight";
import { type LogFilter, listDecisions } from "../audit/log-store.ts";
import { toPattern } from "../database/fragments.ts";
import { allRows, answerTable, dateCell, exportedAtOnce } from "../http/csv.ts";
import { type Call, defineRoute, type Route } from "../http/serve.ts";
import { refuse } from "../outcome.ts";
import { findBatch, listBatches } from "./batch-store.ts";
import { approveAfterHold, requestBatch, undoBatch } from "./batches.ts";
import { readOverview } from "./overview-store.ts";
import { previewMail } from "./preview.ts";

function logFilterOf({
  search,
  action,
  about,
  batch,
  since,
  until,
}: Call<"GET /admin/decisions/export/">["query"]): LogFilter {
  return { search: toPattern(search), action, about, batch, since, until };
}

const logTable = {
  name: "log",
  columns: {
    when: ({ at }: LoggedDecision) => dateCell(at),
    who: ({ actor, actor_name }: LoggedDecision) => actor_name ?? actor,
    what: ({ action }: LoggedDecision) => action,
    detail: ({ detail }: LoggedDecision) => detail,
    address: ({ subject }: LoggedDecision) => subject,
    name: ({ person }: LoggedDecision) => person && `${person.firstname} ${person.lastname}`.trim(),
    reason: ({ reason }: LoggedDecision) => reason,
    batch: ({ batch }: LoggedDecision) => batch?.id ?? null,
  },
};

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
  defineRoute("POST /admin/approve_after_hold/", {
    access: "admin",
    handle: ({ app, body: { email, registration_id: registrationId }, caller }) =>
      approveAfterHold(app, { email, registrationId, actor: caller.userId }),
  }),
  defineRoute("POST /admin/undo_batch/", {
    access: "admin",
    handle: ({ app, body, caller }) => undoBatch(app, { id: body.batch_id, actor: caller.userId }),
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
    handle: async ({ app, query: { after, limit, batches, ...asked } }) => {
      const rows = await listDecisions(app.db, logFilterOf(asked), { before: after, limit, batches });
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return { ok: true, values: { rows, next: last ? String(last.id) : null } };
    },
  }),
  defineRoute("GET /admin/decisions/export/", {
    access: "admin",
    handle: async ({ http, app, query, caller }) => {
      app.events.record("sensitive_read", { user: caller.userId, action: "export of the log" });
      const page = (last?: LoggedDecision) =>
        ({ before: last?.id, limit: exportedAtOnce, batches: "in full" }) as const;
      return answerTable(
        http,
        logTable,
        allRows((last) => listDecisions(app.db, logFilterOf(query), page(last))),
      );
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
