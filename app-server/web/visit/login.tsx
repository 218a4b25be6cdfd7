import { useState } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { auth, useSession } from "../api/client.ts";
import { takeWayOn } from "../api/way-on.ts";
import { readKept } from "../ui/clean-address.ts";
import { AddressField, type Failure, Form, findRefusedCookie, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { PasswordField } from "../ui/password.tsx";
import { WayOn } from "../ui/way-on.tsx";
import { useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";
import { OwnRequestNote } from "./own-request.tsx";

/** Never says which of the two was wrong, because the server does not. */
export function LoginPage() {
  const text = useWords(visitWords).login;
  const session = useSession();
  const [, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const [email, setEmail] = useState(() => readKept<{ email: string }>()?.email ?? "");
  const [password, setPassword] = useState("");
  const [isWrong, setWrong] = useState(false);
  const submission = useSubmission(async () => {
    setWrong(false);
    const failure = await signIn(email, password);
    if (failure?.error === "incorrect_password") {
      setWrong(true);
      return undefined;
    }
    if (failure) return failure;
    const refused = await findRefusedCookie();
    if (refused) return refused;
    const next = safePath(search.get("next"));
    const wayOn = takeWayOn();
    // Whoever asked for another page here since they were sent wants that one.
    if (wayOn && next === "/account") location.replace(wayOn);
    else navigate(next, { replace: true });
    return undefined;
  });
  if (session && !submission.isBusy)
    return (
      <Page title={text.title} lead={text.already}>
        {search.has("reset") && <p className="note note-good">{text.resetHere}</p>}
        <Link href="/account" className="button">
          {text.account}
        </Link>
        <WayOn />
      </Page>
    );
  return (
    <Page title={text.title}>
      <OwnRequestNote />
      {search.has("next") && <p className="note">{text.goOn}</p>}
      {search.has("reset") && <p className="note note-good">{text.reset}</p>}
      <Form
        submission={submission}
        action={text.action}
        more={
          <Link href="/account/recover" className="aside-link">
            {text.forgot}
          </Link>
        }
      >
        <AddressField label={text.email} value={email} onValue={setEmail} failure={submission.failure} />
        <PasswordField label={text.password} value={password} onValue={setPassword} kind="current" />
        <div role="alert">{isWrong && <p className="note note-bad">{text.wrong}</p>}</div>
      </Form>
      <p className="aside">
        {text.noAccount} <Link href="/account/register">{text.signUp}</Link>
      </p>
    </Page>
  );
}

export async function signIn(email: string, password: string): Promise<Failure | undefined> {
  const created = await auth.create_signin({ user_email_address: email.trim() });
  if (!created.ok) {
    // Faroe itself tells unknown addresses apart; these pages do not.
    if (created.error === "user_not_found" || created.error === "user_disabled") return { error: "incorrect_password" };
    return created.error === "invalid_email_address" ? { error: created.error, field: "email" } : created;
  }
  const { signin_token } = created.values;
  const verified = await auth.verify_signin_user_password({ signin_token, password });
  if (!verified.ok) return verified;
  const completed = await auth.complete_signin({ signin_token });
  return completed.ok ? undefined : completed;
}

/** Only ways within this site. */
function safePath(path: string | null): string {
  return path && /^\/(?![/\\])/.test(path) ? path : "/account";
}
