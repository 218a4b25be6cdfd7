import type { LoggedDecision } from "@anteroom/shared/wire/app/oversight";
import { useState } from "react";
import { Link } from "wouter";
import { adminWords } from "../words/admin.ts";
import { useFormats, useWords } from "../words/language.tsx";
import { useMailType } from "./mail-state.tsx";
import { Name, useActorName } from "./names.tsx";
import { usePagedList } from "./paged-list.ts";
import { Loaded, MoreButton } from "./parts.tsx";
import { decisionsQuery } from "./queries.ts";

interface TableProps {
  rows: readonly LoggedDecision[];
  /** Whom they are about is said on the page already. */
  about?: "many" | "one";
}

/** A table; where the screen is narrow, each row becomes a card. */
export function LogTable({ rows, about = "many" }: TableProps) {
  const { columns } = useWords(adminWords).log;
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">{columns.when}</th>
          <th scope="col">{columns.who}</th>
          <th scope="col">{columns.what}</th>
          {about === "many" && <th scope="col">{columns.whom}</th>}
          <th scope="col">{columns.why}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <LogLine key={row.id} row={row} about={about} />
        ))}
      </tbody>
    </table>
  );
}

function LogLine({ row, about }: { row: LoggedDecision; about: "many" | "one" }) {
  const { actions, columns, openBatch } = useWords(adminWords).log;
  const mailType = useMailType();
  const { dateTime } = useFormats();
  const who = useActorName()({ decided_by: row.actor, decided_by_name: row.actor_name });
  const [isOpen, setOpen] = useState(false);
  return (
    <>
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
        {about === "many" && (
          <td data-label={columns.whom}>
            {row.batch && row.batch.count > 1 ? (
              <button type="button" className="link-button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
                {openBatch(row.batch.count)}
              </button>
            ) : (
              <Whom row={row} />
            )}
          </td>
        )}
        <td data-label={columns.why} className="table-why">
          {row.reason ?? "–"}
        </td>
      </tr>
      {isOpen && row.batch && (
        <tr>
          <td colSpan={5}>
            <BatchMembers id={row.batch.id} />
          </td>
        </tr>
      )}
    </>
  );
}

/** By name, where one is known, and by the address it was decided about. */
function Whom({ row: { person, subject } }: { row: LoggedDecision }) {
  const address = <bdi className="row-address">{subject}</bdi>;
  if (!person) return address;
  return (
    <>
      <Link href={`/admin/people/${person.id}`}>
        <Name of={{ ...person, email: subject }} />
      </Link>{" "}
      {address}
    </>
  );
}

/** Of a batch that is one line of the log: each that it decided about. */
function BatchMembers({ id }: { id: string }) {
  const { query, rows } = usePagedList(decisionsQuery({ batch: id }));
  return (
    <Loaded query={query}>
      <ul className="log-batch">
        {rows.map((row) => (
          <li key={row.id}>
            <Whom row={row} />
          </li>
        ))}
      </ul>
      <MoreButton query={query} />
    </Loaded>
  );
}
