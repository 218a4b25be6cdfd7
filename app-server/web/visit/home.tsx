import { Link } from "wouter";
import { useSession } from "../api/client.ts";
import { site } from "../api/site.ts";
import { Page } from "../ui/page.tsx";
import { useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";
import { OwnRequestNote } from "./own-request.tsx";

export function HomePage() {
  const text = useWords(visitWords).home;
  const session = useSession();
  if (session)
    return (
      <Page title={text.hello(session.user.firstname || session.user.email)} lead={text.signedIn}>
        <p className="form-actions">
          {session.user.permissions.includes("admin") && (
            <Link href="/admin" className="button">
              {text.administration}
            </Link>
          )}
          <Link href="/account" className={session.user.permissions.includes("admin") ? "button quiet" : "button"}>
            {text.account}
          </Link>
        </p>
      </Page>
    );
  return (
    <Page title={text.title(site.site)} lead={text.lead} width="wide">
      <OwnRequestNote />
      <ol className="steps">
        {text.steps.map(([title, more]) => (
          <li key={title}>
            <h2>{title}</h2>
            <p>{more}</p>
          </li>
        ))}
      </ol>
      <p className="form-actions">
        <Link href="/account/register" className="button">
          {text.signUp}
        </Link>
        <Link href="/account/login" className="button quiet">
          {text.signIn}
        </Link>
      </p>
    </Page>
  );
}
