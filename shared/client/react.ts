import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import type { Anteroom, KnownSession } from "./anteroom.ts";
import type { AppFailure } from "./app.ts";
import type { DecisionResult } from "./waiting.ts";

/** Who is signed in, asked when first shown and whenever the page is looked at again. `failure`: why that is not known. */
export function useSession(anteroom: Anteroom): {
  session: KnownSession;
  failure: AppFailure | undefined;
  again: () => Promise<void>;
} {
  const session = useSyncExternalStore(anteroom.subscribe, anteroom.session, () => undefined);
  const [failure, setFailure] = useState<AppFailure>();
  const again = useCallback(async () => {
    const answer = await anteroom.getSession();
    setFailure(answer.ok ? undefined : answer);
  }, [anteroom]);
  useEffect(() => {
    const ask = () => void again();
    ask();
    globalThis.addEventListener?.("focus", ask);
    return () => globalThis.removeEventListener?.("focus", ask);
  }, [again]);
  return { session, failure, again };
}

/**
 * Waits for the decision on a request as long as the component is shown; nothing without a token.
 * `result` is what became of it, `trouble` why the last look brought nothing.
 */
export function useWaiting(
  anteroom: Anteroom,
  registrationToken: string | undefined,
  code?: string,
): { result: DecisionResult | undefined; trouble: AppFailure | undefined } {
  const [result, setResult] = useState<DecisionResult>();
  const [trouble, setTrouble] = useState<AppFailure>();
  useEffect(() => {
    if (!registrationToken) return;
    const ended = new AbortController();
    setResult(undefined);
    setTrouble(undefined);
    anteroom
      .waitForApproval(registrationToken, {
        signal: ended.signal,
        onTrouble: (seen) => {
          if (!ended.signal.aborted) setTrouble(seen);
        },
        ...(code ? { code } : {}),
      })
      .then(setResult, (error: unknown) => {
        if (!ended.signal.aborted) throw error;
      });
    return () => ended.abort();
  }, [anteroom, registrationToken, code]);
  return { result, trouble };
}
