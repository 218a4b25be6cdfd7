import type { ListedPerson, PeopleKind } from "@anteroom/shared/wire/app/people";
import { Link } from "wouter";
import { useSession } from "../../api/client.ts";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { exportAddress, useInAddress } from "../address.ts";
import { MailBadge } from "../mail-state.tsx";
import { Name } from "../names.tsx";
import { usePagedList } from "../paged-list.ts";
import { Ago, Empty, Loaded, MoreButton, SearchField } from "../parts.tsx";
import { peopleQuery } from "../queries.ts";

const kinds = ["", "administrators", "closed"] as const satisfies readonly ("" | PeopleKind)[];

export function PeoplePage() {
  const text = useWords(adminWords).people;
  const { number } = useFormats();
  const [search, setSearch] = useInAddress("search");
  const [wanted, setKind] = useInAddress("only");
  const kind = kinds.find((each) => each === wanted) ?? "";
  const filter = { search: search || undefined, only: kind || undefined };
  const { query, rows } = usePagedList(peopleQuery(filter));
  const total = query.data?.pages[0]?.total;
  return (
    <Page title={text.title} lead={text.lead} width="wide">
      <div className="toolbar">
        <fieldset className="tabs">
          <legend className="hidden">{text.which}</legend>
          {kinds.map((each) => (
            <button key={each} type="button" aria-pressed={each === kind} onClick={() => setKind(each)}>
              {text.kinds[each || "everybody"]}
              {each === kind && typeof total === "number" && <span className="count">{number(total)}</span>}
            </button>
          ))}
        </fieldset>
        <SearchField label={text.search} search={search} onSearch={setSearch} />
        <a className="button quiet small" href={exportAddress("/admin/people/export/", filter)} download>
          {text.export}
        </a>
      </div>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <Empty title={search ? text.nothingFound(search) : text.empty[kind || "everybody"]}>
            {search && <p>{text.nothingFoundMore}</p>}
          </Empty>
        ) : (
          <ul className="rows">
            {rows.map((person) => (
              <PersonRow key={person.user_id} person={person} />
            ))}
          </ul>
        )}
        <MoreButton query={query} />
      </Loaded>
    </Page>
  );
}

function PersonRow({ person }: { person: ListedPerson }) {
  const text = useWords(adminWords).people;
  const isSelf = useSession()?.user.user_id === person.user_id;
  return (
    <li className="row row-person">
      <div className="row-main">
        <h2 className="row-name">
          <Link href={`/admin/people/${person.user_id}`}>
            <Name of={person} />
          </Link>
          {isSelf && <span className="badge">{text.you}</span>}
          {person.disabled && <span className="badge badge-bad">{text.closed}</span>}
          {person.permissions.map((permission) => (
            <span key={permission} className="badge badge-accent">
              {permission}
            </span>
          ))}
        </h2>
        <div className="row-facts">
          <bdi className="row-address">{person.email}</bdi>
          <span>
            {text.since} <Ago time={person.created_at} />
          </span>
          {person.mail && person.mail.status !== "accepted" && <MailBadge status={person.mail.status} />}
        </div>
      </div>
    </li>
  );
}
