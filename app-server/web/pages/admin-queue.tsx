import { type Dispatch, type ReactNode, type SetStateAction, useCallback, useMemo, useRef, useState } from "react";
import { useSearchParams } from "wouter";
import type { QueueRow } from "../components/admin-api.ts";
import { Batches, mostInBatch, startBatch } from "../components/admin-batches.tsx";
import { type Decisions, useDecisions } from "../components/admin-decide.ts";
import { useShortcuts, useShortcutsSwitch } from "../components/admin-keys.ts";
import { Empty, Loaded, SearchField } from "../components/admin-parts.tsx";
import { countsOf, type ListName, lists, useQueue } from "../components/admin-queue-data.ts";
import { ConfirmDialog, HelpDialog, RejectDialog } from "../components/admin-queue-dialogs.tsx";
import { type ListHandle, QueueList } from "../components/admin-queue-list.tsx";
import { nameOf, type RowActions, RowContent } from "../components/admin-queue-row.tsx";
import { queueWords } from "../components/admin-queue-words.ts";
import { Page } from "../components/page.tsx";
import { useFormats, useTexts } from "../i18n.tsx";

type Selection = ReadonlyMap<string, QueueRow>;

/** The dialog that is open. */
type Asked =
  | { what: "reject" | "approveMany"; people: readonly QueueRow[] }
  | { what: "takeBack"; row: QueueRow }
  | { what: "help" };

const nobody: Selection = new Map();

/** Who waits, who was approved or rejected; deciding about them, one by one or many at once. */
export function QueuePage() {
  const text = useTexts(queueWords);
  const [list, setList] = useShownList();
  const [search, setSearch] = useState("");
  const [selection, setSelection] = useState(nobody);
  const [asked, setAsked] = useState<Asked>();
  const [begun, setBegun] = useState(0);
  const [isKeysOn, setKeysOn] = useShortcutsSwitch();
  const handle = useRef<ListHandle>(undefined);
  const query = useQueue(list, search);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.rows) ?? [], [query.data]);
  const counts = countsOf(query.data?.pages.at(-1));
  const decisions = useDecisions();
  const actions = useRowActions({ decisions, handle, setAsked, setSelection });
  useQueueKeys({ isOn: isKeysOn, list, handle, actions, decisions, setAsked, setSelection });
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const onNearEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const choose = (wanted: ListName) => {
    setList(wanted);
    setSelection(nobody);
  };
  return (
    <Page title={text.title} width="wide">
      <Batches begun={begun} />
      <div className="toolbar toolbar-sticky">
        <Lists shown={list} counts={counts} onChoose={choose} />
        <SearchField label={text.search} onSearch={setSearch} />
        <button type="button" className="button quiet small keys-button" onClick={() => setAsked({ what: "help" })}>
          {text.keys} <kbd>?</kbd>
        </button>
      </div>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <NobodyHere list={list} search={search} />
        ) : (
          <QueueList
            key={list}
            rows={rows}
            label={text.list(text.lists[list])}
            total={search === "" && counts ? Math.max(counts[list], rows.length) : hasNextPage ? -1 : rows.length}
            isLoading={query.isFetching}
            onNearEnd={onNearEnd}
            handle={handle}
          >
            {(row) => (
              <RowContent
                row={row}
                isSelected={selection.has(row.id)}
                isBusy={decisions.busy.has(row.id)}
                actions={actions}
              />
            )}
          </QueueList>
        )}
      </Loaded>
      {selection.size > 0 && (
        <SelectionBar selection={selection} rows={rows} onSelect={setSelection} onAsk={setAsked} />
      )}
      <OpenDialog
        asked={asked}
        decisions={decisions}
        keys={{ isOn: isKeysOn, onSwitch: setKeysOn }}
        onDecidedMany={() => {
          setSelection(nobody);
          setBegun((before) => before + 1);
        }}
        onClose={() => setAsked(undefined)}
      />
    </Page>
  );
}

/** Which list is shown, kept in the page's address: a reload and the back button find it again. */
function useShownList(): [ListName, (list: ListName) => void] {
  const [params, setParams] = useSearchParams();
  const wanted = params.get("show") ?? "";
  const list = Object.hasOwn(lists, wanted) ? (wanted as ListName) : "waiting";
  return [list, (chosen) => setParams(chosen === "waiting" ? {} : { show: chosen })];
}

interface Parts {
  decisions: Decisions;
  handle: { current: ListHandle | undefined };
  setAsked: (asked: Asked) => void;
  setSelection: Dispatch<SetStateAction<Selection>>;
}

function useRowActions({ decisions, handle, setAsked, setSelection }: Parts): RowActions {
  return {
    approve: (row) => {
      // On to the next one at once: who decides about many does not wait for each.
      if (handle.current?.hasFocus() && handle.current.active?.id === row.id) handle.current.moveBy(1);
      setSelection((before) => without(before, row));
      return decisions.approve(row);
    },
    reject: (row) => setAsked({ what: "reject", people: [row] }),
    reopen: decisions.reopen,
    sendAgain: decisions.sendAgain,
    takeBack: (row) => setAsked({ what: "takeBack", row }),
    select: (row) => setSelection((before) => (before.has(row.id) ? without(before, row) : withRows(before, [row]))),
  };
}

function without(selection: Selection, { id }: QueueRow): Selection {
  return selection.has(id) ? new Map([...selection].filter(([other]) => other !== id)) : selection;
}

function withRows(selection: Selection, rows: readonly QueueRow[]): Selection {
  const added = new Map(selection);
  for (const row of rows) if (added.size < mostInBatch) added.set(row.id, row);
  return added;
}

function useQueueKeys({
  isOn,
  list,
  handle,
  actions,
  decisions,
  setAsked,
  setSelection,
}: Parts & { isOn: boolean; list: ListName; actions: RowActions }): void {
  const withActive = (act: (row: QueueRow) => unknown) => () => {
    const row = handle.current?.active;
    if (row && !decisions.busy.has(row.id)) act(row);
  };
  const inList = (act: () => void) => () => (handle.current?.hasFocus() ? act() : false);
  const move = (by: number) => () => handle.current?.moveBy(by);
  const waitingOnly = {
    a: withActive(actions.approve),
    r: withActive(actions.reject),
    x: withActive(actions.select),
  };
  useShortcuts(
    {
      j: move(1),
      k: move(-1),
      ArrowDown: inList(move(1)),
      ArrowUp: inList(move(-1)),
      Home: inList(() => handle.current?.moveTo(0)),
      Escape: () => setSelection(nobody),
      "/": () => document.querySelector<HTMLElement>("input[type=search]")?.focus(),
      "?": () => setAsked({ what: "help" }),
      u: decisions.undo,
      ...(list === "waiting" ? waitingOnly : {}),
    },
    isOn,
  );
}

interface ListsProps {
  shown: ListName;
  counts: Record<ListName, number> | undefined;
  onChoose: (list: ListName) => void;
}

function Lists({ shown, counts, onChoose }: ListsProps) {
  const text = useTexts(queueWords);
  const { number } = useFormats();
  return (
    <fieldset className="tabs">
      <legend className="hidden">{text.which}</legend>
      {(Object.keys(lists) as ListName[]).map((list) => (
        <button key={list} type="button" aria-pressed={list === shown} onClick={() => onChoose(list)}>
          {text.lists[list]} {counts && <span className="count">{number(counts[list])}</span>}
        </button>
      ))}
    </fieldset>
  );
}

function NobodyHere({ list, search }: { list: ListName; search: string }) {
  const text = useTexts(queueWords);
  return search ? (
    <Empty title={text.nothingFound(search)}>
      <p>{text.nothingFoundMore}</p>
    </Empty>
  ) : (
    <Empty title={text.empty[list]}>
      <p>{text.emptyMore[list]}</p>
    </Empty>
  );
}

interface SelectionProps {
  selection: Selection;
  rows: readonly QueueRow[];
  onSelect: (selection: Selection) => void;
  onAsk: (asked: Asked) => void;
}

/** Stays at the lower edge while anybody is selected. */
function SelectionBar({ selection, rows, onSelect, onAsk }: SelectionProps) {
  const text = useTexts(queueWords);
  const { number } = useFormats();
  const people = [...selection.values()];
  const isFull = selection.size >= mostInBatch;
  return (
    <section className="selection" aria-label={text.bulk}>
      <p role="status">
        <strong>{text.selected(number(selection.size))}</strong>
        {isFull && <span className="selection-more">{text.mostSelected(number(mostInBatch))}</span>}
      </p>
      <div className="selection-actions">
        <button type="button" className="button small" onClick={() => onAsk({ what: "approveMany", people })}>
          {text.approve}
        </button>
        <button type="button" className="button quiet small" onClick={() => onAsk({ what: "reject", people })}>
          {text.reject}
        </button>
        {!isFull && (
          <button type="button" className="link-button" onClick={() => onSelect(withRows(selection, rows))}>
            {text.selectAll}
          </button>
        )}
        <button type="button" className="link-button" onClick={() => onSelect(nobody)}>
          {text.clear}
        </button>
      </div>
    </section>
  );
}

interface OpenDialogProps {
  asked: Asked | undefined;
  decisions: Decisions;
  keys: { isOn: boolean; onSwitch: (isOn: boolean) => void };
  onDecidedMany: () => void;
  onClose: () => void;
}

function OpenDialog({ asked, decisions, keys, onDecidedMany, onClose }: OpenDialogProps): ReactNode {
  const text = useTexts(queueWords);
  const decideMany = async (decision: "accept" | "reject", people: readonly QueueRow[], reason?: string) => {
    const emails = people.map(({ email }) => email);
    const failure = await startBatch(decision, emails, reason);
    if (!failure) onDecidedMany();
    return failure;
  };
  switch (asked?.what) {
    case "reject": {
      const [first] = asked.people;
      const reject = (reason: string) =>
        first && asked.people.length === 1
          ? decisions.reject(first, reason)
          : decideMany("reject", asked.people, reason);
      return <RejectDialog people={asked.people} onReject={reject} onClose={onClose} />;
    }
    case "approveMany":
      return (
        <ConfirmDialog
          title={text.approveMany(asked.people.length)}
          lead={text.approveManyLead}
          action={text.approve}
          onConfirm={() => decideMany("accept", asked.people)}
          onClose={onClose}
        />
      );
    case "takeBack":
      return (
        <ConfirmDialog
          title={text.removeTitle(nameOf(asked.row))}
          lead={text.removeLead}
          action={text.takeBack}
          tone="danger"
          onConfirm={() => decisions.takeBack(asked.row)}
          onClose={onClose}
        />
      );
    case "help":
      return <HelpDialog {...keys} onClose={onClose} />;
    case undefined:
      return null;
  }
}
