import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { useSession } from "../api/client.ts";
import { NotFound, Page, SessionPending } from "../ui/page.tsx";
import { useFormats, useWords } from "../words/language.tsx";
import { DecisionsPage } from "./log/log-page.tsx";
import { MailPage } from "./mail/mail-page.tsx";
import { Messages } from "./messages.tsx";
import { OverviewPage } from "./overview/overview-page.tsx";
import { PeoplePage } from "./people/people-page.tsx";
import { PersonPage } from "./people/person-page.tsx";
import { Proof } from "./proof.tsx";
import { useWaitingCount } from "./queue/data.ts";
import { QueuePage } from "./queue/queue-page.tsx";
import "../styles/admin.css";
import { adminWords } from "../words/admin.ts";

/** Everything below `/admin`, for those who are signed in and hold the permission. */
export function AdminPages() {
  const session = useSession();
  const [path] = useLocation();
  if (session === undefined) return <SessionPending />;
  if (session === null)
    return <Redirect to={`/account/login?next=${encodeURIComponent(path + location.search)}`} replace />;
  if (!session.user.permissions.includes("admin")) return <Refused email={session.user.email} />;
  return (
    <Messages>
      <Rooms />
      <Switch>
        <Route path="/admin" component={QueuePage} />
        <Route path="/admin/people" component={PeoplePage} />
        <Route path="/admin/people/:id" component={PersonPage} />
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
  const text = useWords(adminWords).rooms;
  const [path] = useLocation();
  const waiting = useWaitingCount();
  const { number } = useFormats();
  return (
    <nav className="rooms" aria-label={text.rooms}>
      {rooms.map(([to, name]) => (
        <Link
          key={to}
          href={to}
          {...((to === "/admin" ? path === to : path.startsWith(to)) ? { "aria-current": "page" as const } : {})}
        >
          {text[name]} {name === "queue" && waiting > 0 && <span className="count">{number(waiting)}</span>}
        </Link>
      ))}
    </nav>
  );
}

function Refused({ email }: { email: string }) {
  const text = useWords(adminWords).rooms;
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
