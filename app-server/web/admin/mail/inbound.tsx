import type { ListedInboundMail } from "@anteroom/shared/wire/app/mail";
import { adminWords } from "../../words/admin.ts";
import { useWords } from "../../words/language.tsx";
import { useMailType } from "../mail-state.tsx";
import { usePagedList } from "../paged-list.ts";
import { Ago, ListedSection } from "../parts.tsx";
import { inboundMailsQuery } from "../queries.ts";

const looks: Record<ListedInboundMail["kind"], string> = {
  bounce: "badge badge-bad",
  delay: "badge badge-warn",
  success: "badge badge-good",
  complaint: "badge badge-bad",
  other: "badge",
};

/** What arrived at return paths, newest first. */
export function InboundMails() {
  const text = useWords(adminWords).inbound;
  const { query, rows } = usePagedList(inboundMailsQuery);
  return (
    <ListedSection id="inbound" title={text.title} lead={text.lead} query={query} none={rows.length === 0 && text.none}>
      <ul className="rows">
        {rows.map((mail) => (
          <InboundRow key={mail.id} mail={mail} />
        ))}
      </ul>
    </ListedSection>
  );
}

function InboundRow({ mail }: { mail: ListedInboundMail }) {
  const text = useWords(adminWords).inbound;
  const mailType = useMailType();
  return (
    <li className="row">
      <div className="row-main">
        <h3 className="row-name">{mail.email === null ? text.nobody : <bdi>{mail.email}</bdi>}</h3>
        <div className="row-facts">
          <span className={looks[mail.kind]}>{text.kinds[mail.kind]}</span>
          {mail.type !== null && <span>{mailType(mail.type)}</span>}
          {mail.outcome !== "unknown_mail" && <span>{text.outcomes[mail.outcome]}</span>}
          <Ago time={mail.received_at} />
        </div>
        {mail.reason !== null && (
          <p className="row-reason">
            <q>{mail.reason}</q>
          </p>
        )}
        <details className="more row-excerpt">
          <summary>{text.excerpt}</summary>
          <pre>{mail.excerpt}</pre>
        </details>
      </div>
    </li>
  );
}
