import type { AppFailure } from "@anteroom/shared/client/app";
import {
  type FormEvent,
  type InputHTMLAttributes,
  type ReactNode,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { noticeSignOut, sessionChanged } from "../api/client.ts";
import type { ErrorCode } from "../api/errors.ts";
import { errorWords } from "../words/errors.ts";
import { useWords } from "../words/language.tsx";
import { uiWords } from "../words/ui.ts";

/** What went wrong with a submission. `field` names the input that it is about. */
export interface Failure {
  error: ErrorCode;
  field?: string;
  /** Seconds until it is worth trying again. */
  retryAfter?: number;
  /** What stands for `{number}` in the words for it. */
  number?: number;
}

/** The field that the server minds, if it names one, is the one to mark. */
export function failureOf({ error, fields, retryAfter }: AppFailure): Failure {
  const field = fields?.[0]?.field;
  if (field === undefined) return { error, ...(retryAfter === undefined ? {} : { retryAfter }) };
  return { error: error === "invalid_field" && field === "email" ? "invalid_email_address" : error, field };
}

/** After signing in: why nobody is signed in all the same, if so. Browsers say nothing of a cookie they do not keep. */
export async function findRefusedCookie(): Promise<Failure | undefined> {
  if ((await sessionChanged()) !== null) return undefined;
  return { error: window.isSecureContext ? "cookie_refused" : "not_secure" };
}

export interface Submission {
  isBusy: boolean;
  failure: Failure | undefined;
  onSubmit: (event: FormEvent) => void;
}

/**
 * Runs one submission at a time. `work` returns what went wrong, if anything; what it throws is shown as a fault of the
 * server.
 */
export function useSubmission(work: () => Promise<Failure | undefined>): Submission {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const isRunning = useRef(false);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (isRunning.current) return;
    isRunning.current = true;
    setBusy(true);
    setFailure(undefined);
    void work()
      .catch((): Failure => ({ error: "internal_error" }))
      .then((result) => {
        setFailure(result);
        if (result) noticeSignOut(result.error);
      })
      .finally(() => {
        isRunning.current = false;
        setBusy(false);
      });
  };
  return { isBusy, failure, onSubmit };
}

interface FormProps {
  submission: Submission;
  children: ReactNode;
  /** What the button says. */
  action: string;
  /** Beside the button. */
  more?: ReactNode;
  tone?: "danger";
}

/**
 * A form with one button. What is wrong with a field is said there, and the field gets the focus; what is wrong as a whole, or
 * with a field that the form does not have, is said above the button, and read out.
 */
export function Form({ submission: { isBusy, failure, onSubmit }, children, action, more, tone }: FormProps) {
  const { busy, slow } = useWords(uiWords).form;
  const isSlow = useLongerThan(patience, isBusy);
  const form = useRef<HTMLFormElement>(null);
  const [ofTheWhole, setOfTheWhole] = useState<Failure>();
  // Once it is drawn: the failure may have brought its field along.
  useLayoutEffect(() => {
    const field = failure && form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    setOfTheWhole(field ? undefined : failure);
    field?.focus();
  }, [failure]);
  return (
    <form className="form" ref={form} onSubmit={onSubmit}>
      {children}
      <div role="alert">{ofTheWhole && <FailureNote failure={ofTheWhole} />}</div>
      <div role="status">{isSlow && <p className="note note-warn">{slow}</p>}</div>
      <div className="form-actions">
        <button type="submit" className={tone === "danger" ? "button danger" : "button"} aria-disabled={isBusy}>
          {isBusy ? busy : action}
        </button>
        {more}
      </div>
    </form>
  );
}

function useMessage(failure: Failure | undefined): string {
  const message = useWords(errorWords);
  return failure ? message[failure.error].replace("{number}", String(failure.number)) : "";
}

/** Milliseconds after which it is said that no answer has come yet. */
const patience = 8_000;

/** Whether something has gone on for so long. */
function useLongerThan(milliseconds: number, goesOn: boolean): boolean {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    if (!goesOn) return;
    const timer = setTimeout(() => setLong(true), milliseconds);
    return () => {
      clearTimeout(timer);
      setLong(false);
    };
  }, [milliseconds, goesOn]);
  return isLong;
}

/** `children`: what is said before it. */
export function FailureNote({ failure, children }: { failure: Failure; children?: string }) {
  const message = useMessage(failure);
  const { tooMany } = useWords(uiWords);
  const isAboutTime = failure.error === "rate_limited" && failure.retryAfter !== undefined;
  return (
    <p className="note note-bad">
      {children && `${children} `}
      {isAboutTime ? tooMany(failure.retryAfter ?? 0) : message}
    </p>
  );
}

interface LabelledProps {
  label: string;
  name: string;
  hint?: ReactNode;
  failure?: Failure | undefined;
  /** Inside the frame, behind the input. */
  inside?: ReactNode;
}

interface FieldProps extends LabelledProps, Omit<InputHTMLAttributes<HTMLInputElement>, "name" | "value" | "onChange"> {
  value: string;
  onValue: (value: string) => void;
}

/** One labelled input, with its hint and what is wrong with it. */
export function Field({ label, name, value, onValue, hint, failure, inside, ...input }: FieldProps) {
  return (
    <Labelled {...{ label, name, hint, failure, inside }}>
      {(about) => <input {...input} {...about} value={value} onChange={(event) => onValue(event.target.value)} />}
    </Labelled>
  );
}

type LinesProps = LabelledProps & Pick<FieldProps, "value" | "onValue" | "required" | "maxLength">;

/** The same for several lines. */
export function LinesField({ label, name, value, onValue, hint, failure, ...input }: LinesProps) {
  return (
    <Labelled {...{ label, name, hint, failure }}>
      {(about) => (
        <textarea {...input} {...about} rows={3} value={value} onChange={(event) => onValue(event.target.value)} />
      )}
    </Labelled>
  );
}

/** What an input is to have, by which its label and what is said of it are found. */
interface About {
  id: string;
  name: string;
  "aria-invalid": boolean;
  "aria-describedby"?: string;
}

function Labelled({
  label,
  name,
  hint,
  failure,
  inside,
  children,
}: LabelledProps & { children: (about: About) => ReactNode }) {
  const id = useId();
  const message = useMessage(failure);
  const isWrong = failure?.field === name;
  const described = [hint ? `${id}-hint` : "", isWrong ? `${id}-wrong` : ""].filter(Boolean).join(" ");
  return (
    <div className={isWrong ? "field field-wrong" : "field"}>
      <label htmlFor={id}>{label}</label>
      <div className="field-frame">
        {children({ id, name, "aria-invalid": isWrong, ...(described ? { "aria-describedby": described } : {}) })}
        {inside}
      </div>
      {isWrong && (
        <p className="field-message" id={`${id}-wrong`} role="alert">
          {message}
        </p>
      )}
      {hint && (
        <div className="field-hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
    </div>
  );
}

type OfKind = Omit<FieldProps, "name" | "type"> & { name?: string };

export function AddressField({ name = "email", ...props }: OfKind) {
  return (
    <Field
      {...props}
      name={name}
      type="email"
      inputMode="email"
      autoComplete="username"
      autoCapitalize="none"
      spellCheck={false}
      maxLength={254}
      required
    />
  );
}

/** The code from a mail: shown large. What is typed or pasted around it does not matter. */
export function CodeField({ name = "code", ...props }: OfKind) {
  return (
    <Field
      {...props}
      name={name}
      className="code"
      autoComplete="one-time-code"
      autoCapitalize="characters"
      spellCheck={false}
      maxLength={60}
      required
    />
  );
}
