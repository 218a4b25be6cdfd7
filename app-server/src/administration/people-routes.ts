import { z } from "zod";
import { answerOutcome } from "../http/errors.ts";
import { afterField, handleField, limitField, proofField, searchField } from "../http/fields.ts";
import { defineRoute, noBody, type Route } from "../http/serve.ts";
import { toPattern } from "../registration/queue-store.ts";
import * as rules from "./people-rules.ts";
import { listPeople } from "./people-store.ts";

const decisions = [
  {
    path: "/admin/disable_user/",
    summary: "Close an account until it is enabled again; its sessions end at once.",
    decide: rules.disableUser,
    needsProof: true,
  },
  {
    path: "/admin/enable_user/",
    summary: "Open a disabled account again.",
    decide: rules.enableUser,
    needsProof: true,
  },
  { path: "/admin/end_sessions/", summary: "Sign a person out everywhere, at once.", decide: rules.endSessions },
  {
    path: "/admin/send_reset_link/",
    summary: "Mail a person a link by which they choose a new password.",
    decide: rules.sendResetLink,
    needsProof: true,
  },
  {
    path: "/admin/delete_user/",
    summary: "Delete an account for good; its sessions end at once.",
    decide: rules.deleteUser,
    needsProof: true,
  },
] as const;

/** For administrators who look after accounts. */
export const peopleRoutes: readonly Route[] = [
  defineRoute({
    method: "GET",
    path: "/admin/people/",
    summary: "People with an account, newest first. `search`: a part of name or address.",
    access: "admin",
    body: noBody,
    query: z.object({ search: searchField, after: afterField, limit: limitField }),
    handle: async ({ http, app, query: { search, after, limit } }) => {
      const now = app.clock.now();
      const rows = await listPeople(app.db, { search: toPattern(search), after, limit, now });
      const last = rows.length === limit ? rows.at(-1) : undefined;
      return http.json({ rows, next: last ? `${last.created_at}_${last.user_id}` : null });
    },
  }),
  ...decisions.map(({ path, summary, decide, ...more }) =>
    defineRoute({
      method: "POST",
      path,
      summary,
      access: "admin",
      ...more,
      body: z.object({ user_id: handleField, ...("needsProof" in more ? proofField : {}) }),
      handle: async ({ http, app, body, caller }) => {
        const result = await decide(app, { userId: body.user_id, actor: caller.userId });
        return answerOutcome(http, result);
      },
    }),
  ),
];
