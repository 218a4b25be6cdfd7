import { type ReactNode, useEffect, useRef } from "react";
import { Link } from "wouter";
import { useSessionFailure } from "../api/client.ts";
import { errorOf } from "../api/errors.ts";
import { site } from "../api/site.ts";
import { errorWords } from "../words/errors.ts";
import { useWords } from "../words/language.tsx";
import { uiWords } from "../words/ui.ts";

interface PageProps {
  title: string;
  /** Under the title. */
  lead?: ReactNode;
  /** Over the title. */
  above?: ReactNode;
  children?: ReactNode;
  /** How many wait for whoever sees it, before the title of the document. */
  count?: number;
  /** `narrow` for forms, `wide` for lists. */
  width?: "narrow" | "wide";
}

let isAnythingShown = false;

/**
 * One page, or one state of it. A new title becomes the document's and gets the focus, so that a screen reader says
 * where one is and the keyboard goes on from there.
 */
export function Page({ title, lead, above, children, count = 0, width = "narrow" }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const isFirst = useRef(document.activeElement === document.body && !isAnythingShown);
  useEffect(() => {
    document.title = `${count > 0 ? `(${count}) ` : ""}${title} – ${site.site}`;
  }, [title, count]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another title is another page.
  useEffect(() => {
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
    isAnythingShown = true;
  }, [title]);
  return (
    <div className={`page page-${width}`}>
      {above}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {lead && <div className="lead">{lead}</div>}
      {children}
    </div>
  );
}

export function Loading() {
  const { loading } = useWords(uiWords).page;
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      {loading}
    </div>
  );
}

interface UnreachableProps {
  error: Error;
  onAgain: () => void;
}

/** Instead of a page that the server did not give. */
export function Unreachable({ error, onAgain }: UnreachableProps) {
  const text = useWords(uiWords).page;
  const message = useWords(errorWords);
  return (
    <Page title={text.unreachable} lead={message[errorOf(error)]}>
      <p>
        <button type="button" className="button" onClick={onAgain}>
          {text.again}
        </button>
      </p>
    </Page>
  );
}

/** Until it is known who is signed in. */
export function SessionPending() {
  const failure = useSessionFailure();
  return failure ? <Unreachable error={failure.error} onAgain={failure.again} /> : <Loading />;
}

export function NotFound() {
  const text = useWords(uiWords).page;
  return (
    <Page title={text.missing} lead={text.missingMore}>
      <p>
        <Link href="/">{text.home}</Link>
      </p>
    </Page>
  );
}
