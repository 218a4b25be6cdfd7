import type { DecisionAction, LoggedDecision } from "@anteroom/shared/wire/app";
import { useState } from "react";
import { Page } from "../../ui/page.tsx";
import { texts, useFormats, useTexts } from "../../words/language.tsx";
import { ask } from "../api.ts";
import { mailWords } from "../mail-state.tsx";
import { usePagedList } from "../paged-list.ts";
import { Empty, Loaded, MoreButton, SearchField } from "../parts.tsx";
import { useDecider } from "../queue/row.tsx";

const words = texts({
  en: {
    title: "Log of decisions",
    lead: "Who did what, when and why. Nothing in it is ever changed or taken away.",
    search: "Search address or administrator",
    columns: { when: "When", who: "Who", what: "What", whom: "About", why: "Why" },
    actions: {
      accept: "approved",
      reject: "rejected",
      reopen: "let wait again",
      delete_registration: "took a request away",
      resend: "sent the code again",
      grant_permission: "granted a permission",
      revoke_permission: "took a permission away",
      disable_user: "closed the account",
      enable_user: "opened the account again",
      end_sessions: "ended all sessions",
      send_reset_link: "sent a link for a new password",
      delete_user: "deleted the account",
      clear_address: "let mail go there again",
      replay_mail: "sent a mail again",
      address_taken: "took the address for their account, which ended a request",
    } as Record<DecisionAction, string>,
    empty: "Nothing has been decided yet",
    emptyMore: "Every decision of an administrator is written down here.",
    nothingFound: (search: string) => `Nothing in the log matches “${search}”`,
  },
  nl: {
    title: "Logboek van beslissingen",
    lead: "Wie wat deed, wanneer en waarom. Er wordt nooit iets in veranderd of uit weggehaald.",
    search: "Zoek op adres of beheerder",
    columns: { when: "Wanneer", who: "Wie", what: "Wat", whom: "Over", why: "Waarom" },
    actions: {
      accept: "keurde goed",
      reject: "wees af",
      reopen: "liet weer wachten",
      delete_registration: "haalde een aanvraag weg",
      resend: "stuurde de code opnieuw",
      grant_permission: "gaf een recht",
      revoke_permission: "nam een recht af",
      disable_user: "sloot het account",
      enable_user: "opende het account weer",
      end_sessions: "beëindigde alle sessies",
      send_reset_link: "stuurde een link voor een nieuw wachtwoord",
      delete_user: "verwijderde het account",
      clear_address: "liet er weer mail heen gaan",
      replay_mail: "stuurde een mail opnieuw",
      address_taken: "nam het adres voor een eigen account; een aanvraag eindigde daarmee",
    },
    empty: "Er is nog niets beslist",
    emptyMore: "Elke beslissing van een beheerder wordt hier opgeschreven.",
    nothingFound: (search: string) => `Niets in het logboek past bij ‘${search}’`,
  },
});

export function DecisionsPage() {
  const text = useTexts(words);
  const [search, setSearch] = useState("");
  const { query, rows } = usePagedList(["decisions", search], (after) =>
    ask("GET /admin/decisions/", { after, search: search || undefined }),
  );
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
  const { columns } = useTexts(words);
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
  const { actions, columns } = useTexts(words);
  const { types } = useTexts(mailWords);
  const { dateTime } = useFormats();
  const decider = useDecider();
  const who = decider({ decided_by: row.actor, decided_by_name: row.actor_name });
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
        {row.detail && <span className="table-detail">{types[row.detail] ?? row.detail}</span>}
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
