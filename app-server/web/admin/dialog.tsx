import { type ReactNode, useEffect, useId, useRef } from "react";
import { type Failure, Form, useSubmission } from "../ui/form.tsx";
import { adminWords } from "../words/admin.ts";
import { useWords } from "../words/language.tsx";
import { CrossIcon } from "./icons.tsx";

/** Where the focus goes: to what is to be filled in, else to the button that changes nothing. */
const firstField = "textarea, input";
const safeButton = ".form-actions .quiet";

interface DialogProps {
  title: string;
  children: ReactNode;
  onClose: () => void;
  width?: "narrow" | "wide";
}

/**
 * A dialog over the page, shown as long as it is rendered. The browser keeps the focus inside, closes it on Escape and
 * makes the rest of the page inert; whoever had the focus before gets it back.
 */
export function Dialog({ title, children, onClose, width = "narrow" }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  const { close } = useWords(adminWords).dialog;
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    (dialog?.querySelector<HTMLElement>(firstField) ?? dialog?.querySelector<HTMLElement>(safeButton))?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
      // What it was opened from is gone, and nobody else has taken the focus.
      else if (document.activeElement === document.body) document.querySelector("h1")?.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      className={`dialog dialog-${width}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header className="dialog-head">
        <h2 id={id}>{title}</h2>
        <button type="button" className="icon-button" aria-label={close} onClick={onClose}>
          <CrossIcon />
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** The button that changes nothing. */
export function CancelButton({ onClose }: { onClose: () => void }) {
  return (
    <button type="button" className="button quiet" onClick={onClose}>
      {useWords(adminWords).dialog.cancel}
    </button>
  );
}

interface ConfirmProps {
  title: string;
  lead: string;
  action: string;
  tone?: "danger";
  onConfirm: () => Promise<Failure | undefined>;
  onClose: () => void;
}

/** Says what will happen and does it. */
export function ConfirmDialog({ title, lead, action, tone, onConfirm, onClose }: ConfirmProps) {
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
        more={<CancelButton onClose={onClose} />}
      >
        <p>{lead}</p>
      </Form>
    </Dialog>
  );
}
