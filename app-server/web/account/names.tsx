import type { SessionInfo } from "@anteroom/shared/wire/app/session";
import { useState } from "react";
import { app, readSessionAgain } from "../api/client.ts";
import { type Failure, Field, Form, useSubmission } from "../ui/form.tsx";
import { accountWords } from "../words/account.ts";
import { useWords } from "../words/language.tsx";
import { Done, Section } from "./section.tsx";

export function AccountNames({ user, title }: { user: SessionInfo["user"]; title: string }) {
  const text = useWords(accountWords).names;
  const [firstname, setFirstname] = useState(user.firstname);
  const [lastname, setLastname] = useState(user.lastname);
  const [isSaved, setSaved] = useState(false);
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    setSaved(false);
    const result = await app("POST /account/profile", { firstname, lastname });
    if (!result.ok) return { error: result.error, ...(result.fields?.[0] ? { field: result.fields[0].field } : {}) };
    setFirstname(result.values.firstname);
    setLastname(result.values.lastname);
    await readSessionAgain();
    setSaved(true);
    return undefined;
  });
  const { failure } = submission;
  return (
    <Section id="names" title={title}>
      <Form submission={submission} action={text.save}>
        <div className="field-row">
          <Field
            label={text.firstname}
            name="firstname"
            value={firstname}
            onValue={setFirstname}
            failure={failure}
            autoComplete="given-name"
            maxLength={100}
            required
          />
          <Field
            label={text.lastname}
            name="lastname"
            value={lastname}
            onValue={setLastname}
            failure={failure}
            autoComplete="family-name"
            maxLength={100}
          />
        </div>
        <Done>{isSaved && text.saved}</Done>
      </Form>
    </Section>
  );
}
