import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from "react";
import { texts, useTexts } from "../i18n.tsx";
import { CrossIcon } from "./admin-parts.tsx";

const words = texts({ en: { dismiss: "Dismiss this message" }, nl: { dismiss: "Verberg deze melding" } });

/** What came of something the administrator did, shown at the edge of the page and read out. */
export interface Message {
  text: string;
  tone: "good" | "bad";
  /** What can be done about it, such as undoing it. */
  action?: { label: string; run: () => void };
}

type Say = (message: Message) => void;

const SayContext = createContext<Say>(() => undefined);

export function useSay(): Say {
  return useContext(SayContext);
}

interface Shown extends Message {
  id: number;
}

/** Older ones make room. */
const mostShown = 3;

/** Milliseconds that good news stays when there is nothing to do about it. */
const goodNewsFor = 8_000;

export function Messages({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const count = useRef(0);
  const dismiss = useCallback((id: number) => setShown((before) => before.filter((message) => message.id !== id)), []);
  const say = useCallback<Say>(
    (message) => {
      const id = ++count.current;
      setShown((before) => [...before.slice(1 - mostShown), { ...message, id }]);
      if (message.tone === "good" && !message.action) setTimeout(() => dismiss(id), goodNewsFor);
    },
    [dismiss],
  );
  return (
    <SayContext value={say}>
      {children}
      <div className="messages">
        <div role="status">
          <Cards shown={shown.filter(({ tone }) => tone === "good")} onDismiss={dismiss} />
        </div>
        <div role="alert">
          <Cards shown={shown.filter(({ tone }) => tone === "bad")} onDismiss={dismiss} />
        </div>
      </div>
    </SayContext>
  );
}

function Cards({ shown, onDismiss }: { shown: readonly Shown[]; onDismiss: (id: number) => void }) {
  const text = useTexts(words);
  return shown.map(({ id, text: said, tone, action }) => (
    <div key={id} className={`message message-${tone}`}>
      <p>{said}</p>
      {action && (
        <button
          type="button"
          className="link-button"
          onClick={() => {
            onDismiss(id);
            action.run();
          }}
        >
          {action.label}
        </button>
      )}
      <button type="button" className="icon-button" aria-label={text.dismiss} onClick={() => onDismiss(id)}>
        <CrossIcon />
      </button>
    </div>
  ));
}
