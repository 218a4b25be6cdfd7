import type { MailStatus } from "@anteroom/shared/wire/app/mail";
import { queryOptions } from "@tanstack/react-query";
import { queries } from "../api/client.ts";
import { ask } from "./api.ts";
import { pagedQuery } from "./paged-list.ts";

/** What administration reads; of the queue, which keeps its lists in step by itself, see `queue/data.ts`. */

export const overviewQuery = queryOptions({ queryKey: ["overview"], queryFn: () => ask("GET /admin/overview/") });

export const decisionsQuery = (search: string) =>
  pagedQuery(["decisions", search], (after) => ask("GET /admin/decisions/", { after, search: search || undefined }));

export const peopleQuery = (search: string) =>
  pagedQuery(["people", search], (after) => ask("GET /admin/people/", { after, search: search || undefined }));

export const mailsQuery = (status: MailStatus) =>
  pagedQuery(["mail", status], (after) =>
    ask("GET /admin/mails/", { status, after }).then(({ mails, next }) => ({ rows: mails, next })),
  );

export const inboundMailsQuery = pagedQuery(["mail", "inbound"], (before) =>
  ask("GET /admin/mails/inbound/", { before, limit: 20 }).then(({ inbound, next }) => ({ rows: inbound, next })),
);

export const suppressionsQuery = queryOptions({
  queryKey: ["mail", "suppressions"],
  queryFn: () => ask("GET /admin/mails/suppressions/"),
});

export const readPeopleAgain = () => queries.invalidateQueries({ queryKey: ["people"] });

/** Mails of every state, what arrived, and the addresses that get none. */
export const readMailAgain = () => queries.invalidateQueries({ queryKey: ["mail"] });
