import { useState } from "react";
import { app, sessionChanged } from "../api/client.ts";
import { atPassword } from "../ui/ask-password.tsx";
import { type Failure, FailureNote, Form, useSubmission } from "../ui/form.tsx";
import { PasswordField } from "../ui/password.tsx";
import { accountWords } from "../words/account.ts";
import { useWords } from "../words/language.tsx";
import { Section } from "./section.tsx";

export function AccountData({ title, onGone }: { title: string; onGone: () => void }) {
  const text = useWords(accountWords).data;
  return (
    <Section id="data" title={title} lead={text.lead}>
      <Export label={text.export} />
      <details className="more more-danger">
        <summary>{text.delete}</summary>
        <DeleteAccount onGone={onGone} />
      </details>
    </Section>
  );
}

/** Asked for as everything else is, so that it is the file of whom the page shows, and a refusal is said here. */
function Export({ label }: { label: string }) {
  const [failure, setFailure] = useState<Failure>();
  const save = async () => {
    const result = await app("GET /account/export");
    setFailure(result.ok ? undefined : result);
    if (result.ok) saveAsFile("account.json", JSON.stringify(result.values, undefined, 2));
  };
  return (
    <>
      <p>
        <button type="button" className="button quiet" onClick={() => void save()}>
          {label}
        </button>
      </p>
      <div role="alert">{failure && <FailureNote failure={failure} />}</div>
    </>
  );
}

function saveAsFile(name: string, content: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function DeleteAccount({ onGone }: { onGone: () => void }) {
  const text = useWords(accountWords).data;
  const [password, setPassword] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/delete", { password });
    if (!result.ok) return atPassword(result);
    onGone();
    await sessionChanged();
    return undefined;
  });
  return (
    <Form submission={submission} action={text.action} tone="danger">
      <ul className="bullets">
        {text.lost.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      <p className="field-hint">{text.note}</p>
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
