import { infiniteQueryOptions, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

interface ListPage<Row> {
  rows: Row[];
  next: string | null;
}

/** A list that is read page by page, as far as somebody wants to see it. `read` gets the place after which to go on. */
export function pagedQuery<Row>(
  queryKey: readonly unknown[],
  read: (after: string | undefined) => Promise<ListPage<Row>>,
) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
  });
}

export function usePagedList<Row>(list: ReturnType<typeof pagedQuery<Row>>) {
  const query = useInfiniteQuery(list);
  return { query, rows: query.data?.pages.flatMap(({ rows }) => rows) ?? [] };
}
