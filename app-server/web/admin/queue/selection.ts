import type { QueueRow } from "../api.ts";
import { mostInBatch } from "./batches.tsx";

/** Who is selected, by id; kept as they were when they were selected. */
export type Selection = ReadonlyMap<string, QueueRow>;

export const nobody: Selection = new Map();

export function without(selection: Selection, rows: readonly QueueRow[]): Selection {
  const left = new Map(selection);
  for (const { id } of rows) left.delete(id);
  return left;
}

/** The rows from the one that was chosen last to this one, whichever comes first; this one alone when that has gone. */
export function between(rows: readonly QueueRow[], chosenLast: string | undefined, row: QueueRow): readonly QueueRow[] {
  const [from, to] = [rows.findIndex(({ id }) => id === chosenLast), rows.findIndex(({ id }) => id === row.id)];
  return from < 0 || to < 0 ? [row] : rows.slice(Math.min(from, to), Math.max(from, to) + 1);
}

export function withRows(selection: Selection, rows: readonly QueueRow[]): Selection {
  const added = new Map(selection);
  for (const row of rows) if (added.size < mostInBatch) added.set(row.id, row);
  return added;
}
