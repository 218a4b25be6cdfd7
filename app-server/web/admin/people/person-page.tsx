import type { PersonFacts } from "@anteroom/shared/wire/app/people";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "wouter";
import { useSession } from "../../api/client.ts";
import { errorOf } from "../../api/errors.ts";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { LogTable } from "../log-table.tsx";
import { MailBadge, useMailType } from "../mail-state.tsx";
import { nameOf, useActorName } from "../names.tsx";
import { usePagedList } from "../paged-list.ts";
import { Ago, ListedSection, Loaded } from "../parts.tsx";
import { decisionsQuery, mailsQuery, personQuery } from "../queries.ts";
import { PersonPanel } from "./person.tsx";

/** One person: who they are, what they may do, what was decided about them and which mails they got. */
export function PersonPage() {
  const { id = "" } = useParams();
  const text = useWords(adminWords).person;
  const query = useQuery(personQuery(id));
  const back = <Link href="/admin/people">{text.back}</Link>;
  if (query.error && errorOf(query.error) === "user_not_found")
    return <Page title={text.nobody} lead={text.nobodyLead} above={back} />;
  const facts = query.data;
  return (
    <Page title={facts ? nameOf(facts) : text.title} width="wide" above={back}>
      <Loaded query={query}>
        {facts && (
          <>
            <Facts facts={facts} />
            <Management facts={facts} />
            <History id={id} />
            <Mails id={id} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Facts({ facts }: { facts: PersonFacts }) {
  const text = useWords(adminWords).person;
  const closed = useWords(adminWords).people.closed;
  const actorName = useActorName();
  const { approved } = facts;
  return (
    <div className="row-facts">
      <bdi className="row-address">{facts.email}</bdi>
      {facts.disabled && <span className="badge badge-bad">{closed}</span>}
      <span>
        {facts.user_id === null ? text.asked : text.since} <Ago time={facts.created_at} />
      </span>
      {approved && (
        <span>
          {text.approvedBy(actorName({ decided_by: approved.by, decided_by_name: approved.by_name }))}{" "}
          <Ago time={approved.at} />
        </span>
      )}
      {!approved && facts.user_id !== null && <span>{text.notInLog}</span>}
    </div>
  );
}

/** What can be done to an account; whoever only asks for one is decided about among the requests. */
function Management({ facts }: { facts: PersonFacts }) {
  const text = useWords(adminWords).person;
  const isSelf = useSession()?.user.user_id === facts.user_id;
  const { user_id } = facts;
  if (user_id === null)
    return (
      facts.state === "REQUESTED" && (
        <p>
          <Link href={`/admin?search=${encodeURIComponent(facts.email)}`}>{text.decide}</Link>
        </p>
      )
    );
  return (
    <div className="card person-panel">
      <PersonPanel person={{ ...facts, user_id }} isSelf={isSelf} />
    </div>
  );
}

function History({ id }: { id: string }) {
  const text = useWords(adminWords).person;
  const { query, rows } = usePagedList(decisionsQuery({ about: id }));
  return (
    <ListedSection title={text.history} query={query} none={rows.length === 0 && text.noHistory}>
      <LogTable rows={rows} about="one" />
    </ListedSection>
  );
}

function Mails({ id }: { id: string }) {
  const text = useWords(adminWords).person;
  const mailType = useMailType();
  const { dateTime } = useFormats();
  const { query, rows } = usePagedList(mailsQuery({ about: id }));
  return (
    <ListedSection title={text.mails} query={query} none={rows.length === 0 && text.noMails}>
      <ul className="rows">
        {rows.map((mail) => (
          <li key={mail.id} className="row row-facts">
            <MailBadge status={mail.status} length="short" />
            <strong>{mailType(mail.type)}</strong>
            <bdi>{mail.email}</bdi>
            <span>{dateTime(mail.created_at)}</span>
            {mail.reason && mail.status !== "accepted" && <q className="row-reason">{mail.reason}</q>}
          </li>
        ))}
      </ul>
    </ListedSection>
  );
}
