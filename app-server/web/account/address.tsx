import type { PendingEmailChange } from "@anteroom/shared/wire/app/accounts";
import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { app, readSessionAgain } from "../api/client.ts";
import { errorOf } from "../api/errors.ts";
import { atPassword } from "../ui/ask-password.tsx";
import { AddressField, CodeField, type Failure, FailureNote, Form, useSubmission } from "../ui/form.tsx";
import { PasswordField } from "../ui/password.tsx";
import { accountWords } from "../words/account.ts";
import { useFormats, useWords } from "../words/language.tsx";
import { emailChangeQuery } from "./queries.ts";
import { Done, focusSection, Section } from "./section.tsx";

export function AccountAddress({ email, title }: { email: string; title: string }) {
  const text = useWords(accountWords).address;
  const [changedTo, setChangedTo] = useState("");
  const { data: pending, error, refetch } = useQuery(emailChangeQuery);
  const confirmed = async (address: string) => {
    await Promise.all([readSessionAgain(), refetch()]);
    setChangedTo(address);
    focusSection("address");
  };
  const again = async () => {
    setChangedTo("");
    await refetch();
    focusSection("address");
  };
  return (
    <Section id="address" title={title} lead={text.now(email)}>
      <Done>{changedTo && text.changed(changedTo)}</Done>
      {pending === undefined && error && <FailureNote failure={{ error: errorOf(error) }} />}
      {pending ? (
        <Waiting pending={pending} onConfirmed={confirmed} onGivenUp={() => void again()} />
      ) : (
        <details className="more">
          <summary>{text.change}</summary>
          <AskForChange onAsked={() => void again()} />
        </details>
      )}
    </Section>
  );
}

function AskForChange({ onAsked }: { onAsked: () => void }) {
  const text = useWords(accountWords).address;
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/change_email", { email, password });
    if (result.ok) onAsked();
    else if (["address_unchanged", "email_address_not_allowed"].includes(result.error))
      return { error: result.error, field: "email" };
    else if (result.error === "invalid_field") return { error: "invalid_email_address", field: "email" };
    else return atPassword(result);
    return undefined;
  });
  return (
    <Form submission={submission} action={text.ask}>
      <p className="note note-warn">{text.note}</p>
      <AddressField
        label={text.email}
        value={email}
        onValue={setEmail}
        failure={submission.failure}
        autoComplete="email"
      />
      <PasswordField
        label={text.password}
        value={password}
        onValue={setPassword}
        failure={submission.failure}
        kind="current"
      />
    </Form>
  );
}

interface WaitingProps {
  pending: PendingEmailChange;
  onConfirmed: (email: string) => Promise<void>;
  onGivenUp: () => void;
}

function Waiting({ pending, onConfirmed, onGivenUp }: WaitingProps) {
  const text = useWords(accountWords).address;
  const { dateTime } = useFormats();
  const [code, setCode] = useState("");
  const [failure, setFailure] = useState<Failure>();
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/confirm_email", { code: normalizeCode(code) });
    if (result.ok) await onConfirmed(result.values.email);
    else if (result.error === "incorrect_code") return { error: result.error, field: "code" };
    else return result;
    return undefined;
  });
  const giveUp = async () => {
    const result = await app("POST /account/cancel_email_change", {});
    if (result.ok) onGivenUp();
    else setFailure(result);
  };
  return (
    <>
      <p className="note">{text.waiting(pending.email, dateTime(pending.expires_at))}</p>
      <Form
        submission={submission}
        action={text.confirm}
        more={
          <button type="button" className="link-button" onClick={() => void giveUp()}>
            {text.giveUp}
          </button>
        }
      >
        <CodeField label={text.code} value={code} onValue={setCode} failure={submission.failure} />
      </Form>
      <div role="alert">{failure && <FailureNote failure={failure} />}</div>
    </>
  );
}
