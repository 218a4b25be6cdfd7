import { useEffect, useRef, useState } from "react";
import { Link, Redirect } from "wouter";
import { useSession } from "../api/client.ts";
import { readValue, useCleanAddress } from "../ui/clean-address.ts";
import { Page, SessionPending } from "../ui/page.tsx";
import { WayOn } from "../ui/way-on.tsx";
import { useWords } from "../words/language.tsx";
import { AccountAddress } from "./address.tsx";
import { ConfirmEmail } from "./confirm-email.tsx";
import { AccountData } from "./data.tsx";
import { AccountMails } from "./mails.tsx";
import { AccountNames } from "./names.tsx";
import { AccountPassword } from "./password.tsx";
import { goToSection } from "./section.tsx";
import { AccountSessions } from "./sessions.tsx";
import "../styles/account.css";
import { accountWords } from "../words/account.ts";

const sections = ["names", "address", "password", "mails", "sessions", "data"] as const;

/** A mailed link that confirms an address comes here too, and needs nobody to be signed in. */
export function AccountPage() {
  const text = useWords(accountWords).page;
  const session = useSession();
  const [isNew] = useState(() => new URLSearchParams(location.search).has("welcome"));
  const [place] = useState(() => sections.find((name) => location.hash === `#${name}`));
  const hash = place ? `#${place}` : "";
  const given = useCleanAddress(
    (address) => ({ change: readValue(address, "change"), code: readValue(address, "code") }),
    hash,
  );
  const [isLinkDone, setLinkDone] = useState(false);
  const [isGone, setGone] = useState(false);
  const shownFirst = useRef<string>(undefined);
  if (session) shownFirst.current ??= session.user.user_id;
  const isShown = Boolean(session);
  // A browser looks for it when the page arrives, and then nobody knows yet who is signed in.
  useEffect(() => {
    if (isShown && place) goToSection(place);
  }, [isShown, place]);
  if (isGone)
    return (
      <Page title={text.gone} lead={text.goneLead}>
        <p>
          <Link href="/" className="button">
            {text.home}
          </Link>
        </p>
      </Page>
    );
  if (given.change && !isLinkDone)
    return <ConfirmEmail token={given.change} code={given.code} onDone={() => setLinkDone(true)} />;
  if (session === undefined) return <SessionPending />;
  if (session === null) return <Redirect to={`/account/login?next=${encodeURIComponent(`/account${hash}`)}`} replace />;
  const { user } = session;
  return (
    <Page
      title={isNew ? text.welcome : text.title}
      lead={isNew ? text.welcomeLead(user.firstname) : user.email}
      width="wide"
    >
      <div role="status">
        {user.user_id !== shownFirst.current && <p className="note note-bad">{text.other(user.email)}</p>}
      </div>
      <WayOn />
      <div className="account" key={user.user_id}>
        <Sections />
        <div className="account-sections">
          <AccountNames user={user} title={text.names} />
          <AccountAddress email={user.email} title={text.address} />
          <AccountPassword user={user} title={text.password} />
          <AccountMails title={text.mails} />
          <AccountSessions title={text.sessions} />
          <AccountData title={text.data} onGone={() => setGone(true)} />
        </div>
      </div>
    </Page>
  );
}

function Sections() {
  const text = useWords(accountWords).page;
  return (
    <nav className="account-nav" aria-label={text.sections}>
      <ul>
        {sections.map((name) => (
          <li key={name}>
            <a href={`#${name}`}>{name === "sessions" ? text.sessionsInShort : text[name]}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
