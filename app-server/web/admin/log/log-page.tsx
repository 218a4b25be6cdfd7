import type { LoggedDecision } from "@anteroom/shared/wire/app/oversight";
import { useState } from "react";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { useMailType } from "../mail-state.tsx";
import { useActorName } from "../names.tsx";
import { usePagedList } from "../paged-list.ts";
import { Empty, Loaded, MoreButton, SearchField } from "../parts.tsx";
import { decisionsQuery } from "../queries.ts";

export function DecisionsPage() {
  const text = useWords(adminWords).log;
  const [search, setSearch] = useState("");
  const { query, rows } = usePagedList(decisionsQuery(search));
  return (
    <Page title={text.title} lead={text.lead} width="wide">
      <div className="toolbar">
        <SearchField label={text.search} onSearch={setSearch} />
      </div>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <Empty title={search ? text.nothingFound(search) : text.empty}>{!search && <p>{text.emptyMore}</p>}</Empty>
        ) : (
          <Log rows={rows} />
        )}
        <MoreButton query={query} />
      </Loaded>
    </Page>
  );
}

/** A table; where the screen is narrow, each row becomes a card. */
function Log({ rows }: { rows: readonly LoggedDecision[] }) {
  const { columns } = useWords(adminWords).log;
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">{columns.when}</th>
          <th scope="col">{columns.who}</th>
          <th scope="col">{columns.what}</th>
          <th scope="col">{columns.whom}</th>
          <th scope="col">{columns.why}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <LogLine key={row.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function LogLine({ row }: { row: LoggedDecision }) {
  const { actions, columns } = useWords(adminWords).log;
  const mailType = useMailType();
  const { dateTime } = useFormats();
  const actorName = useActorName();
  const who = actorName({ decided_by: row.actor, decided_by_name: row.actor_name });
  return (
    <tr>
      <td data-label={columns.when}>
        <time dateTime={new Date(row.at * 1000).toISOString()}>{dateTime(row.at)}</time>
      </td>
      <td data-label={columns.who}>
        <bdi>{who}</bdi>
      </td>
      <td data-label={columns.what}>
        {actions[row.action]}
        {row.detail && <span className="table-detail">{mailType(row.detail)}</span>}
      </td>
      <td data-label={columns.whom}>
        <bdi>{row.subject}</bdi>
      </td>
      <td data-label={columns.why} className="table-why">
        {row.reason ?? "–"}
      </td>
    </tr>
  );
}
