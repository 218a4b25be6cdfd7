import type { ListedInboundMail } from "@anteroom/shared/wire/app";
import { texts, useTexts } from "../../words/language.tsx";
import { ask } from "../api.ts";
import { mailWords } from "../mail-state.tsx";
import { usePagedList } from "../paged-list.ts";
import { Ago, Loaded, MoreButton } from "../parts.tsx";

const words = texts({
  en: {
    title: "What came back",
    lead: "Every mail that arrived where ours come back to, understood or not, and what it changed.",
    none: "Nothing has arrived.",
    kinds: {
      bounce: "Came back",
      delay: "Delayed on its way",
      success: "Delivered",
      complaint: "Complaint",
      other: "Not understood",
    },
    outcomes: {
      bounced: "the mail counts as come back",
      delayed: "noted with the mail",
      noted: "nothing changed",
      known: "that was known already",
    },
    nobody: "A mail that is no longer kept",
    excerpt: "How it begins",
  },
  nl: {
    title: "Wat er terugkwam",
    lead: "Elke mail die aankwam waar de onze terugkomen, begrepen of niet, en wat die veranderde.",
    none: "Er is niets aangekomen.",
    kinds: {
      bounce: "Kwam terug",
      delay: "Onderweg vertraagd",
      success: "Bezorgd",
      complaint: "Klacht",
      other: "Niet begrepen",
    },
    outcomes: {
      bounced: "de mail geldt als teruggekomen",
      delayed: "bij de mail genoteerd",
      noted: "er veranderde niets",
      known: "dat was al bekend",
    },
    nobody: "Een mail die niet meer wordt bewaard",
    excerpt: "Hoe die begint",
  },
});

const looks: Record<ListedInboundMail["kind"], string> = {
  bounce: "badge badge-bad",
  delay: "badge badge-warn",
  success: "badge badge-good",
  complaint: "badge badge-bad",
  other: "badge",
};

/** What arrived at return paths, newest first. */
export function InboundMails() {
  const text = useTexts(words);
  const { query, rows } = usePagedList(["mail", "inbound"], (before) =>
    ask("GET /admin/mails/inbound/", { before, limit: 20 }).then(({ inbound, next }) => ({ rows: inbound, next })),
  );
  return (
    <section className="section" id="inbound">
      <h2>{text.title}</h2>
      <p className="aside">{text.lead}</p>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <p>{text.none}</p>
        ) : (
          <ul className="rows">
            {rows.map((mail) => (
              <InboundRow key={mail.id} mail={mail} />
            ))}
          </ul>
        )}
        <MoreButton query={query} />
      </Loaded>
    </section>
  );
}

function InboundRow({ mail }: { mail: ListedInboundMail }) {
  const text = useTexts(words);
  const { types } = useTexts(mailWords);
  return (
    <li className="row">
      <div className="row-main">
        <h3 className="row-name">{mail.email === null ? text.nobody : <bdi>{mail.email}</bdi>}</h3>
        <div className="row-facts">
          <span className={looks[mail.kind]}>{text.kinds[mail.kind]}</span>
          {mail.type !== null && <span>{types[mail.type] ?? mail.type}</span>}
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
