import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";

interface ListPage<Row> {
  rows: Row[];
  next: string | null;
}

/** A list that is read page by page, as far as somebody wants to see it. `read` gets the place after which to go on. */
export function usePagedList<Row>(
  queryKey: readonly unknown[],
  read: (after: string | undefined) => Promise<ListPage<Row>>,
) {
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => read(pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
  });
  return { query, rows: query.data?.pages.flatMap(({ rows }) => rows) ?? [] };
}
