import { Link } from "wouter";
import { useSession } from "../api/client.ts";
import { site } from "../api/site.ts";
import { Page } from "../ui/page.tsx";
import { texts, useTexts } from "../words/language.tsx";

const words = texts({
  en: {
    title: (name: string) => `Welcome to ${name}`,
    lead: "Accounts here are opened by people, not by machines: you ask, somebody looks, and then you choose your password.",
    steps: [
      ["Ask for an account", "Tell us who you are and where we can reach you."],
      ["Wait for a decision", "An administrator looks at every request. You can close the page meanwhile."],
      ["Activate it", "A mail brings you a code. With it you choose a password and are in."],
    ],
    signUp: "Sign up",
    signIn: "Sign in",
    hello: (name: string) => `Hello ${name}`,
    signedIn: "You are signed in.",
    account: "Your account",
    administration: "Who waits for a decision",
  },
  nl: {
    title: (name: string) => `Welkom bij ${name}`,
    lead: "Accounts worden hier door mensen geopend, niet door machines: je vraagt, iemand kijkt, en dan kies je je wachtwoord.",
    steps: [
      ["Vraag een account aan", "Vertel ons wie je bent en hoe we je bereiken."],
      ["Wacht op een beslissing", "Een beheerder bekijkt elke aanvraag. De pagina mag intussen dicht."],
      ["Activeer het", "Een mail brengt je een code. Daarmee kies je een wachtwoord en ben je binnen."],
    ],
    signUp: "Registreren",
    signIn: "Aanmelden",
    hello: (name: string) => `Hallo ${name}`,
    signedIn: "Je bent aangemeld.",
    account: "Je account",
    administration: "Wie op een beslissing wacht",
  },
});

export function HomePage() {
  const text = useTexts(words);
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
