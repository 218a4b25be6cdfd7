import type { ListedPerson } from "@anteroom/shared/wire/app/people";
import * as rules from "../accounts/people-decisions.ts";
import type { AppContext } from "../context.ts";
import { allRows, answerTable, dateCell, exportedAtOnce } from "../http/csv.ts";
import { type Call, defineRoute, done, type Route } from "../http/serve.ts";
import { refuse } from "../outcome.ts";
import { countPeople, findPersonFacts, listPeople, type PeopleFilter } from "./people-store.ts";

const peopleTable = {
  name: "people",
  columns: {
    id: (person: ListedPerson) => person.user_id,
    address: (person: ListedPerson) => person.email,
    firstname: (person: ListedPerson) => person.firstname,
    lastname: (person: ListedPerson) => person.lastname,
    permissions: (person: ListedPerson) => person.permissions.join(" "),
    closed: (person: ListedPerson) => (person.disabled ? "yes" : "no"),
    since: (person: ListedPerson) => dateCell(person.created_at),
  },
};

function filterOf(app: AppContext, { search, only }: Call<"GET /admin/people/export/">["query"]): PeopleFilter {
  return { search, only, now: app.clock.now() };
}

/** For administrators who look after accounts. */
export const peopleRoutes: readonly Route[] = [
  defineRoute("GET /admin/people/", {
    access: "admin",
    handle: async ({ app, query: { after, limit, ...asked } }) => {
      const filter = filterOf(app, asked);
      const [rows, total] = await Promise.all([
        listPeople(app.db, filter, { after, limit }),
        after ? null : countPeople(app.db, filter),
      ]);
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return { ok: true, values: { rows, next: last ? `${last.created_at}_${last.user_id}` : null, total } };
    },
  }),
  defineRoute("GET /admin/people/export/", {
    access: "admin",
    handle: async ({ http, app, query, caller }) => {
      app.events.record("sensitive_read", { user: caller.userId, action: "export of people" });
      const filter = filterOf(app, query);
      const placeOf = (last: ListedPerson | undefined) => last && { createdAt: last.created_at, id: last.user_id };
      const read = (last: ListedPerson | undefined) =>
        listPeople(app.db, filter, { after: placeOf(last), limit: exportedAtOnce });
      return answerTable(http, peopleTable, allRows(read));
    },
  }),
  defineRoute("GET /admin/person/", {
    access: "admin",
    handle: async ({ app, query: { id } }) => {
      const values = await findPersonFacts(app.db, id, app.clock.now());
      return values ? { ok: true, values } : refuse("user_not_found");
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
