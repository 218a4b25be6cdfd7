import type { ListedPerson } from "@anteroom/shared/wire/app/people";
import { useId, useState } from "react";
import { useSession } from "../../api/client.ts";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { useWords } from "../../words/language.tsx";
import { MailBadge } from "../mail-state.tsx";
import { Name, nameOf } from "../names.tsx";
import { usePagedList } from "../paged-list.ts";
import { Ago, Empty, Loaded, MoreButton, SearchField } from "../parts.tsx";
import { peopleQuery } from "../queries.ts";
import { PersonPanel } from "./person.tsx";

export function PeoplePage() {
  const text = useWords(adminWords).people;
  const [search, setSearch] = useState("");
  const { query, rows } = usePagedList(peopleQuery(search));
  return (
    <Page title={text.title} lead={text.lead} width="wide">
      <div className="toolbar">
        <SearchField label={text.search} onSearch={setSearch} />
      </div>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <Empty title={search ? text.nothingFound(search) : text.empty}>
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
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  const isSelf = useSession()?.user.user_id === person.user_id;
  return (
    <li className="row row-person">
      <div className="row-main">
        <h2 className="row-name">
          <Name of={person} />
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
      <div className="row-actions">
        <button
          type="button"
          className="button quiet small"
          aria-expanded={isOpen}
          aria-controls={id}
          aria-label={text.manageOf(nameOf(person))}
          onClick={() => setOpen(!isOpen)}
        >
          {text.manage}
        </button>
      </div>
      <div id={id} className="row-panel" hidden={!isOpen}>
        {isOpen && <PersonPanel person={person} isSelf={isSelf} />}
      </div>
    </li>
  );
}
