import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { useSession } from "../api/client.ts";
import { NotFound, Page, SessionPending } from "../ui/page.tsx";
import { texts, useTexts } from "../words/language.tsx";
import { DecisionsPage } from "./log/log-page.tsx";
import { MailPage } from "./mail/mail-page.tsx";
import { Messages } from "./messages.tsx";
import { OverviewPage } from "./overview/overview-page.tsx";
import { PeoplePage } from "./people/people-page.tsx";
import { Proof } from "./proof.tsx";
import { QueuePage } from "./queue/queue-page.tsx";
import "../styles/admin.css";

const words = texts({
  en: {
    rooms: "Administration",
    queue: "Requests",
    people: "People",
    mail: "Mail",
    decisions: "Log",
    overview: "Overview",
    refused: "This page is for administrators",
    refusedLead: (email: string) => `You are signed in as ${email}, and this account may not decide about others.`,
    refusedMore: "If it should, ask an administrator to make you one. Then load this page again.",
    account: "Your account",
  },
  nl: {
    rooms: "Beheer",
    queue: "Aanvragen",
    people: "Mensen",
    mail: "Mail",
    decisions: "Logboek",
    overview: "Overzicht",
    refused: "Deze pagina is voor beheerders",
    refusedLead: (email: string) => `Je bent aangemeld als ${email}, en dit account mag niet over anderen beslissen.`,
    refusedMore: "Hoort dat wel zo te zijn, vraag dan een beheerder om het recht. Laad deze pagina daarna opnieuw.",
    account: "Je account",
  },
});

/** Everything below `/admin`, for those who are signed in and hold the permission. */
export function AdminPages() {
  const session = useSession();
  const [path] = useLocation();
  if (session === undefined) return <SessionPending />;
  if (session === null) return <Redirect to={`/account/login?next=${encodeURIComponent(path)}`} replace />;
  if (!session.user.permissions.includes("admin")) return <Refused email={session.user.email} />;
  return (
    <Messages>
      <Rooms />
      <Switch>
        <Route path="/admin" component={QueuePage} />
        <Route path="/admin/people" component={PeoplePage} />
        <Route path="/admin/mail" component={MailPage} />
        <Route path="/admin/decisions" component={DecisionsPage} />
        <Route path="/admin/overview" component={OverviewPage} />
        <Route component={NotFound} />
      </Switch>
      <Proof />
    </Messages>
  );
}

const rooms = [
  ["/admin", "queue"],
  ["/admin/people", "people"],
  ["/admin/mail", "mail"],
  ["/admin/decisions", "decisions"],
  ["/admin/overview", "overview"],
] as const;

function Rooms() {
  const text = useTexts(words);
  const [path] = useLocation();
  return (
    <nav className="rooms" aria-label={text.rooms}>
      {rooms.map(([to, name]) => (
        <Link key={to} href={to} {...(path === to ? { "aria-current": "page" as const } : {})}>
          {text[name]}
        </Link>
      ))}
    </nav>
  );
}

function Refused({ email }: { email: string }) {
  const text = useTexts(words);
  return (
    <Page title={text.refused} lead={text.refusedLead(email)}>
      <p className="aside">{text.refusedMore}</p>
      <p>
        <Link href="/account" className="button">
          {text.account}
        </Link>
      </p>
    </Page>
  );
}
