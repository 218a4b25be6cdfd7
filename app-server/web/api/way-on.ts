import { findAllowed } from "./allowed-address.ts";
import { site } from "./site.ts";

/**
 * Where a page outside wants people back when they are done here: `redirect_to` in the address of any page. Kept for this tab,
 * since signing up goes over several pages.
 */
const key = "anteroom-way-on";

/** To be called before anything is shown: pages clean their addresses. */
export function keepWayOn(): void {
  const given = new URLSearchParams(location.search).get("redirect_to");
  const allowed = given === null ? undefined : findAllowed(given, [location.origin, ...site.origins]);
  if (allowed) attempt(() => sessionStorage.setItem(key, allowed));
}

/** Once: whoever comes to sign in again later has not been sent. */
export function takeWayOn(): string | undefined {
  const kept = attempt(() => sessionStorage.getItem(key));
  attempt(() => sessionStorage.removeItem(key));
  return kept ?? undefined;
}

/** Where to go on to from the account: where somebody came from, or the site's home. */
export function readWayOn(): string | undefined {
  return attempt(() => sessionStorage.getItem(key)) ?? site.home;
}

/** Where a browser keeps nothing, people end at their account. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
