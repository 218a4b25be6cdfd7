import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { app, sessionChanged, useSession } from "../api/client.ts";
import { site } from "../api/site.ts";
import { useLanguage, useWords } from "../words/language.tsx";
import { languages, languageTags } from "../words/languages.ts";
import { uiWords } from "../words/ui.ts";

export function Shell({ children }: { children: ReactNode }) {
  const text = useWords(uiWords).shell;
  return (
    <>
      <a className="skip" href="#content">
        {text.skip}
      </a>
      <header className="top">
        <Link href="/" className="brand">
          <img src="/web/icon.svg" alt="" width={28} height={28} />
          {site.site}
        </Link>
        <nav aria-label={text.main}>
          <Navigation />
        </nav>
      </header>
      <main id="content">{children}</main>
      <footer className="bottom">
        <LanguageChoice label={text.language} />
      </footer>
    </>
  );
}

/** “Sign up” and “Sign in” until somebody is signed in; then their name and the way out. */
function Navigation() {
  const text = useWords(uiWords).shell;
  const session = useSession();
  if (session === undefined) return null;
  if (session === null)
    return (
      <>
        <Link href="/account/login" className="nav-link">
          {text.signIn}
        </Link>
        <Link href="/account/register" className="button quiet small">
          {text.signUp}
        </Link>
      </>
    );
  const { firstname, lastname, email, permissions } = session.user;
  return (
    <>
      {permissions.includes("admin") && (
        <Link href="/admin" className="nav-link">
          {text.administration}
        </Link>
      )}
      <Link href="/account" className="nav-link nav-name">
        {`${firstname} ${lastname}`.trim() || email}
      </Link>
      <SignOut label={text.signOut} />
    </>
  );
}

function SignOut({ label }: { label: string }) {
  const [, navigate] = useLocation();
  const signOut = async () => {
    await app("POST /cookies/clear_session/", {});
    // Whoever is signed in now is somebody else, and the page says so where it stands.
    if (!(await sessionChanged())) navigate("/");
  };
  return (
    <button type="button" className="button quiet small" onClick={() => void signOut()}>
      {label}
    </button>
  );
}

function LanguageChoice({ label }: { label: string }) {
  const { language, setLanguage } = useLanguage();
  return (
    <fieldset className="languages">
      <legend className="hidden">{label}</legend>
      {languageTags.map((tag) => (
        <button
          key={tag}
          type="button"
          lang={tag}
          className="link-button"
          aria-pressed={tag === language}
          onClick={() => setLanguage(tag)}
        >
          {languages[tag]}
        </button>
      ))}
    </fieldset>
  );
}
