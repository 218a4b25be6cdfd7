import type { AppFailure } from "@anteroom/shared/client/app";
import type { AlternativeRequest } from "@anteroom/shared/wire/app/decisions";
import type { FailedBatchItem } from "@anteroom/shared/wire/app/oversight";
import { useMemo } from "react";
import type { ErrorCode } from "../../api/errors.ts";
import { adminWords } from "../../words/admin.ts";
import { useWords } from "../../words/language.tsx";
import { call, type QueueRow } from "../api.ts";
import { useSay } from "../messages.tsx";
import { nameOf } from "../names.tsx";
import { moveBetweenLists } from "./data.ts";

/** Milliseconds between two looks once the hold is over. */
const pause = 700;

type Refused = Pick<AppFailure, "error" | "decided">;
type End = "made" | "undone" | Refused;

/** What was decided last, and how to take it back. */
export interface Newest {
  current: { id: string; undo: () => unknown } | undefined;
}

/**
 * Approves what is seen, also when another request has taken its place meanwhile. The server holds it back for some
 * seconds, in which it can be undone, and makes it whether or not anybody watches.
 */
export function useApproval(newest: Newest, tellRefusal: (row: QueueRow, refused: Refused) => void) {
  const text = useWords(adminWords).queue;
  const say = useSay();
  return useMemo(() => {
    const forget = (row: QueueRow) => {
      if (newest.current?.id === row.id) newest.current = undefined;
    };
    /** Until it is made, was undone or has failed. */
    const hold = (row: QueueRow, name: string, batch_id: string, seconds: number): Promise<End> => {
      let endAsUndone = (_: End) => {};
      const undone = new Promise<End>((resolve) => {
        endAsUndone = resolve;
      });
      const undo = async () => {
        const answer = await call("POST /admin/undo_batch/", { batch_id });
        if (!answer.ok) return tellRefusal(row, answer);
        say({ about: row.id, tone: "good", text: text.approvalUndone(name) });
        endAsUndone("undone");
      };
      newest.current = { id: row.id, undo };
      say({ about: row.id, tone: "good", text: text.held(name, seconds), action: { label: text.undo, run: undo } });
      return Promise.race([undone, lookUntilMade(batch_id, seconds)]).finally(() => forget(row));
    };
    const made = (row: QueueRow, name: string, about: string) => {
      moveBetweenLists(row, "waiting", "approved");
      say({ about, tone: "good", text: text.done.accept(name) });
    };
    return async (row: QueueRow, instead?: AlternativeRequest): Promise<void> => {
      const name = nameOf({ ...row, ...instead });
      const registration_id = instead?.registration_id ?? row.id;
      const answer = await call("POST /admin/approve_after_hold/", { email: row.email, registration_id });
      if (!answer.ok) return tellRefusal(row, answer);
      const { batch_id, hold: seconds } = answer.values;
      // Who approves many in a row needs no pile of good news.
      if (batch_id === null) return made(row, name, "approvals");
      const end = await hold(row, name, batch_id, seconds);
      if (end === "made") return made(row, name, row.id);
      if (end !== "undone") tellRefusal(row, end);
    };
  }, [text, say, newest, tellRefusal]);
}

async function lookUntilMade(batchId: string, hold: number): Promise<End> {
  const giveUpAt = Date.now() + hold * 1_000 + longestLook;
  for (let wait = hold * 1_000; ; wait = pause) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    const end = await look(batchId);
    if (end) return end;
    if (Date.now() > giveUpAt) return { error: "signup_outcome_unknown" };
  }
}

/** What an approval that nobody knows the end of is told with: it may have been made. */
const longestLook = 120_000;

/** These tell that a decision failed; any other refusal is of the question what became of it. */
const settling = ["no_session", "invalid_session", "missing_permission"];

/** Nothing while it is under way, or while nobody can say. */
async function look(batchId: string): Promise<End | undefined> {
  const answer = await call("GET /admin/batches/", { id: batchId });
  if (!answer.ok && answer.error === "batch_not_found") return "undone";
  if (!answer.ok) return settling.includes(answer.error) ? answer : undefined;
  if ("batches" in answer.values) return undefined;
  const { failed, finished_at } = answer.values;
  if (failed[0]) return refusalOf(failed[0]);
  return finished_at === null ? undefined : "made";
}

/** What somebody who was quicker has made of it; the batch names them alone. */
const quicker: Partial<Record<ErrorCode, string>> = {
  invalid_transition: "ACCEPTED",
  registration_rejected: "REJECTED",
};

function refusalOf({ error, decided_by_name, decided_at }: FailedBatchItem): Refused {
  const state = quicker[error];
  if (state === undefined || decided_at === null) return { error };
  return { error, decided: { state, decided_by: null, decided_by_name, decided_at } };
}
