import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { errorOf } from "../api/errors.ts";
import { Loading } from "../ui/page.tsx";
import { adminWords } from "../words/admin.ts";
import { errorWords } from "../words/errors.ts";
import { useFormats, useWords } from "../words/language.tsx";

/** Small things that every page of administration is made of. */

/** “3 hours ago”, and the exact time for whoever points at it. */
export function Ago({ time }: { time: number }) {
  const formats = useFormats();
  return (
    <time dateTime={new Date(time * 1000).toISOString()} title={formats.dateTime(time)}>
      {formats.ago(time)}
    </time>
  );
}

/** A button that shows that its work is under way; it keeps the focus meanwhile and cannot be pressed twice. */
export function ActionButton({
  children,
  run,
  look = "quiet",
  label,
  isBusy: isBusyElsewhere = false,
}: {
  children: ReactNode;
  // biome-ignore lint/suspicious/noConfusingVoidType: what opens a dialog has nothing to wait for.
  run: () => Promise<unknown> | void;
  look?: "quiet" | "danger" | "plain";
  /** Read out in place of the text, where the text alone does not say whom it is about. */
  label?: string;
  /** The same was begun in another way, such as with a key. */
  isBusy?: boolean;
}) {
  const { busy } = useWords(adminWords).parts;
  const [isRunning, setRunning] = useState(false);
  const isBusy = isRunning || isBusyElsewhere;
  const press = () => {
    if (isBusy) return;
    const work = run();
    if (!work) return;
    setRunning(true);
    void work.finally(() => setRunning(false));
  };
  return (
    <button
      type="button"
      className={`button small${look === "plain" ? "" : ` ${look}`}`}
      aria-disabled={isBusy}
      {...(label && !isBusy ? { "aria-label": label } : {})}
      onClick={press}
    >
      {isBusy ? busy : children}
    </button>
  );
}

interface SearchProps {
  label: string;
  /** What is looked for, as the page's address has it. */
  search?: string;
  onSearch: (search: string) => void;
}

/** Milliseconds of rest after which what was typed is looked for. */
const restBeforeSearch = 200;

export function SearchField({ label, search = "", onSearch }: SearchProps) {
  const id = useId();
  const [typed, setTyped] = useState(search);
  const told = useRef(search);
  const tell = useRef(onSearch);
  tell.current = onSearch;
  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === told.current) return;
    const timer = setTimeout(
      () => {
        told.current = wanted;
        tell.current(wanted);
      },
      typed ? restBeforeSearch : 0,
    );
    return () => clearTimeout(timer);
  }, [typed]);
  // Not of this field's doing: somebody went back.
  useEffect(() => {
    if (search === told.current) return;
    told.current = search;
    setTyped(search);
  }, [search]);
  return (
    <div className="search">
      <label className="hidden" htmlFor={id}>
        {label}
      </label>
      <div className="field-frame">
        <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
          <path
            d="M13.5 13.5L18 18M15 8.5a6.5 6.5 0 11-13 0 6.5 6.5 0 0113 0z"
            stroke="currentColor"
            fill="none"
            strokeWidth="2"
            strokeLinecap="round"
          />
        </svg>
        <input
          id={id}
          type="search"
          placeholder={label}
          value={typed}
          maxLength={100}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
    </div>
  );
}

interface LoadedProps {
  query: { data: unknown; isPending: boolean; error: Error | null; refetch: () => Promise<unknown> };
  /** Shown as soon as there is anything, also while it could not be read again. */
  children: ReactNode;
}

/** What is shown while something is read for the first time, and when that failed. */
export function Loaded({ query, children }: LoadedProps) {
  const text = useWords(adminWords).parts;
  const message = useWords(errorWords);
  if (query.isPending) return <Loading />;
  return (
    <>
      <div role="alert">
        {query.error && (
          <div className="note note-bad note-row">
            <p>{message[errorOf(query.error)]}</p>
            <ActionButton run={() => query.refetch()}>{text.again}</ActionButton>
          </div>
        )}
      </div>
      {query.data !== undefined && children}
    </>
  );
}

interface MoreProps {
  query: { hasNextPage: boolean; fetchNextPage: () => Promise<unknown> };
}

export function MoreButton({ query }: MoreProps) {
  const text = useWords(adminWords).parts;
  if (!query.hasNextPage) return null;
  return (
    <div className="more-rows">
      <ActionButton run={() => query.fetchNextPage()}>{text.more}</ActionButton>
    </div>
  );
}

interface ListedProps {
  query: LoadedProps["query"] & MoreProps["query"];
  children: ReactNode;
  title: string;
  lead?: string;
  /** Part of the page's address when somebody goes there. */
  id?: string;
  /** Said in place of the rows when there are none. */
  none: string | false;
}

/** A part of a page that lists something, page by page. */
export function ListedSection({ title, lead, id, query, none, children }: ListedProps) {
  return (
    <section className="section" id={id}>
      <h2>{title}</h2>
      {lead && <p className="aside">{lead}</p>}
      <Loaded query={query}>
        {none ? <p>{none}</p> : children}
        <MoreButton query={query} />
      </Loaded>
    </section>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children}
    </div>
  );
}
