import type { AppFailure } from "@anteroom/shared/client/app";
import { useSyncExternalStore } from "react";
import { texts, useTexts } from "../i18n.tsx";
import { Dialog } from "./admin-dialog.tsx";
import { AskPassword, atPassword } from "./ask-password.tsx";
import type { Failure } from "./form.tsx";

const words = texts({
  en: { title: "Is it you?", goOn: "Go on" },
  nl: { title: "Ben jij het?", goOn: "Ga door" },
});

type Answer = { ok: true } | AppFailure;

/** What goes on once the password was shown. */
interface Held {
  /** What is wrong with the password, if that is it. */
  again: (proof: { password?: string }) => Promise<Failure | undefined>;
  giveUp: () => void;
}

let held: readonly Held[] = [];
const watchers = new Set<() => void>();

function hold(next: readonly Held[]): void {
  held = next;
  for (const tell of watchers) tell();
}

function watch(tell: () => void): () => void {
  watchers.add(tell);
  return () => watchers.delete(tell);
}

/** Holds what was refused until its administrator has shown the password, and does it again; or gives up with them. */
export function untilProven<A extends Answer>(
  refused: A,
  repeat: (proof: { password?: string }) => Promise<A>,
): Promise<A> {
  return new Promise((resolve) => {
    const again = async (proof: { password?: string }) => {
      const answer = await repeat(proof);
      if (!answer.ok && answer.error === "incorrect_password") return atPassword(answer);
      resolve(answer);
      return undefined;
    };
    hold([...held, { again, giveUp: () => resolve(refused) }]);
  });
}

/** Asks for the password while something waits for it: once for all of it, for the server remembers it a while. */
export function Proof() {
  const text = useTexts(words);
  const waiting = useSyncExternalStore(watch, () => held);
  const [first] = waiting;
  if (first === undefined) return null;
  const giveUp = () => {
    hold([]);
    for (const one of waiting) one.giveUp();
  };
  const goOn = async (password: string) => {
    const failure = await first.again({ password });
    if (failure) return failure;
    const others = held.filter((one) => one !== first);
    hold([]);
    await Promise.all(others.map((one) => one.again({})));
    return undefined;
  };
  return (
    <Dialog title={text.title} onClose={giveUp}>
      <AskPassword action={text.goOn} onPassword={goOn} onCancel={giveUp} />
    </Dialog>
  );
}
