import { useEffect, useState } from "react";

/**
 * Takes something secret out of the page's address. It is read once and kept in the history entry, which survives a
 * reload, is sent nowhere and is gone with the tab; the address itself is cleaned at once (behaviour S-15). `place`: what
 * may stay behind its `#`, as a part of the page.
 */
export function useCleanAddress<T>(read: (address: URL) => T, place = ""): T {
  const [value] = useState<T>(() => {
    const address = new URL(location.href);
    const isSecret = address.search !== "" || address.hash !== place;
    return isSecret ? read(address) : (readKept<T>() ?? read(address));
  });
  const [page] = useState(location.pathname);
  useEffect(() => {
    // A page that sends its visitor to another one has done so by now; that one's address is not ours to clean.
    if (location.pathname === page) keepForReload(value, place);
  }, [value, page, place]);
  return value;
}

/**
 * What is typed and is no secret, kept likewise: it is there again after a reload, and when somebody comes back from the
 * next page.
 */
export function useKept<T extends object>(nothing: T) {
  const [value, setValue] = useState<T>(() => ({ ...nothing, ...readKept<T>() }));
  useEffect(() => keepForReload(value), [value]);
  return [value, setValue] as const;
}

/** Of a mailed link, without what programs and people put behind it, as `.`, `)` or `>`, or make of its `&`. */
export function readValue({ searchParams }: URL, name: string): string {
  return withoutEnd(searchParams.get(name) ?? searchParams.get(`amp;${name}`) ?? "");
}

export function withoutEnd(value: string): string {
  return value.replace(/[^\w-]+$/, "");
}

/** What the history entry of this page holds. */
export function readKept<T>(): T | undefined {
  return (history.state as { kept?: T } | null)?.kept;
}

/** What the page is about from now on, instead of what its address said. */
export function keepForReload(value: unknown, hash = ""): void {
  try {
    history.replaceState({ kept: value }, "", location.pathname + hash);
  } catch {
    // Some browsers refuse a hundred changes within seconds. A reload then finds what was kept before.
  }
}
