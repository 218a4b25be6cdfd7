import { type ComponentType, useEffect, useState } from "react";
import { LoadAgain } from "./error-boundary.tsx";
import { Loading } from "./page.tsx";

/**
 * A page whose script is fetched when it is first shown. React's own `lazy` would leave the sign of loading on the screen
 * for a third of a second, however quickly the script comes. A script that does not come is no defect of the page, and is
 * fetched once more when somebody comes back to it.
 */
export function fetchedPage(fetchPage: () => Promise<ComponentType>): ComponentType {
  let fetched: ComponentType | undefined;
  let hasFailed = false;
  return function FetchedPage() {
    const [Shown, setShown] = useState(() => fetched);
    const [isMissing, setMissing] = useState(false);
    useEffect(() => {
      if (fetched) return;
      const fetching = hasFailed ? startAnew() : fetchPage();
      fetching.then(
        (page) => {
          fetched = page;
          setShown(() => page);
        },
        () => {
          hasFailed = true;
          setMissing(true);
        },
      );
    }, []);
    // Without a connection, or after a new version has taken the place of the one that this page is of.
    if (isMissing) return <LoadAgain why="missingScript" />;
    return Shown ? <Shown /> : <Loading />;
  };
}

/** A browser fetches a script once only, whether it came or not: the document is loaded anew, once there is one to load. */
async function startAnew(): Promise<never> {
  await fetch("/alive", { signal: AbortSignal.timeout(5_000) });
  location.reload();
  return new Promise(() => undefined);
}
