import type { AlternativeRequest, EarlierRegistration } from "@anteroom/shared/wire/app/decisions";
import { Link } from "wouter";
import { adminWords } from "../../words/admin.ts";
import { useWords } from "../../words/language.tsx";
import type { QueueRow } from "../api.ts";
import { MailNote } from "../mail-state.tsx";
import { Name, nameOf, useActorName } from "../names.tsx";
import { ActionButton, Ago } from "../parts.tsx";
import { type ListName, lists } from "./data.ts";

/** What can be done about a row. Each promise ends when it is done, or was refused and that was said. */
export interface RowActions {
  /** As asked for in this request, or in another for the same address. */
  approve: (row: QueueRow, instead?: AlternativeRequest) => Promise<void>;
  reject: (row: QueueRow) => void;
  reopen: (row: QueueRow) => Promise<void>;
  sendAgain: (row: QueueRow) => Promise<void>;
  takeBack: (row: QueueRow) => void;
  /** With those between it and the one that was chosen before, or alone. */
  select: (row: QueueRow, isRange: boolean) => void;
}

interface RowProps {
  row: QueueRow;
  /** Keys are about it, as soon as it has the focus. */
  isActive: boolean;
  isSelected: boolean;
  /** Something is under way about it. */
  isBusy: boolean;
  actions: RowActions;
}

export function listOf({ state }: Pick<QueueRow, "state">): ListName {
  return (
    (Object.keys(lists) as ListName[]).find((name) => (lists[name] as readonly string[]).includes(state)) ?? "waiting"
  );
}

/** One person of the queue: who, since when, what else is known, and what can be done. */
export function RowContent({ row, isActive, isSelected, isBusy, actions }: RowProps) {
  const text = useWords(adminWords).queue;
  const list = listOf(row);
  return (
    <div className={isSelected ? "row row-selected" : "row"} aria-busy={isBusy}>
      {list === "waiting" && (
        <label className="row-check">
          <input
            type="checkbox"
            checked={isSelected}
            onChange={({ nativeEvent }) => actions.select(row, (nativeEvent as MouseEvent).shiftKey === true)}
          />
          <span className="hidden">{text.select(nameOf(row))}</span>
        </label>
      )}
      <div className="row-main">
        <h2 className="row-name" id={`name-${row.id}`}>
          <Link href={`/admin/people/${row.id}`}>
            <Name of={row} />
          </Link>
        </h2>
        <div className="row-facts" id={`facts-${row.id}`}>
          <bdi className="row-address">{row.email}</bdi>
          <span>
            {text.asked} <Ago time={row.created_at} />
          </span>
          <span>{text.languages[row.language]}</span>
          <Warnings row={row} />
        </div>
        <Message of={row} />
        {row.alternatives.length > 0 && <Alternatives row={row} isBusy={isBusy} approve={actions.approve} />}
        {list !== "waiting" && <Decided row={row} list={list} />}
        {row.mail && list !== "waiting" && (
          <div className="row-mail">
            <MailNote mail={row.mail} />
          </div>
        )}
      </div>
      <div className="row-actions">
        <Actions row={row} list={list} isActive={isActive} isBusy={isBusy} actions={actions} />
      </div>
    </div>
  );
}

/** What somebody wrote to those who decide: a stranger's words, in the lines that they have. */
function Message({ of: { message } }: { of: Pick<QueueRow, "message"> }) {
  return message && <blockquote className="row-message">{message}</blockquote>;
}

/** What somebody should see before deciding. */
function Warnings({ row }: { row: QueueRow }) {
  const text = useWords(adminWords).queue;
  return (
    <>
      {row.state === "ACCEPTING" && <span className="badge">{text.accepting}</span>}
      {row.requests > 1 && <span className="badge badge-warn">{text.requests(row.requests)}</span>}
      {row.same_name > 0 && <span className="badge badge-warn">{text.sameName(row.same_name)}</span>}
      {row.earlier.slice(0, 3).map((earlier) => (
        <Earlier key={`${earlier.state}${earlier.decided_at}`} earlier={earlier} />
      ))}
    </>
  );
}

/** Anybody may ask with anybody's address, so the first request is not always the owner's. */
function Alternatives({ row, isBusy, approve }: Pick<RowProps, "row" | "isBusy"> & Pick<RowActions, "approve">) {
  const text = useWords(adminWords).queue;
  const left = row.requests - 1 - row.alternatives.length;
  return (
    <div className="row-alternatives">
      <p className="field-hint">{text.alternativesLead}</p>
      <ul>
        {row.alternatives.map((other) => (
          <li key={other.registration_id}>
            <Name of={{ ...other, email: row.email }} /> <Ago time={other.created_at} />
            <Message of={other} />
            <ActionButton
              label={text.approveAs(nameOf({ ...other, email: row.email }))}
              isBusy={isBusy}
              run={() => approve(row, other)}
            >
              {text.approve}
            </ActionButton>
          </li>
        ))}
      </ul>
      {left > 0 && <p className="field-hint">{text.more(left)}</p>}
    </div>
  );
}

function Earlier({ earlier: { state, decided_at, reason } }: { earlier: EarlierRegistration }) {
  const text = useWords(adminWords).queue;
  return (
    <span className="row-earlier">
      <span className={state === "REJECTED" ? "badge badge-bad" : "badge"}>
        {text.earlier[state]}
        {decided_at !== null && (
          <>
            , <Ago time={decided_at} />
          </>
        )}
      </span>
      {reason && <q className="row-reason">{reason}</q>}
    </span>
  );
}

function Decided({ row, list }: { row: QueueRow; list: "approved" | "rejected" }) {
  const text = useWords(adminWords).queue;
  const who = useActorName()(row);
  return (
    <p className="row-decided">
      {text.decided[list](who)}
      {row.decided_at !== null && (
        <>
          , <Ago time={row.decided_at} />
        </>
      )}
      {list === "rejected" && <>. {row.reason ? <q>{row.reason}</q> : text.noReason}</>}
    </p>
  );
}

function Actions({ row, list, isActive, isBusy, actions }: Omit<RowProps, "isSelected"> & { list: ListName }) {
  const text = useWords(adminWords).queue;
  const about = (action: string) => text.about(action, nameOf(row));
  switch (list) {
    case "waiting":
      return (
        <>
          <ActionButton
            look={isActive ? "plain" : "quiet"}
            label={about(text.approve)}
            isBusy={isBusy}
            run={() => actions.approve(row)}
          >
            {text.approve}
          </ActionButton>
          <ActionButton label={about(text.reject)} isBusy={isBusy} run={() => actions.reject(row)}>
            {text.reject}
          </ActionButton>
        </>
      );
    case "approved":
      return (
        <>
          <ActionButton label={about(text.sendAgain)} isBusy={isBusy} run={() => actions.sendAgain(row)}>
            {text.sendAgain}
          </ActionButton>
          <ActionButton label={about(text.takeBack)} isBusy={isBusy} run={() => actions.takeBack(row)}>
            {text.takeBack}
          </ActionButton>
        </>
      );
    case "rejected":
      return (
        <ActionButton label={about(text.reopen)} isBusy={isBusy} run={() => actions.reopen(row)}>
          {text.reopen}
        </ActionButton>
      );
  }
}
