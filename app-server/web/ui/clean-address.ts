import { useEffect, useRef, useState } from "react";

/**
 * Takes something secret out of the page's address. It is read once and kept in the history entry, which survives a
 * reload, is sent nowhere and is gone with the tab; the address itself is cleaned at once (behaviour S-15).
 */
export function useCleanAddress<T>(read: (address: URL) => T): T {
  const [value] = useState<T>(() => {
    const address = new URL(location.href);
    const isSecret = address.search !== "" || address.hash !== "";
    return isSecret ? read(address) : (readKept<T>() ?? read(address));
  });
  const [page] = useState(location.pathname);
  useEffect(() => {
    // A page that sends its visitor to another one has done so by now; that one's address is not ours to clean.
    if (location.pathname === page) keepForReload(value);
  }, [value, page]);
  return value;
}

/**
 * What is typed and is no secret, kept likewise: it is there again after a reload, and when somebody comes back from the
 * next page. Not at every letter: browsers refuse a hundred changes of the history within seconds.
 */
export function useKept<T extends object>(nothing: T) {
  const [value, setValue] = useState<T>(() => ({ ...nothing, ...readKept<T>() }));
  const latest = useRef(value);
  latest.current = value;
  const [page] = useState(location.pathname);
  useEffect(() => {
    const timer = setTimeout(() => keepForReload(value), restBeforeKept);
    return () => clearTimeout(timer);
  }, [value]);
  useEffect(() => {
    const keep = () => {
      if (location.pathname === page) keepForReload(latest.current);
    };
    addEventListener("pagehide", keep);
    return () => removeEventListener("pagehide", keep);
  }, [page]);
  return [value, setValue, () => keepForReload(latest.current)] as const;
}

/** Milliseconds without a letter after which what was typed is kept. */
const restBeforeKept = 300;

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
export function keepForReload(value: unknown): void {
  try {
    history.replaceState({ kept: value }, "", location.pathname);
  } catch {
    // Changed too often within seconds: a reload begins anew.
  }
}
