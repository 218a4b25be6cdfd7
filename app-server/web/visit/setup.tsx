import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { app } from "../api/client.ts";
import { useCleanAddress, withoutEnd } from "../ui/clean-address.ts";
import { type Failure, Form, failureOf, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { useWords } from "../words/language.tsx";
import { setupWords } from "../words/setup.ts";
import { nobody, PersonFields } from "./person-fields.tsx";

/** Of an address that differs behind `#` alone, browsers load nothing anew. */
function useOtherLink(): void {
  useEffect(() => {
    const reload = () => location.reload();
    addEventListener("hashchange", reload);
    return () => removeEventListener("hashchange", reload);
  }, []);
}

/** The token came behind `#`, so no server has seen it. */
export function SetupPage() {
  const text = useWords(setupWords);
  const token = useCleanAddress(({ hash }) => withoutEnd(hash.slice(1)));
  useOtherLink();
  const [, navigate] = useLocation();
  const [person, setPerson] = useState(nobody);
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /auth/setup_administrator", { setup_token: token ?? "", ...person });
    if (!result.ok) return failureOf(result);
    navigate(`/account/signup?setup&token=${encodeURIComponent(result.values.registration_token)}`, { replace: true });
    return undefined;
  });
  if (!token)
    return (
      <Page title={text.missing} lead={text.missingLead}>
        <pre className="command">npm run admin -- setup-link</pre>
      </Page>
    );
  return (
    <Page title={text.title} lead={text.lead}>
      <Form submission={submission} action={text.go}>
        <PersonFields person={person} onPerson={setPerson} failure={submission.failure} />
      </Form>
    </Page>
  );
}
