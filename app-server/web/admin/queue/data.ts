import { type InfiniteData, keepPreviousData, queryOptions, useInfiniteQuery } from "@tanstack/react-query";
import { queries } from "../../api/client.ts";
import { ask, type QueuePage, type QueueRow } from "../api.ts";

/** The three lists of the queue, and the states that each holds. */
export const lists = {
  waiting: ["REQUESTED", "ACCEPTING"],
  approved: ["ACCEPTED", "OPEN"],
  rejected: ["REJECTED"],
} as const satisfies Record<string, readonly QueueRow["state"][]>;

export type ListName = keyof typeof lists;

/** Rows per page: enough for any screen, little enough to be there at once. */
const pageSize = 100;

/** With more pages than this in hand, looking again by itself would cost more than it tells. */
const mostPagesReadAgain = 3;

/** Milliseconds between two looks for those who have come meanwhile. */
const pause = 60_000;

type Held = InfiniteData<QueuePage, string>;

function isShort(held: { pages: unknown[] } | undefined): boolean {
  return held !== undefined && held.pages.length <= mostPagesReadAgain;
}

export function useQueue(list: ListName, search: string) {
  return useInfiniteQuery({
    queryKey: ["queue", list, search],
    queryFn: ({ pageParam }) =>
      ask("GET /admin/registrations/", {
        state: lists[list].join(","),
        limit: pageSize,
        ...(search ? { search } : {}),
        ...(pageParam ? { after: pageParam } : {}),
      }),
    initialPageParam: "",
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    // Comparing thousands of rows with what was there before costs more than drawing the few in sight.
    structuralSharing: false,
    refetchOnWindowFocus: ({ state }) => isShort(state.data),
    refetchInterval: ({ state }) => isShort(state.data) && pause,
  });
}

/** How many wait, for every page of administration: in step with the lists, which it stands among. */
export function useWaitingCount(): number {
  const { data } = useInfiniteQuery({
    queryKey: ["queue", "count"],
    queryFn: () => ask("GET /admin/registrations/", { limit: 1 }),
    initialPageParam: "",
    getNextPageParam: () => undefined,
    refetchInterval: pause,
  });
  return countsOf(data?.pages[0])?.waiting ?? 0;
}

/** How many each list holds, whatever is searched for. */
export function countsOf(page: QueuePage | undefined): Record<ListName, number> | undefined {
  if (!page) return undefined;
  const count = (name: ListName) => lists[name].reduce((sum, state) => sum + page.counts[state], 0);
  return { waiting: count("waiting"), approved: count("approved"), rejected: count("rejected") };
}

/** Takes somebody out of the list they have left, without reading the list again. The others are read when looked at. */
export function moveBetweenLists(row: QueueRow, from: ListName, to: ListName | undefined): void {
  queries.setQueriesData<Held>(
    { queryKey: ["queue", from] },
    (held) =>
      held && {
        ...held,
        pages: held.pages.map((page) => ({ ...page, rows: page.rows.filter(({ id }) => id !== row.id) })),
      },
  );
  queries.setQueriesData<Held>(
    { queryKey: ["queue"] },
    (held) =>
      held && { ...held, pages: held.pages.map((page) => ({ ...page, counts: moveCount(page.counts, from, to) })) },
  );
  if (to) void queries.invalidateQueries({ queryKey: ["queue", to], refetchType: "none" });
}

/** Within a list the counts of its states only matter together. */
function moveCount(counts: QueuePage["counts"], from: ListName, to: ListName | undefined): QueuePage["counts"] {
  const moved = { ...counts };
  const left = lists[from].find((state) => moved[state] > 0);
  if (left) moved[left] -= 1;
  if (to) moved[lists[to][0]] += 1;
  return moved;
}

/** Reads every list again that is on the screen, and the others when they are. */
export function readQueueAgain(): Promise<void> {
  return queries.invalidateQueries({ queryKey: ["queue"] });
}

/** The mail that a rejection with this reason would send. */
export const rejectionQuery = (email: string, reason: string) =>
  queryOptions({
    queryKey: ["preview", email, reason],
    queryFn: () =>
      ask("GET /admin/preview_mail/", { type: "registration_rejected", email, reason: reason || undefined }),
    placeholderData: keepPreviousData,
    gcTime: 0,
  });
