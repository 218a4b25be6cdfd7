import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { app, sessionChanged } from "../api/client.ts";
import { useCleanAddress } from "../ui/clean-address.ts";
import { AddressField, CodeField, type Failure, Form, useSubmission } from "../ui/form.tsx";
import { Loading, Page, Unreachable } from "../ui/page.tsx";
import { findPasswordFault, PasswordField } from "../ui/password.tsx";
import { texts, useTexts } from "../words/language.tsx";

const words = texts({
  en: {
    title: "Choose a new password",
    lead: "Tell us the address of your account. If there is one, a mail with a link is written to it.",
    over: "This link has expired or was used already. Ask for a new one here.",
    newer: "There is a newer mail",
    newerLead: "It brings a link of its own, and that is the one that works. Open the newest mail you got.",
    expired: "This link has expired",
    expiredLead: "Links work for a short while only. One press, and a new one is sent to the same address.",
    renew: "Send me a new link",
    renewed: "A new link is on its way to the same address. The old one no longer works.",
    otherAddress: "Use another address",
    email: "E-mail address",
    ask: "Send me a link",
    sentTitle: "Look into your mailbox",
    sentLead: (address: string) =>
      `If there is an account with the address ${address}, a mail with a link is on its way there. You can open it on any device.`,
    sentMore: "No mail after a few minutes? Look into the folder for spam, and whether the address is the right one.",
    typed: "Type the code from the mail instead",
    code: "Code from the mail",
    newTitle: "Your new password",
    newLead: (address: string) => `Choose it for ${address}. You are then signed out everywhere.`,
    password: "New password",
    set: "Set the password",
    again: "Ask for another link",
    back: "Back to signing in",
  },
  nl: {
    title: "Kies een nieuw wachtwoord",
    lead: "Geef het adres van je account. Als er een is, gaat er een mail met een link naartoe.",
    over: "Deze link is verlopen of al gebruikt. Vraag hier een nieuwe.",
    newer: "Er is een nieuwere mail",
    newerLead: "Daarin staat een eigen link, en die werkt. Open de nieuwste mail die je kreeg.",
    expired: "Deze link is verlopen",
    expiredLead: "Links werken maar korte tijd. Eén druk op de knop, en er gaat een nieuwe naar hetzelfde adres.",
    renew: "Stuur me een nieuwe link",
    renewed: "Een nieuwe link is onderweg naar hetzelfde adres. De oude werkt niet meer.",
    otherAddress: "Gebruik een ander adres",
    email: "E-mailadres",
    ask: "Stuur me een link",
    sentTitle: "Kijk in je mailbox",
    sentLead: (address: string) =>
      `Als er een account met het adres ${address} is, is een mail met een link daarheen onderweg. Je kunt hem op elk apparaat openen.`,
    sentMore: "Na een paar minuten nog geen mail? Kijk in je map voor spam, en of het adres klopt.",
    typed: "Typ liever de code uit de mail",
    code: "Code uit de mail",
    newTitle: "Je nieuwe wachtwoord",
    newLead: (address: string) => `Kies het voor ${address}. Daarna ben je overal afgemeld.`,
    password: "Nieuw wachtwoord",
    set: "Stel het wachtwoord in",
    again: "Vraag een andere link",
    back: "Terug naar aanmelden",
  },
});

/** Asks for a link; or, opened by one, for the new password. Opening it changes nothing. */
export function RecoverPage() {
  const given = useCleanAddress(({ searchParams }) => ({
    token: searchParams.get("token") ?? "",
    code: searchParams.get("code") ?? "",
  }));
  const [isOver, setOver] = useState(false);
  return given.token && !isOver ? (
    <FromLink token={given.token} code={given.code} onOver={() => setOver(true)} />
  ) : (
    <AskForLink isOver={isOver} />
  );
}

interface FromLinkProps {
  token: string;
  code: string;
  onOver: () => void;
}

function FromLink({ token, code, onOver }: FromLinkProps) {
  const text = useTexts(words);
  const { data, error, refetch } = useQuery({
    queryKey: ["password-link", token],
    queryFn: () => readLink(token),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  if (data === undefined) return error ? <Unreachable error={error} onAgain={() => void refetch()} /> : <Loading />;
  if (data === "over") return <AskForLink isOver />;
  if (data === "newer")
    return (
      <Page title={text.newer} lead={text.newerLead}>
        <p className="aside">
          <button type="button" className="link-button" onClick={onOver}>
            {text.again}
          </button>
        </p>
      </Page>
    );
  if (data === "expired") return <Expired token={token} onOver={onOver} />;
  return (
    <Page title={text.newTitle} lead={text.newLead(data.email)}>
      <SetPassword by={{ token }} email={data.email} code={code} onOver={onOver} />
    </Page>
  );
}

/** Whose password the link is for, while it is good. */
async function readLink(token: string): Promise<{ email: string } | "expired" | "newer" | "over"> {
  const answer = await app("POST /account/password_link_status", { token });
  if (answer.ok) return answer.values;
  if (answer.error === "link_expired") return "expired";
  if (answer.error === "link_superseded") return "newer";
  if (answer.error === "link_not_valid" || answer.error === "invalid_field") return "over";
  throw new Error(answer.detail);
}

/** One press sends a new link to where the old one went. */
function Expired({ token, onOver }: { token: string; onOver: () => void }) {
  const text = useTexts(words);
  const [isSent, setSent] = useState(false);
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/request_password_link", { token });
    if (result.ok) setSent(true);
    else if (result.error === "link_not_valid") onOver();
    else return result;
    return undefined;
  });
  if (isSent)
    return (
      <Page title={text.sentTitle} lead={text.renewed}>
        <p>{text.sentMore}</p>
      </Page>
    );
  return (
    <Page title={text.expired} lead={text.expiredLead}>
      <Form
        submission={submission}
        action={text.renew}
        more={
          <button type="button" className="link-button" onClick={onOver}>
            {text.otherAddress}
          </button>
        }
      >
        {null}
      </Form>
    </Page>
  );
}

function AskForLink({ isOver }: { isOver: boolean }) {
  const text = useTexts(words);
  const [email, setEmail] = useState("");
  const [isSent, setSent] = useState(false);
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await app("POST /account/request_password_link", { email });
    if (result.ok) setSent(true);
    else return result.error === "invalid_field" ? { error: "invalid_email_address", field: "email" } : result;
    return undefined;
  });
  if (isSent) return <Sent email={email.trim()} onAgain={() => setSent(false)} />;
  return (
    <Page title={text.title} lead={text.lead}>
      {isOver && <p className="note note-warn">{text.over}</p>}
      <Form
        submission={submission}
        action={text.ask}
        more={
          <Link href="/account/login" className="aside-link">
            {text.back}
          </Link>
        }
      >
        <AddressField label={text.email} value={email} onValue={setEmail} failure={submission.failure} />
      </Form>
    </Page>
  );
}

function Sent({ email, onAgain }: { email: string; onAgain: () => void }) {
  const text = useTexts(words);
  return (
    <Page title={text.sentTitle} lead={text.sentLead(email)}>
      <p>{text.sentMore}</p>
      <details className="more">
        <summary>{text.typed}</summary>
        <SetPassword by={{ email }} email={email} code="" onOver={onAgain} />
      </details>
      <p className="aside">
        <button type="button" className="link-button" onClick={onAgain}>
          {text.again}
        </button>
      </p>
    </Page>
  );
}

interface SetPasswordProps {
  by: { token: string } | { email: string };
  email: string;
  /** From the link; asked for when it is missing or wrong. */
  code: string;
  onOver: () => void;
}

function SetPassword({ by, email, code: given, onOver }: SetPasswordProps) {
  const text = useTexts(words);
  const [, navigate] = useLocation();
  const [code, setCode] = useState(given);
  const [asksForCode, setAsksForCode] = useState(given === "");
  const [password, setPassword] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const fault = findPasswordFault(password);
    if (fault) return fault;
    const result = await app("POST /account/use_password_link", { ...by, code: normalizeCode(code), password });
    if (result.ok) {
      await sessionChanged();
      navigate("/account/login?reset", { replace: true });
    } else if (result.error === "link_not_valid") onOver();
    else if (result.error === "incorrect_code") {
      setAsksForCode(true);
      return { error: result.error, field: "code" };
    } else if (result.error === "weak_password" || result.error === "invalid_password_length")
      return { error: result.error, field: "password" };
    else return result.error === "unreachable" ? { error: "answer_lost" } : result;
    return undefined;
  });
  return (
    <Form submission={submission} action={text.set}>
      <input type="email" name="username" value={email} autoComplete="username" readOnly hidden />
      {asksForCode && <CodeField label={text.code} value={code} onValue={setCode} failure={submission.failure} />}
      <PasswordField
        label={text.password}
        value={password}
        onValue={setPassword}
        failure={submission.failure}
        kind="new"
        context={[email]}
      />
    </Form>
  );
}
