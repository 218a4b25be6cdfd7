import type { AppRoute, AppRoutes } from "@anteroom/shared/wire/app/routes";
import { queryOptions } from "@tanstack/react-query";
import { queries } from "../api/client.ts";
import { ask } from "./api.ts";
import { pagedQuery } from "./paged-list.ts";

/** What administration reads; of the queue, which keeps its lists in step by itself, see `queue/data.ts`. */

export const overviewQuery = queryOptions({ queryKey: ["overview"], queryFn: () => ask("GET /admin/overview/") });

type Filter<R extends AppRoute> = Omit<NonNullable<AppRoutes[R]["query"]>, "after" | "limit">;

export const decisionsQuery = (filter: Filter<"GET /admin/decisions/">) =>
  pagedQuery(["decisions", filter], (after) => ask("GET /admin/decisions/", { ...filter, after }));

export const peopleQuery = (filter: Filter<"GET /admin/people/">) =>
  pagedQuery(["people", filter], (after) => ask("GET /admin/people/", { ...filter, after }));

export const personQuery = (id: string) =>
  queryOptions({ queryKey: ["people", "one", id], queryFn: () => ask("GET /admin/person/", { id }) });

export const mailsQuery = (filter: Filter<"GET /admin/mails/">) =>
  pagedQuery(["mail", filter], (after) =>
    ask("GET /admin/mails/", { ...filter, after }).then(({ mails, ...page }) => ({ rows: mails, ...page })),
  );

export const inboundMailsQuery = pagedQuery(["mail", "inbound"], (before) =>
  ask("GET /admin/mails/inbound/", { before, limit: 20 }).then(({ inbound, next }) => ({ rows: inbound, next })),
);

export const suppressionsQuery = queryOptions({
  queryKey: ["mail", "suppressions"],
  queryFn: () => ask("GET /admin/mails/suppressions/"),
});

/** Also what was decided about them. Where whoever is shown has just been deleted, it is read once the next page asks. */
export const readPeopleAgain = (refetchType: "active" | "none" = "active") =>
  Promise.all(
    ["people", "decisions", "mail"].map((name) => queries.invalidateQueries({ queryKey: [name], refetchType })),
  );

/** Mails of every state, what arrived, and the addresses that get none. */
export const readMailAgain = () => queries.invalidateQueries({ queryKey: ["mail"] });
