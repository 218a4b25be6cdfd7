import { useEffect, useState } from "react";
import { useLocation } from "wouter";
import { app } from "../api/client.ts";
import { useCleanAddress } from "../ui/clean-address.ts";
import { type Failure, Form, failureOf, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { texts, useTexts } from "../words/language.tsx";
import { nobody, PersonFields } from "./person-fields.tsx";

const words = texts({
  en: {
    title: "Become the first administrator",
    lead: "This link works once. Your address gets a code, with which you choose your password.",
    go: "Go on",
    missing: "This page needs a setup link",
    missingLead: "Make one on the server, and open it here. It is good for an hour.",
  },
  nl: {
    title: "Word de eerste beheerder",
    lead: "Deze link werkt één keer. Je adres krijgt een code, waarmee je je wachtwoord kiest.",
    go: "Verder",
    missing: "Voor deze pagina is een link nodig",
    missingLead: "Maak er een op de server, en open hem hier. Hij is een uur geldig.",
  },
});

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
  const text = useTexts(words);
  const token = useCleanAddress(({ hash }) => hash.slice(1));
  useOtherLink();
  const [, navigate] = useLocation();
  const [person, setPerson] = useState(nobody);
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /auth/setup_administrator", { setup_token: token ?? "", ...person });
    if (!result.ok) return failureOf(result);
    navigate(`/account/signup?token=${encodeURIComponent(result.values.registration_token)}`, { replace: true });
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
