import type { AppFailure } from "@anteroom/shared/client/app";
import type { AlternativeRequest } from "@anteroom/shared/wire/app/decisions";
import { useCallback, useMemo, useRef, useState } from "react";
import { type ErrorCode, isAnswerLost } from "../../api/errors.ts";
import type { Failure } from "../../ui/form.tsx";
import { adminWords } from "../../words/admin.ts";
import { errorWords } from "../../words/errors.ts";
import { useFormats, useWords } from "../../words/language.tsx";
import { call, type QueueRow } from "../api.ts";
import { useSay } from "../messages.tsx";
import { nameOf, useActorName } from "../names.tsx";
import { type ListName, lists, moveBetweenLists, readQueueAgain } from "./data.ts";
import { useApproval } from "./held.ts";
import { listOf } from "./row.tsx";

export interface Decisions {
  /** The ids of those about whom something is under way. */
  busy: ReadonlySet<string>;
  /** As asked for in the row's request, or in another for the same address. */
  approve: (row: QueueRow, instead?: AlternativeRequest) => Promise<void>;
  /** What is wrong with the reason or the connection; that somebody else was quicker is said and settles it too. */
  reject: (row: QueueRow, reason: string) => Promise<Failure | undefined>;
  reopen: (row: QueueRow) => Promise<void>;
  sendAgain: (row: QueueRow) => Promise<void>;
  takeBack: (row: QueueRow) => Promise<Failure | undefined>;
  /** Takes the newest decision of this visit back, if that is still possible with a press. */
  undo: () => void;
}

/** Decisions about one person at a time: carried out, shown in the lists, and said. */
export function useDecisions(): Decisions {
  const text = useWords(adminWords).queue;
  const say = useSay();
  const tellRefusal = useRefusals();
  const { busy, track } = useBusy();
  const newest = useRef<{ id: string; undo: () => unknown }>(undefined);
  const approve = useApproval(newest, tellRefusal);

  return useMemo(() => {
    const carryOut = async (row: QueueRow, work: Promise<{ ok: true } | AppFailure>, done: () => unknown) => {
      const answer = await track(row, work);
      if (answer.ok) await done();
      else tellRefusal(row, answer);
    };
    const undoRejection = async (row: QueueRow) => {
      if (newest.current?.id === row.id) newest.current = undefined;
      const answer = await call("POST /admin/reopen_registration/", { email: row.email });
      if (!answer.ok) return tellRefusal(row, answer);
      moveBetweenLists(row, "rejected", undefined);
      await readQueueAgain();
      say({ about: row.id, tone: "good", text: text.undone(nameOf(row)) });
    };
    return {
      approve: (row, instead) => track(row, approve(row, instead)),
      reject: async (row, reason) => {
        const answer = await track(row, call("POST /admin/reject_user/", { email: row.email, reason }));
        if (!answer.ok && isAboutTheForm(answer)) return answer;
        if (!answer.ok) return void tellRefusal(row, answer);
        moveBetweenLists(row, "waiting", "rejected");
        const undo = () => void undoRejection(row);
        newest.current = { id: row.id, undo };
        const action = { label: text.undo, run: undo };
        say({ about: row.id, tone: "good", text: text.done.reject(nameOf(row)), action });
        return undefined;
      },
      reopen: (row) =>
        carryOut(row, call("POST /admin/reopen_registration/", { email: row.email }), () => {
          moveBetweenLists(row, "rejected", "waiting");
          say({ about: row.id, tone: "good", text: text.done.reopen(nameOf(row)) });
        }),
      sendAgain: (row) =>
        carryOut(row, call("POST /admin/resend_signup_email/", { email: row.email }), () => {
          say({ about: row.id, tone: "good", text: text.done.resend(nameOf(row)) });
          return readQueueAgain();
        }),
      takeBack: async (row) => {
        const answer = await track(row, call("POST /admin/delete_registration/", { email: row.email }));
        if (!answer.ok) return void tellRefusal(row, answer);
        moveBetweenLists(row, "approved", undefined);
        say({ about: row.id, tone: "good", text: text.done.remove(nameOf(row)) });
        return undefined;
      },
      undo: () => newest.current?.undo(),
      busy,
    };
  }, [text, say, tellRefusal, busy, track, approve]);
}

/** About whom something is under way. */
function useBusy() {
  const [busy, setBusy] = useState<ReadonlySet<string>>(new Set());
  const track = useCallback(async <T>(row: QueueRow, work: Promise<T>): Promise<T> => {
    setBusy((before) => new Set(before).add(row.id));
    return work.finally(() => setBusy((before) => new Set([...before].filter((id) => id !== row.id))));
  }, []);
  return { busy, track };
}

/** With these nothing was decided, and the same press may do it in a moment. */
const errorsOfTheForm: readonly ErrorCode[] = [
  "invalid_field",
  "internal_error",
  "rate_limited",
  "database_unavailable",
];

/** Whoever typed a reason keeps it in the dialog. */
function isAboutTheForm({ error }: AppFailure): boolean {
  return isAnswerLost(error) || errorsOfTheForm.includes(error);
}

/** Says why something was refused; when somebody else had decided, who and when, and the row goes where it belongs. */
function useRefusals(): (row: QueueRow, failure: Pick<AppFailure, "error" | "decided">) => void {
  const text = useWords(adminWords).queue;
  const message = useWords(errorWords);
  const formats = useFormats();
  const actorName = useActorName();
  const say = useSay();
  return useMemo(
    () => (row, failure) => {
      if (failure.error === "password_needed") return;
      const { decided } = failure;
      const outcome = decided && outcomeOf(decided.state);
      if (!outcome || decided.decided_at === null) {
        say({ about: row.id, tone: "bad", text: text.failed(nameOf(row), message[failure.error]) });
        if (!isAnswerLost(failure.error)) void readQueueAgain();
        return;
      }
      const when = formats.ago(decided.decided_at);
      say({ about: row.id, tone: "bad", text: text.others[outcome](nameOf(row), actorName(decided), when) });
      moveBetweenLists(row, listOf(row), outcome);
      void readQueueAgain();
    },
    [text, message, formats, actorName, say],
  );
}

function outcomeOf(state: string): Exclude<ListName, "waiting"> | undefined {
  return (["approved", "rejected"] as const).find((name) => (lists[name] as readonly string[]).includes(state));
}
