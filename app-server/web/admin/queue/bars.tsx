import { Link } from "wouter";
import { adminWords } from "../../words/admin.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import type { QueueRow } from "../api.ts";
import { Empty } from "../parts.tsx";
import { mostInBatch } from "./batches.tsx";
import { type ListName, lists } from "./data.ts";
import type { Asked } from "./dialogs.tsx";
import { nobody, type Selection, withRows } from "./selection.ts";

/** What stands around the list of the queue. */

interface ListsProps {
  shown: ListName;
  counts: Record<ListName, number> | undefined;
  onChoose: (list: ListName) => void;
}

export function Lists({ shown, counts, onChoose }: ListsProps) {
  const text = useWords(adminWords).queue;
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

export function NobodyHere({ list, search }: { list: ListName; search: string }) {
  const text = useWords(adminWords).queue;
  return search ? (
    <Empty title={text.nothingFound(search)}>
      <p>{text.nothingFoundMore}</p>
    </Empty>
  ) : (
    <Empty title={text.empty[list]}>
      <p>{text.emptyMore[list]}</p>
      {list === "waiting" && (
        <p>
          <Link href="/account#mails">{text.chooseEmails}</Link>
        </p>
      )}
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
export function SelectionBar({ selection, rows, onSelect, onAsk }: SelectionProps) {
  const text = useWords(adminWords).queue;
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
