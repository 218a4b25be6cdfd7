import type { ListedMail, ListedSuppression, MailStatus } from "@anteroom/shared/wire/app/mail";
import { useQuery } from "@tanstack/react-query";
import type { ErrorCode } from "../../api/errors.ts";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { errorWords } from "../../words/errors.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { useInAddress } from "../address.ts";
import { call } from "../api.ts";
import { MailBadge, useMailState, useMailType } from "../mail-state.tsx";
import { useSay } from "../messages.tsx";
import { usePagedList } from "../paged-list.ts";
import { ActionButton, Ago, Empty, Loaded, MoreButton, SearchField } from "../parts.tsx";
import { mailsQuery, readMailAgain, suppressionsQuery } from "../queries.ts";
import { InboundMails } from "./inbound.tsx";

const kinds = ["failed", "bounced", "deferred", "queued", "accepted"] as const satisfies readonly MailStatus[];

export function MailPage() {
  const text = useWords(adminWords).mail;
  const { number } = useFormats();
  const word = useMailState();
  const [wanted, setStatus] = useInAddress("state");
  const [search, setSearch] = useInAddress("search");
  const status = kinds.find((kind) => kind === wanted) ?? "failed";
  const { query, rows } = usePagedList(mailsQuery({ status, search: search || undefined }));
  const counts = query.data?.pages[0]?.counts;
  return (
    <Page title={text.title} lead={text.lead} width="wide">
      <div className="toolbar">
        <fieldset className="tabs">
          <legend className="hidden">{text.which}</legend>
          {kinds.map((kind) => (
            <button key={kind} type="button" aria-pressed={kind === status} onClick={() => setStatus(kind)}>
              {word(kind)}
              {counts && <span className="count">{number(counts[kind])}</span>}
            </button>
          ))}
        </fieldset>
        <SearchField label={text.search} search={search} onSearch={setSearch} />
        {rows.length > 0 && search === "" && <AllAtOnce status={status} />}
      </div>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <Empty title={search ? text.nothingFound(search) : text.empty[status]}>
            {!search && status !== "accepted" && <p>{text.emptyMore}</p>}
          </Empty>
        ) : (
          <ul className="rows">
            {rows.map((mail) => (
              <MailRow key={mail.id} mail={mail} />
            ))}
          </ul>
        )}
        <MoreButton query={query} />
      </Loaded>
      <Suppressions />
      <InboundMails />
    </Page>
  );
}

function MailRow({ mail }: { mail: ListedMail }) {
  const text = useWords(adminWords).mail;
  const { ago } = useFormats();
  const message = useWords(errorWords);
  const say = useSay();
  const kind = useMailType()(mail.type);
  const replay = async () => {
    const answer = await call("POST /admin/mails/replay/", { id: mail.id });
    say(
      answer.ok
        ? { tone: "good", text: text.queued(mail.email) }
        : { tone: "bad", text: `${mail.email}: ${message[answer.error]}` },
    );
    await readMailAgain();
  };
  return (
    <li className="row">
      <div className="row-main">
        <h2 className="row-name">
          <bdi>{mail.email}</bdi>
        </h2>
        <div className="row-facts">
          <MailBadge status={mail.status} length="short" />
          <span>{kind}</span>
          <Ago time={mail.updated_at} />
          {mail.attempts > 0 && <span>{text.attempts(mail.attempts)}</span>}
          {mail.next_try_at !== null && <span>{text.next(ago(mail.next_try_at))}</span>}
        </div>
        {mail.reason && mail.status !== "accepted" && (
          <p className="row-reason">
            <q>{mail.reason}</q>
          </p>
        )}
      </div>
      {(mail.status === "failed" || mail.status === "bounced") && (
        <div className="row-actions">
          <ActionButton label={text.replayOf(kind, mail.email)} run={replay}>
            {text.replay}
          </ActionButton>
        </div>
      )}
    </li>
  );
}

function AllAtOnce({ status }: { status: MailStatus }) {
  const text = useWords(adminWords).mail;
  const message = useWords(errorWords);
  const say = useSay();
  const replayAll = async () => {
    const answer = await call("POST /admin/mails/replay/", { all: true });
    if (!answer.ok) return say({ tone: "bad", text: message[answer.error] });
    if ("queued" in answer.values) {
      say({ tone: "good", text: text.queuedMany(answer.values.queued) });
      for (const [error, count] of Object.entries(answer.values.refused))
        say({ tone: "bad", text: text.refused(count, message[error as ErrorCode]) });
    }
    await readMailAgain();
  };
  const retryAll = async () => {
    const answer = await call("POST /admin/mails/retry_deferred/", {});
    say(answer.ok ? { tone: "good", text: text.due(answer.values.due) } : { tone: "bad", text: message[answer.error] });
    await readMailAgain();
  };
  if (status === "deferred") return <ActionButton run={retryAll}>{text.retryAll}</ActionButton>;
  if (status === "failed" || status === "bounced") return <ActionButton run={replayAll}>{text.replayAll}</ActionButton>;
  return null;
}

function Suppressions() {
  const text = useWords(adminWords).mail;
  const query = useQuery(suppressionsQuery);
  return (
    <section className="section">
      <h2>{text.held}</h2>
      <p className="aside">{text.heldLead}</p>
      <Loaded query={query}>
        {query.data?.length === 0 && <p>{text.heldNone}</p>}
        {query.data && query.data.length > 0 && (
          <ul className="rows">
            {query.data.map((held) => (
              <Suppression key={held.email} held={held} />
            ))}
          </ul>
        )}
      </Loaded>
    </section>
  );
}

function Suppression({ held }: { held: ListedSuppression }) {
  const text = useWords(adminWords).mail;
  const message = useWords(errorWords);
  const say = useSay();
  const clear = async () => {
    const answer = await call("POST /admin/mails/clear_address/", { email: held.email });
    say(
      answer.ok
        ? { tone: "good", text: text.cleared(held.email) }
        : { tone: "bad", text: `${held.email}: ${message[answer.error]}` },
    );
    await readMailAgain();
  };
  return (
    <li className="row">
      <div className="row-main">
        <h3 className="row-name">
          <bdi>{held.email}</bdi>
        </h3>
        <div className="row-facts">
          <span>{text.bounces(held.bounces)}</span>
          <span>
            {text.since} <Ago time={held.suppressed_at} />
          </span>
        </div>
        <p className="row-reason">
          <q>{held.reason}</q>
        </p>
      </div>
      <div className="row-actions">
        <ActionButton label={text.clearOf(held.email)} run={clear}>
          {text.clear}
        </ActionButton>
      </div>
    </li>
  );
}
