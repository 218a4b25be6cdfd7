import { type ReactNode, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { app, sessionChanged, useSession } from "../api/client.ts";
import { contactHref, site } from "../api/site.ts";
import { useLanguage, useWords } from "../words/language.tsx";
import { languages, languageTags } from "../words/languages.ts";
import { uiWords } from "../words/ui.ts";
import { type Failure, FailureNote } from "./form.tsx";

export function Shell({ children }: { children: ReactNode }) {
  const text = useWords(uiWords).shell;
  const [notSignedOut, setNotSignedOut] = useState<Failure>();
  const main = useRef<HTMLElement>(null);
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads within the page, and keeps what stands in the page's address. */}
      <a
        className="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {text.skip}
      </a>
      <header className="top">
        <Link href="/" className="brand">
          <img src="/web/icon.svg" alt="" width={28} height={28} />
          {site.site}
        </Link>
        <nav aria-label={text.main}>
          <Navigation onNotSignedOut={setNotSignedOut} />
        </nav>
      </header>
      <div className="above-content" role="alert">
        {notSignedOut && <FailureNote failure={notSignedOut}>{text.notSignedOut}</FailureNote>}
      </div>
      <main id="content" ref={main} tabIndex={-1}>
        {children}
      </main>
      <footer className="bottom">
        <LanguageChoice label={text.language} />
        <SiteLinks />
      </footer>
    </>
  );
}

/** “Sign up” and “Sign in” until somebody is signed in; then their name and the way out. */
function Navigation({ onNotSignedOut }: Pick<SignOutProps, "onNotSignedOut">) {
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
      <SignOut label={text.signOut} onNotSignedOut={onNotSignedOut} />
    </>
  );
}

interface SignOutProps {
  label: string;
  /** With the reason, or with nothing when that is over. Whoever leaves a shared computer has to know. */
  onNotSignedOut: (failure: Failure | undefined) => void;
}

function SignOut({ label, onNotSignedOut }: SignOutProps) {
  const [, navigate] = useLocation();
  const signOut = async () => {
    onNotSignedOut(undefined);
    const result = await app("POST /cookies/clear_session/", {});
    if (!result.ok && result.error !== "another_person_signed_in") return onNotSignedOut(result);
    // Whoever is signed in now is somebody else, and the page says so where it stands.
    if (!(await sessionChanged())) navigate("/");
  };
  return (
    <button type="button" className="button quiet small" onClick={() => void signOut()}>
      {label}
    </button>
  );
}

function SiteLinks() {
  const text = useWords(uiWords).shell;
  const links = [
    [text.contact, contactHref],
    [text.privacy, site.links.privacy],
    [text.terms, site.links.terms],
  ];
  return links.map(
    ([label, href]) =>
      href && (
        <a key={label} href={href}>
          {label}
        </a>
      ),
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
