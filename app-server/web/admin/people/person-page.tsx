import type { PersonFacts } from "@anteroom/shared/wire/app/people";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "wouter";
import { useSession } from "../../api/client.ts";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { errorOf } from "../api.ts";
import { LogTable } from "../log-table.tsx";
import { MailBadge, useMailType } from "../mail-state.tsx";
import { nameOf, useActorName } from "../names.tsx";
import { usePagedList } from "../paged-list.ts";
import { Ago, Loaded, MoreButton } from "../parts.tsx";
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
      <span>
        {approved
          ? text.approvedBy(actorName({ decided_by: approved.by, decided_by_name: approved.by_name }))
          : text.notInLog}{" "}
        {approved && <Ago time={approved.at} />}
      </span>
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
      <p>
        <Link href="/admin">{text.decide}</Link>
      </p>
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
    <section className="section">
      <h2>{text.history}</h2>
      <Loaded query={query}>
        {rows.length === 0 ? <p>{text.noHistory}</p> : <LogTable rows={rows} about="one" />}
        <MoreButton query={query} />
      </Loaded>
    </section>
  );
}

function Mails({ id }: { id: string }) {
  const text = useWords(adminWords).person;
  const mailType = useMailType();
  const { dateTime } = useFormats();
  const { query, rows } = usePagedList(mailsQuery({ about: id }));
  return (
    <section className="section">
      <h2>{text.mails}</h2>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <p>{text.noMails}</p>
        ) : (
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
        )}
        <MoreButton query={query} />
      </Loaded>
    </section>
  );
}
