import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { texts, useTexts } from "../i18n.tsx";
import { ask, type QueueRow } from "./admin-api.ts";
import { Dialog } from "./admin-dialog.tsx";
import { nameOf } from "./admin-queue-row.tsx";
import { queueWords } from "./admin-queue-words.ts";
import { type Failure, Form, useSubmission } from "./form.tsx";

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
  const text = useTexts(queueWords);
  const [reason, setReason] = useState("");
  const submission = useSubmission(async () => {
    const failure = await onReject(reason.trim());
    if (!failure) onClose();
    return failure && { error: failure.error };
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
      <Form
        submission={submission}
        action={text.reject}
        tone="danger"
        more={
          <button type="button" className="button quiet" onClick={onClose}>
            {text.cancel}
          </button>
        }
      >
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
  const text = useTexts(queueWords);
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
  const text = useTexts(queueWords);
  const [settled, setSettled] = useState(reason);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(reason), restBeforePreview);
    return () => clearTimeout(timer);
  }, [reason]);
  const { data, isError } = useQuery({
    queryKey: ["preview", email, settled],
    queryFn: () =>
      ask("GET /admin/preview_mail/", { type: "registration_rejected", email, reason: settled || undefined }),
    placeholderData: (before) => before,
    gcTime: 0,
  });
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

interface ConfirmProps extends DialogProps {
  title: string;
  lead: string;
  action: string;
  tone?: "danger";
  onConfirm: () => Promise<Failure | undefined>;
}

/** Says what will happen and does it. */
export function ConfirmDialog({ title, lead, action, tone, onConfirm, onClose }: ConfirmProps) {
  const text = useTexts(queueWords);
  const submission = useSubmission(async () => {
    const failure = await onConfirm();
    if (!failure) onClose();
    return failure;
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <Form
        submission={submission}
        action={action}
        {...(tone ? { tone } : {})}
        more={
          <button type="button" className="button quiet" onClick={onClose}>
            {text.cancel}
          </button>
        }
      >
        <p>{lead}</p>
      </Form>
    </Dialog>
  );
}

const helpWords = texts({
  en: {
    title: "Keyboard",
    keys: [
      ["J ↓", "next person"],
      ["K ↑", "previous person"],
      ["A", "approve"],
      ["R", "reject"],
      ["X", "select or leave out"],
      ["U", "undo the last rejection"],
      ["/", "search"],
      ["?", "this overview"],
    ],
    on: "Single keys do something",
    onHint: "Switch them off if you speak to your computer, or press keys without meaning to.",
  },
  nl: {
    title: "Toetsenbord",
    keys: [
      ["J ↓", "volgende persoon"],
      ["K ↑", "vorige persoon"],
      ["A", "goedkeuren"],
      ["R", "afwijzen"],
      ["X", "selecteren of weglaten"],
      ["U", "laatste afwijzing ongedaan maken"],
      ["/", "zoeken"],
      ["?", "dit overzicht"],
    ],
    on: "Losse toetsen doen iets",
    onHint: "Zet ze uit als je tegen je computer praat, of toetsen indrukt zonder het te willen.",
  },
});

interface HelpProps extends DialogProps {
  isOn: boolean;
  onSwitch: (isOn: boolean) => void;
}

export function HelpDialog({ isOn, onSwitch, onClose }: HelpProps) {
  const text = useTexts(helpWords);
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
