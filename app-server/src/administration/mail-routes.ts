import { mailStatuses, mostListed } from "@anteroom/shared/wire/app/mail";
import { toPattern } from "../database/fragments.ts";
import { defineRoute, done, type Route } from "../http/serve.ts";
import * as store from "../mail/admin-store.ts";
import { listSuppressions } from "../mail/suppression-store.ts";
import { refuse } from "../outcome.ts";
import * as rules from "./mails.ts";

/** For administrators who want to know what became of a mail. */
export const mailRoutes: readonly Route[] = [
  defineRoute("GET /admin/mails/", {
    access: "admin",
    handle: async ({ app, query: { status, email, search, about, after, limit } }) => {
      const filter = { email, search: toPattern(search), about };
      const [mails, counts] = await Promise.all([
        store.listMails(app.db, { ...filter, statuses: status ? [status] : mailStatuses }, { after, limit }),
        after ? null : store.countMails(app.db, filter),
      ]);
      const last = mails.length === limit ? mails.at(-1) : undefined;
      return { ok: true, values: { mails, next: last ? `${last.created_at}_${last.id}` : null, counts } };
    },
  }),
  defineRoute("POST /admin/mails/replay/", {
    access: "admin",
    handle: async ({ app, body: { id, all }, caller }) => {
      if (id !== undefined && all)
        return refuse("invalid_field", { values: { detail: "all: Name one mail, or all of them." } });
      if (id !== undefined) return done(await rules.replayMail(app, id, caller.userId));
      return { ok: true, values: { success: true, ...(await rules.replayAll(app, caller.userId)) } };
    },
  }),
  defineRoute("POST /admin/mails/retry_deferred/", {
    access: "admin",
    handle: async ({ app }) => ({ ok: true, values: { success: true, due: await rules.retryDeferred(app) } }),
  }),
  defineRoute("GET /admin/mails/inbound/", {
    access: "admin",
    handle: async ({ app, query: { mail, before, limit } }) => {
      const inbound = await store.listInbound(app.db, {
        mailId: mail,
        before: before ? Number(before) : undefined,
        limit,
      });
      const last = inbound.length === limit ? inbound.at(-1) : undefined;
      return { ok: true, values: { inbound, next: last ? String(last.id) : null } };
    },
  }),
  defineRoute("GET /admin/mails/suppressions/", {
    access: "admin",
    handle: async ({ app }) => ({
      ok: true,
      values: await listSuppressions(app.db, app.clock.now(), mostListed),
    }),
  }),
  defineRoute("POST /admin/mails/clear_address/", {
    access: "admin",
    handle: async ({ app, body, caller }) => done(await rules.clearAddress(app, body.email, caller.userId)),
  }),
];
