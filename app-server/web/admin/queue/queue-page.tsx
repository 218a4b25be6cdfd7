import { type Dispatch, type SetStateAction, useCallback, useMemo, useRef, useState } from "react";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { useWords } from "../../words/language.tsx";
import { useInAddress } from "../address.ts";
import type { QueueRow } from "../api.ts";
import { Loaded, SearchField } from "../parts.tsx";
import { Lists, NobodyHere, SelectionBar } from "./bars.tsx";
import { Batches } from "./batches.tsx";
import { countsOf, type ListName, lists, useQueue } from "./data.ts";
import { type Decisions, useDecisions } from "./decide.ts";
import { type Asked, OpenDialog } from "./dialogs.tsx";
import { useShortcuts, useShortcutsSwitch } from "./keys.ts";
import { type ListControls, QueueList } from "./list.tsx";
import { type RowActions, RowContent } from "./row.tsx";
import { between, nobody, type Selection, without, withRows } from "./selection.ts";

/** Who waits, who was approved or rejected; deciding about them, one by one or many at once. */
export function QueuePage() {
  const text = useWords(adminWords).queue;
  const [wanted, setList] = useInAddress("show");
  const list = Object.hasOwn(lists, wanted) ? (wanted as ListName) : "waiting";
  const [search, setSearch] = useInAddress("search");
  const [selection, setSelection] = useState(nobody);
  const [asked, setAsked] = useState<Asked>();
  const [begun, setBegun] = useState(0);
  const [isKeysOn, setKeysOn] = useShortcutsSwitch();
  const controls = useRef<ListControls>(undefined);
  const { query, rows, counts, total, onNearEnd } = usePeople(list, search);
  const decisions = useDecisions();
  const actions = useRowActions({ rows, decisions, controls, setAsked, setSelection });
  useQueueKeys({ isOn: isKeysOn, list, controls, actions, decisions, setAsked, setSelection });
  const choose = (chosen: ListName) => {
    setList(chosen === "waiting" ? "" : chosen);
    setSelection(nobody);
  };
  return (
    <Page title={text.title} width="wide" {...(counts ? { count: counts.waiting } : {})}>
      <Batches begun={begun} />
      <div className="toolbar toolbar-sticky">
        <Lists shown={list} counts={counts} onChoose={choose} />
        <SearchField label={text.search} search={search} onSearch={setSearch} />
        <KeysButton onPress={() => setAsked({ what: "help" })} />
      </div>
      <Loaded query={query}>
        {rows.length === 0 ? (
          <NobodyHere list={list} search={search} />
        ) : (
          <QueueList
            key={list}
            rows={rows}
            label={text.list(text.lists[list])}
            total={total}
            isLoading={query.isFetching}
            onNearEnd={onNearEnd}
            controls={controls}
          >
            {(row, isActive) => {
              const marks = { isActive, isSelected: selection.has(row.id), isBusy: decisions.busy.has(row.id) };
              return <RowContent row={row} {...marks} actions={actions} />;
            }}
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
        onDecided={(people) => setSelection((before) => without(before, people))}
        onBegun={() => setBegun((before) => before + 1)}
        onClose={() => setAsked(undefined)}
      />
    </Page>
  );
}

function KeysButton({ onPress }: { onPress: () => void }) {
  const text = useWords(adminWords).queue;
  return (
    <button type="button" className="button quiet small keys-button" onClick={onPress}>
      {text.keys} <kbd>?</kbd>
    </button>
  );
}

/** The people of a list, as far as they were scrolled to. */
function usePeople(list: ListName, search: string) {
  const query = useQueue(list, search);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.rows) ?? [], [query.data]);
  const counts = countsOf(query.data?.pages.at(-1));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const onNearEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const known = search === "" && counts ? Math.max(counts[list], rows.length) : undefined;
  return { query, rows, counts, total: known ?? (hasNextPage ? -1 : rows.length), onNearEnd };
}

interface Parts {
  decisions: Decisions;
  controls: { current: ListControls | undefined };
  setAsked: (asked: Asked) => void;
  setSelection: Dispatch<SetStateAction<Selection>>;
}

function useRowActions({
  rows,
  decisions,
  controls,
  setAsked,
  setSelection,
}: Parts & { rows: readonly QueueRow[] }): RowActions {
  const newest = useRef<string>(undefined);
  return {
    approve: (row, instead) => {
      // On to the next one at once: who decides about many does not wait for each.
      if (controls.current?.hasFocus() && controls.current.active?.id === row.id) controls.current.moveBy(1);
      setSelection((before) => without(before, [row]));
      return decisions.approve(row, instead);
    },
    reject: (row) => setAsked({ what: "reject", people: [row] }),
    reopen: decisions.reopen,
    sendAgain: decisions.sendAgain,
    takeBack: (row) => setAsked({ what: "takeBack", row }),
    select: (row, isRange) => {
      const range = isRange ? between(rows, newest.current, row) : [row];
      newest.current = row.id;
      setSelection((before) => (before.has(row.id) ? without(before, range) : withRows(before, range)));
    },
  };
}

function useQueueKeys({
  isOn,
  list,
  controls,
  actions,
  decisions,
  setAsked,
  setSelection,
}: Parts & { isOn: boolean; list: ListName; actions: RowActions }): void {
  const inList = (act: () => void) => () => (controls.current?.hasFocus() ? act() : false);
  // Nothing is decided about a row that does not visibly have the focus: whoever types may think that the search has it.
  const withActive = (act: (row: QueueRow) => unknown) =>
    inList(() => {
      const row = controls.current?.active;
      if (row && !decisions.busy.has(row.id)) act(row);
    });
  const move = (by: number) => () => controls.current?.moveBy(by);
  const waitingOnly = {
    a: withActive(actions.approve),
    r: withActive(actions.reject),
    x: withActive((row) => actions.select(row, false)),
  };
  useShortcuts(
    {
      j: move(1),
      k: move(-1),
      ArrowDown: inList(move(1)),
      ArrowUp: inList(move(-1)),
      Home: inList(() => controls.current?.moveTo(0)),
      Escape: () => setSelection(nobody),
      "/": () => document.querySelector<HTMLElement>("input[type=search]")?.focus(),
      "?": () => setAsked({ what: "help" }),
      u: decisions.undo,
      ...(list === "waiting" ? waitingOnly : {}),
    },
    isOn,
  );
}
