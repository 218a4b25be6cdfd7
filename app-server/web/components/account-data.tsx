import { useState } from "react";
import { app, sessionChanged } from "../api.ts";
import { texts, useTexts } from "../i18n.tsx";
import { Section } from "./account-section.tsx";
import { type Failure, Form, useSubmission } from "./form.tsx";
import { PasswordField } from "./password.tsx";

const words = texts({
  en: {
    lead: "Everything that is kept about you here: your account, your choices, where you are signed in, and which mails you got.",
    export: "Save my data as a file",
    delete: "Delete my account",
    lost: [
      "Your account, your names and your permissions are deleted at once, and so is the list of your mails.",
      "You are signed out everywhere.",
      "Nobody can bring it back. To return, you would ask for a new account.",
    ],
    note: "What administrators decided about your registration stays in their log for a while.",
    password: "Your password",
    action: "Delete my account for good",
  },
  nl: {
    lead: "Alles wat hier over jou wordt bewaard: je account, je keuzes, waar je bent aangemeld, en welke mails je kreeg.",
    export: "Bewaar mijn gegevens als bestand",
    delete: "Verwijder mijn account",
    lost: [
      "Je account, je namen en je rechten worden meteen verwijderd, en ook de lijst van je mails.",
      "Je wordt overal afgemeld.",
      "Niemand kan het terughalen. Om terug te komen zou je een nieuw account aanvragen.",
    ],
    note: "Wat beheerders over je registratie hebben beslist, blijft nog een tijd in hun logboek.",
    password: "Je wachtwoord",
    action: "Verwijder mijn account voorgoed",
  },
});

export function AccountData({ title, onGone }: { title: string; onGone: () => void }) {
  const text = useTexts(words);
  return (
    <Section id="data" title={title} lead={text.lead}>
      <p>
        <a className="button quiet" href="/account/export" download="account.json">
          {text.export}
        </a>
      </p>
      <details className="more more-danger">
        <summary>{text.delete}</summary>
        <DeleteAccount onGone={onGone} />
      </details>
    </Section>
  );
}

function DeleteAccount({ onGone }: { onGone: () => void }) {
  const text = useTexts(words);
  const [password, setPassword] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/delete", { password });
    if (!result.ok)
      return result.error === "incorrect_password"
        ? { error: result.error, field: "password" }
        : { error: result.error };
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
