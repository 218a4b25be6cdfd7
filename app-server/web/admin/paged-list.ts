import { infiniteQueryOptions, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

interface ListPage<Row> {
  rows: Row[];
  next: string | null;
}

/** A list that is read page by page, as far as somebody wants to see it. `read` gets the place after which to go on. */
export function pagedQuery<Page extends ListPage<unknown>>(
  queryKey: readonly unknown[],
  read: (after: string | undefined) => Promise<Page>,
) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
  });
}

export function usePagedList<Page extends ListPage<unknown>>(list: ReturnType<typeof pagedQuery<Page>>) {
  const query = useInfiniteQuery(list);
  const rows: Page["rows"][number][] = query.data?.pages.flatMap((page: Page) => page.rows) ?? [];
  return { query, rows };
}
