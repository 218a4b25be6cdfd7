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

export function withRows(selection: Selection, rows: readonly QueueRow[]): Selection {
  const added = new Map(selection);
  for (const row of rows) if (added.size < mostInBatch) added.set(row.id, row);
  return added;
}
