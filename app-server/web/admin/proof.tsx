import type { AppFailure } from "@anteroom/shared/client/app";
import { useSyncExternalStore } from "react";
import { AskPassword, atPassword } from "../ui/ask-password.tsx";
import type { Failure } from "../ui/form.tsx";
import { adminWords } from "../words/admin.ts";
import { useWords } from "../words/language.tsx";
import { Dialog } from "./dialog.tsx";

type Answer = { ok: true } | AppFailure;

/** What goes on once the password was shown. */
interface PendingRequest {
  /** Sends it once more; resolves with the failure when the password was wrong, else once whoever waits has the answer. */
  retry: (proof: { password?: string }) => Promise<Failure | undefined>;
  cancel: () => void;
}

let pending: readonly PendingRequest[] = [];
const listeners = new Set<() => void>();

function setPending(next: readonly PendingRequest[]): void {
  pending = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Holds what was refused until its administrator has shown the password, and does it again; or gives up with them. */
export function untilProven<A extends Answer>(
  refused: A,
  send: (proof: { password?: string }) => Promise<A>,
): Promise<A> {
  return new Promise((resolve) => {
    const retry = async (proof: { password?: string }) => {
      const answer = await send(proof);
      if (!answer.ok && answer.error === "incorrect_password") return atPassword(answer);
      resolve(answer);
      return undefined;
    };
    setPending([...pending, { retry, cancel: () => resolve(refused) }]);
  });
}

/** Asks for the password while something waits for it: once for all of it, for the server remembers it a while. */
export function Proof() {
  const text = useWords(adminWords).proof;
  const waiting = useSyncExternalStore(subscribe, () => pending);
  const [first] = waiting;
  if (first === undefined) return null;
  const cancel = () => {
    setPending([]);
    for (const request of waiting) request.cancel();
  };
  const goOn = async (password: string) => {
    const failure = await first.retry({ password });
    if (failure) return failure;
    const others = pending.filter((request) => request !== first);
    setPending([]);
    await Promise.all(others.map((request) => request.retry({})));
    return undefined;
  };
  return (
    <Dialog title={text.title} onClose={cancel}>
      <AskPassword action={text.goOn} onPassword={goOn} onCancel={cancel} />
    </Dialog>
  );
}
