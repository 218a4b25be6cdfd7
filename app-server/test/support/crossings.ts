/** A message on its way from one process to another: a call or an SQL statement, or the answer to it. */
export interface Crossing {
  link: Link;
  /** The action or path that is called, or the SQL. */
  what: string;
  phase: "call" | "answer";
  /** All that it carries, to tell whom it is about. A statement carries what its transaction did before. */
  text: string;
}

export type Link = "app → auth" | "auth → app" | "app → database" | "auth → database";

/** Given to the caller instead of what the other side would say; nothing reaches the other side. HTTP only. */
export interface Instead {
  status: number;
  body: unknown;
}

/** Sees every crossing; the message waits for the promise, if there is one. */
export type Gate = (crossing: Crossing) => Promise<Instead | undefined> | undefined;

/** A gate whose behaviour a test may change while everything runs, and which keeps what has passed. */
export function createRecorder() {
  const seen: Crossing[] = [];
  const recorder = {
    seen,
    gate: undefined as Gate | undefined,
    pass: (crossing: Crossing) => {
      seen.push(crossing);
      return recorder.gate?.(crossing);
    },
    /** The calls of one kind so far. */
    calls: (what: string) => seen.filter((crossing) => crossing.what === what && crossing.phase === "call"),
    reset: () => {
      seen.length = 0;
      recorder.gate = undefined;
    },
  };
  return recorder;
}
