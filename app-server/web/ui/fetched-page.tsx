import { type ComponentType, useEffect, useState } from "react";
import { Loading } from "./page.tsx";

/**
 * A page whose script is fetched when it is first shown. React's own `lazy` would leave the sign of loading on the screen
 * for a third of a second, however quickly the script comes.
 */
export function fetchedPage(fetchPage: () => Promise<ComponentType>): ComponentType {
  let fetched: ComponentType | undefined;
  return function FetchedPage() {
    const [Shown, setShown] = useState(() => fetched);
    const [failure, setFailure] = useState<{ error: unknown }>();
    useEffect(() => {
      if (fetched) return;
      fetchPage().then(
        (page) => {
          fetched = page;
          setShown(() => page);
        },
        (error: unknown) => setFailure({ error }),
      );
    }, []);
    if (failure) throw failure.error;
    return Shown ? <Shown /> : <Loading />;
  };
}
