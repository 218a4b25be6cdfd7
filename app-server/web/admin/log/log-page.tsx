import type { DecisionAction } from "@anteroom/shared/wire/app/oversight";
import { useId } from "react";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { useWords } from "../../words/language.tsx";
import { exportAddress, useInAddress } from "../address.ts";
import { LogTable } from "../log-table.tsx";
import { usePagedList } from "../paged-list.ts";
import { Empty, Loaded, MoreButton, SearchField } from "../parts.tsx";
import { decisionsQuery } from "../queries.ts";

export function DecisionsPage() {
  const text = useWords(adminWords).log;
  const [search, setSearch] = useInAddress("search");
  const [action, setAction] = useInAddress("action");
  const [since, setSince] = useInAddress("since");
  const [until, setUntil] = useInAddress("until");
  const filter = {
    search: search || undefined,
    action: Object.hasOwn(text.actions, action) ? (action as DecisionAction) : undefined,
    since: startOf(since),
    until: startOf(until, 1),
  };
  // Whoever looks for one address wants to see it, also where it was one of many.
  const batches = search ? "in full" : "folded";
  const { query, rows } = usePagedList(decisionsQuery({ ...filter, batches }));
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  return (
    <Page title={text.title} lead={text.lead} width="wide">
      <div className="toolbar">
        <SearchField label={text.search} search={search} onSearch={setSearch} />
        <ActionFilter chosen={action} onChoose={setAction} />
        <DayField label={text.since} day={since} onChoose={setSince} />
        <DayField label={text.until} day={until} onChoose={setUntil} />
        <a className="button quiet small" href={exportAddress("/admin/decisions/export/", filter)} download>
          {text.export}
        </a>
      </div>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <Empty title={isFiltered ? text.nothingFound(search) : text.empty}>
            {!isFiltered && <p>{text.emptyMore}</p>}
          </Empty>
        ) : (
          <LogTable rows={rows} />
        )}
        <MoreButton query={query} />
      </Loaded>
    </Page>
  );
}

/** When a day begins where the reader is, or one after it. Undefined for what is no day. */
function startOf(day: string, later = 0): string | undefined {
  const [year, month, date] = /^\d{4}-\d{2}-\d{2}$/.test(day) ? day.split("-").map(Number) : [];
  if (year === undefined || month === undefined || date === undefined) return undefined;
  return String(Math.max(0, Math.floor(new Date(year, month - 1, date + later).getTime() / 1_000)));
}

function ActionFilter({ chosen, onChoose }: { chosen: string; onChoose: (action: string) => void }) {
  const text = useWords(adminWords).log;
  return (
    <label className="filter">
      <span>{text.columns.what}</span>
      <select value={chosen} onChange={(event) => onChoose(event.target.value)}>
        <option value="">{text.anything}</option>
        {Object.entries(text.actions).map(([action, words]) => (
          <option key={action} value={action}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

function DayField({ label, day, onChoose }: { label: string; day: string; onChoose: (day: string) => void }) {
  const id = useId();
  return (
    <span className="filter">
      <label htmlFor={id}>{label}</label>
      <input id={id} type="date" value={day} onChange={(event) => onChoose(event.target.value)} />
    </span>
  );
}
