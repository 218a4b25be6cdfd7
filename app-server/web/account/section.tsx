import type { ReactNode } from "react";

interface SectionProps {
  /** Part of the page's address when somebody goes there. */
  id: string;
  title: string;
  lead?: ReactNode;
  children: ReactNode;
}

export function Section({ id, title, lead, children }: SectionProps) {
  return (
    <section id={id} className="card account-section" aria-labelledby={titleOf(id)}>
      <header>
        <h2 id={titleOf(id)} tabIndex={-1}>
          {title}
        </h2>
        {lead && <div className="section-lead">{lead}</div>}
      </header>
      {children}
    </section>
  );
}

const titleOf = (id: string) => `${id}-title`;

/** Where the keyboard goes on when what had the focus is no longer there. */
export function focusSection(id: string): void {
  document.getElementById(titleOf(id))?.focus({ preventScroll: true });
}

/** Where the page's address leads. */
export function goToSection(id: string): void {
  document.getElementById(id)?.scrollIntoView();
  focusSection(id);
}

/** Said, and read out, when something has been done. Empty until then, so that readers notice the change. */
export function Done({ children }: { children: ReactNode }) {
  return (
    <div className="done" role="status">
      {children && <p className="note note-good">{children}</p>}
    </div>
  );
}
