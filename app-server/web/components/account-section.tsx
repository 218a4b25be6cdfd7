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
    <section id={id} className="card account-section" aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        {lead && <div className="section-lead">{lead}</div>}
      </header>
      {children}
    </section>
  );
}

/** Said, and read out, when something has been done. Empty until then, so that readers notice the change. */
export function Done({ children }: { children: ReactNode }) {
  return (
    <div className="done" role="status">
      {children && <p className="note note-good">{children}</p>}
    </div>
  );
}
