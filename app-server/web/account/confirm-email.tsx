import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useState } from "react";
import { Link } from "wouter";
import { app, queries, useSession } from "../api/client.ts";
import { CodeField, type Failure, Form, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { texts, useTexts } from "../words/language.tsx";

const words = texts({
  en: {
    title: "Confirm your new address",
    lead: "Press the button, and this address becomes the one of your account. Until then your old one stays in use.",
    code: "Code from the mail",
    action: "Use this address",
    done: "Your new address is confirmed",
    doneLead: (email: string) => `From now on you sign in with ${email}. Your old address has been told.`,
    already: "Your address was confirmed before",
    alreadyLead: (email: string) => `You sign in with ${email}.`,
    over: "This link no longer works",
    overLead:
      "It has expired, or you asked for another one since. Your address is unchanged; you can ask again on your account page.",
    account: "Your account",
    signIn: "Sign in",
  },
  nl: {
    title: "Bevestig je nieuwe adres",
    lead: "Druk op de knop, dan wordt dit het adres van je account. Tot dan blijft je oude adres in gebruik.",
    code: "Code uit de mail",
    action: "Gebruik dit adres",
    done: "Je nieuwe adres is bevestigd",
    doneLead: (email: string) => `Vanaf nu meld je je aan met ${email}. Je oude adres heeft bericht gekregen.`,
    already: "Je adres was al bevestigd",
    alreadyLead: (email: string) => `Je meldt je aan met ${email}.`,
    over: "Deze link werkt niet meer",
    overLead:
      "Hij is verlopen, of je hebt sindsdien een nieuwe gevraagd. Je adres is niet veranderd; op je accountpagina kun je het opnieuw vragen.",
    account: "Je account",
    signIn: "Aanmelden",
  },
});

interface ConfirmProps {
  token: string;
  /** From the link; typed if it came without. */
  code: string;
  /** When the person goes on to the account from here. */
  onDone: () => void;
}

type Ending = { title: "done" | "already"; email: string } | { title: "over" };

/** What a mailed link opens, whoever is signed in. Nothing happens until the button is pressed. */
export function ConfirmEmail({ token, code: given, onDone }: ConfirmProps) {
  const text = useTexts(words);
  const [code, setCode] = useState(given);
  const [ending, setEnding] = useState<Ending>();
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/confirm_email", { token, code: normalizeCode(code) });
    if (!result.ok && result.error === "link_not_valid") setEnding({ title: "over" });
    else if (!result.ok)
      return result.error === "incorrect_code" ? { error: result.error, field: "code" } : { error: result.error };
    else {
      await queries.invalidateQueries();
      setEnding({ title: result.values.already ? "already" : "done", email: result.values.email });
    }
    return undefined;
  });
  if (ending) return <Ended ending={ending} onDone={onDone} />;
  return (
    <Page title={text.title} lead={text.lead}>
      <Form submission={submission} action={text.action}>
        <CodeField label={text.code} value={code} onValue={setCode} failure={submission.failure} />
      </Form>
    </Page>
  );
}

function Ended({ ending, onDone }: { ending: Ending; onDone: () => void }) {
  const text = useTexts(words);
  const session = useSession();
  const lead = ending.title === "over" ? text.overLead : text[`${ending.title}Lead`](ending.email);
  return (
    <Page title={text[ending.title]} lead={lead}>
      <p>
        <Link href={session ? "/account" : "/account/login"} className="button" onClick={onDone}>
          {session ? text.account : text.signIn}
        </Link>
      </p>
    </Page>
  );
}
