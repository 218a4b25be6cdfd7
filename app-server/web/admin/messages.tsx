import { createContext, type ReactNode, useCallback, useContext, useEffect, useRef, useState } from "react";
import { adminWords } from "../words/admin.ts";
import { useWords } from "../words/language.tsx";
import { CrossIcon } from "./icons.tsx";

/** What came of something the administrator did, shown at the edge of the page and read out. */
export interface Message {
  text: string;
  tone: "good" | "bad";
  /** What it is about; a newer message about the same takes its place. */
  about?: string;
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

/** Milliseconds that good news stays; what can be undone with it can be undone elsewhere later. */
const goodNewsFor = { plain: 8_000, withAction: 20_000 };

export function Messages({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<readonly Shown[]>([]);
  const count = useRef(0);
  const dismiss = useCallback((id: number) => setShown((before) => before.filter((message) => message.id !== id)), []);
  const say = useCallback<Say>((message) => {
    const id = ++count.current;
    setShown((before) => {
      const others = before.filter(({ about }) => about === undefined || about !== message.about);
      return [...others.slice(1 - mostShown), { ...message, id }];
    });
  }, []);
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

interface CardsProps {
  shown: readonly Shown[];
  onDismiss: (id: number) => void;
}

function Cards({ shown, onDismiss }: CardsProps) {
  return shown.map((message) => <Card key={message.id} message={message} onDismiss={onDismiss} />);
}

function Card({ message, onDismiss }: { message: Shown; onDismiss: (id: number) => void }) {
  const { id, text: said, tone, action } = message;
  const text = useWords(adminWords).messages;
  const element = useRef<HTMLDivElement>(null);
  const time = action ? goodNewsFor.withAction : goodNewsFor.plain;
  useEffect(() => {
    if (tone === "bad") return;
    const timer = setInterval(() => {
      // Not from under somebody's pointer or focus.
      if (!element.current?.matches(":hover, :focus-within")) onDismiss(id);
    }, time);
    return () => clearInterval(timer);
  }, [id, tone, time, onDismiss]);
  return (
    <div ref={element} className={`message message-${tone}`}>
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
  );
}
