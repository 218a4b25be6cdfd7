import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useId, useState } from "react";
import { type Failure, Form, useSubmission } from "../../ui/form.tsx";
import { adminWords } from "../../words/admin.ts";
import { useWords } from "../../words/language.tsx";
import type { QueueRow } from "../api.ts";
import { CancelButton, ConfirmDialog, Dialog } from "../dialog.tsx";
import { nameOf } from "../names.tsx";
import { startBatch } from "./batches.tsx";
import { rejectionQuery } from "./data.ts";
import type { Decisions } from "./decide.ts";

/** The dialog that is open. */
export type Asked =
  | { what: "reject" | "approveMany"; people: readonly QueueRow[] }
  | { what: "takeBack"; row: QueueRow }
  | { what: "help" };

interface DialogProps {
  onClose: () => void;
}

interface RejectProps extends DialogProps {
  /** At least one. */
  people: readonly QueueRow[];
  onReject: (reason: string) => Promise<Failure | undefined>;
}

/** The reason, and beside it the mail that it makes. */
export function RejectDialog({ people, onReject, onClose }: RejectProps) {
  const text = useWords(adminWords).queue;
  const [reason, setReason] = useState("");
  const submission = useSubmission(async () => {
    const failure = await onReject(reason.trim());
    if (!failure) onClose();
    return failure;
  });
  const [first] = people;
  if (!first) return null;
  const isOne = people.length === 1;
  return (
    <Dialog
      title={isOne ? text.rejectTitle(nameOf(first)) : text.rejectMany(people.length)}
      width="wide"
      onClose={onClose}
    >
      <Form submission={submission} action={text.reject} tone="danger" more={<CancelButton onClose={onClose} />}>
        <ReasonField value={reason} onValue={setReason} />
        <Preview
          email={first.email}
          reason={reason.trim()}
          title={isOne ? text.previewOf(nameOf(first)) : text.previewMany(nameOf(first))}
        />
      </Form>
    </Dialog>
  );
}

function ReasonField({ value, onValue }: { value: string; onValue: (value: string) => void }) {
  const text = useWords(adminWords).queue;
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{text.reason}</label>
      <div className="field-frame">
        <textarea
          id={id}
          name="reason"
          rows={3}
          maxLength={2_000}
          value={value}
          aria-describedby={`${id}-hint`}
          onChange={(event) => onValue(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
          }}
        />
      </div>
      <p className="field-hint" id={`${id}-hint`}>
        {text.reasonHint}
      </p>
    </div>
  );
}

/** Milliseconds of rest after which the mail is made anew. */
const restBeforePreview = 300;

function Preview({ email, reason, title }: { email: string; reason: string; title: string }) {
  const text = useWords(adminWords).queue;
  const [settled, setSettled] = useState(reason);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(reason), restBeforePreview);
    return () => clearTimeout(timer);
  }, [reason]);
  const { data, isError } = useQuery(rejectionQuery(email, settled));
  return (
    <figure className="preview">
      <figcaption>{title}</figcaption>
      {isError && !data && <p className="note">{text.previewFailed}</p>}
      {data && (
        <div className="preview-mail">
          <p className="preview-subject">
            <span>{text.subject}</span> {data.subject}
          </p>
          <pre>{data.text}</pre>
        </div>
      )}
    </figure>
  );
}

interface HelpProps extends DialogProps {
  isOn: boolean;
  onSwitch: (isOn: boolean) => void;
}

export function HelpDialog({ isOn, onSwitch, onClose }: HelpProps) {
  const text = useWords(adminWords).keys;
  return (
    <Dialog title={text.title} onClose={onClose}>
      <dl className="keys">
        {text.keys.map(([keys = "", meaning]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input type="checkbox" checked={isOn} onChange={(event) => onSwitch(event.target.checked)} />
        <span>
          {text.on}
          <span className="field-hint">{text.onHint}</span>
        </span>
      </label>
    </Dialog>
  );
}

interface OpenDialogProps extends DialogProps {
  asked: Asked | undefined;
  decisions: Decisions;
  keys: { isOn: boolean; onSwitch: (isOn: boolean) => void };
  /** They need not be selected any more. */
  onDecided: (people: readonly QueueRow[]) => void;
  /** The server has begun with many. */
  onBegun: () => void;
}

export function OpenDialog({ asked, decisions, keys, onDecided, onBegun, onClose }: OpenDialogProps): ReactNode {
  const text = useWords(adminWords).queue;
  const decideMany = async (decision: "accept" | "reject", people: readonly QueueRow[], reason?: string) => {
    const emails = people.map(({ email }) => email);
    const failure = await startBatch(decision, emails, reason);
    if (!failure) {
      onDecided(people);
      onBegun();
    }
    return failure;
  };
  const rejectOne = async (row: QueueRow, reason: string) => {
    const failure = await decisions.reject(row, reason);
    if (!failure) onDecided([row]);
    return failure;
  };
  switch (asked?.what) {
    case "reject": {
      const [first] = asked.people;
      const reject = (reason: string) =>
        first && asked.people.length === 1 ? rejectOne(first, reason) : decideMany("reject", asked.people, reason);
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
