import { useEffect, useState } from "react";

/**
 * Takes something secret out of the page's address. It is read once and kept in the history entry, which survives a
 * reload, is sent nowhere and is gone with the tab; the address itself is cleaned at once (behaviour S-15).
 */
export function useCleanAddress<T>(read: (address: URL) => T): T {
  const [value] = useState<T>(() => {
    const address = new URL(location.href);
    const isSecret = address.search !== "" || address.hash !== "";
    return isSecret ? read(address) : ((history.state as { kept?: T } | null)?.kept ?? read(address));
  });
  const [page] = useState(location.pathname);
  useEffect(() => {
    // A page that sends its visitor to another one has done so by now; that one's address is not ours to clean.
    if (location.pathname === page) keepForReload(value);
  }, [value, page]);
  return value;
}

/** What the page is about from now on, instead of what its address said. */
export function keepForReload(value: unknown): void {
  history.replaceState({ kept: value }, "", location.pathname);
}
