import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useState } from "react";
import { Link } from "wouter";
import { app, queries, useSession } from "../api/client.ts";
import { CodeField, type Failure, Form, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { accountWords } from "../words/account.ts";
import { useWords } from "../words/language.tsx";

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
  const text = useWords(accountWords).confirmEmail;
  const [code, setCode] = useState(given);
  const [ending, setEnding] = useState<Ending>();
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/confirm_email", { token, code: normalizeCode(code) });
    if (!result.ok && result.error === "link_not_valid") setEnding({ title: "over" });
    else if (!result.ok) return result.error === "incorrect_code" ? { error: result.error, field: "code" } : result;
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
  const text = useWords(accountWords).confirmEmail;
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
