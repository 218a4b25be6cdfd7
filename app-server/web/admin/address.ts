import { useCallback } from "react";
import { useSearchParams } from "wouter";

/**
 * What a list shows, kept in the page's address: a reload, a link and the back button find it again. `""` is what the page
 * shows by itself.
 */
export function useInAddress(name: string): [string, (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const value = params.get(name) ?? "";
  const set = useCallback(
    (wanted: string) => {
      if (wanted === value) return;
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          if (wanted) after.set(name, wanted);
          else after.delete(name);
          return after;
        },
        { replace: true },
      );
    },
    [name, value, setParams],
  );
  return [value, set];
}

/** Where the table of a list is handed out, as the list is filtered. */
export function exportAddress(path: string, filter: Record<string, string | number | undefined>): string {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined && value !== "");
  return `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}
