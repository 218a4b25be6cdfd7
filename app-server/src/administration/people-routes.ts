import * as rules from "../accounts/people-decisions.ts";
import { toPattern } from "../database/fragments.ts";
import { type Call, defineRoute, done, type Route } from "../http/serve.ts";
import { listPeople } from "./people-store.ts";

/** For administrators who look after accounts. */
export const peopleRoutes: readonly Route[] = [
  defineRoute("GET /admin/people/", {
    access: "admin",
    handle: async ({ app, query: { search, after, limit } }) => {
      const now = app.clock.now();
      const rows = await listPeople(app.db, { search: toPattern(search), after, limit, now });
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return { ok: true, values: { rows, next: last ? `${last.created_at}_${last.user_id}` : null } };
    },
  }),
  defineRoute("POST /admin/disable_user/", {
    access: "admin",
    needsProof: true,
    handle: async (call) => done(await rules.disableUser(call.app, decisionOf(call))),
  }),
  defineRoute("POST /admin/enable_user/", {
    access: "admin",
    needsProof: true,
    handle: async (call) => done(await rules.enableUser(call.app, decisionOf(call))),
  }),
  defineRoute("POST /admin/end_sessions/", {
    access: "admin",
    handle: async (call) => done(await rules.endSessions(call.app, decisionOf(call))),
  }),
  defineRoute("POST /admin/send_reset_link/", {
    access: "admin",
    needsProof: true,
    handle: async (call) => done(await rules.sendResetLink(call.app, decisionOf(call))),
  }),
  defineRoute("POST /admin/delete_user/", {
    access: "admin",
    needsProof: true,
    handle: async (call) => done(await rules.deleteUser(call.app, decisionOf(call))),
  }),
];

function decisionOf({
  body,
  caller,
}: Pick<Call<"POST /admin/end_sessions/">, "body" | "caller">): rules.PersonDecision {
  return { userId: body.user_id, actor: caller.userId };
}
