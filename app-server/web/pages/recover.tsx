import { useState } from "react";
import { Link, useLocation } from "wouter";
import { auth, sessionChanged } from "../api.ts";
import { AddressField, CodeField, cleanCode, type Failure, Form, useSubmission } from "../components/form.tsx";
import { Page } from "../components/page.tsx";
import { PasswordField } from "../components/password.tsx";
import { texts, useTexts } from "../i18n.tsx";

const words = texts({
  en: {
    title: "Choose a new password",
    lead: "Tell us the address of your account. If there is one, a mail with a code is written to it.",
    email: "E-mail address",
    ask: "Ask for a code",
    codeTitle: "Look into your mailbox",
    codeLead: (address: string) =>
      `If there is an account with the address ${address}, a mail with a code is on its way there. Leave this page open.`,
    code: "Code from the mail",
    go: "Go on",
    newTitle: "Your new password",
    newLead: "When you have set it, you are signed out everywhere else.",
    password: "New password",
    set: "Set the password",
    again: "Ask for another code",
    back: "Back to signing in",
  },
  nl: {
    title: "Kies een nieuw wachtwoord",
    lead: "Geef het adres van je account. Als er een is, gaat er een mail met een code naartoe.",
    email: "E-mailadres",
    ask: "Vraag een code",
    codeTitle: "Kijk in je mailbox",
    codeLead: (address: string) =>
      `Als er een account met het adres ${address} is, is een mail met een code daarheen onderweg. Laat deze pagina open.`,
    code: "Code uit de mail",
    go: "Verder",
    newTitle: "Je nieuwe wachtwoord",
    newLead: "Als het is ingesteld, ben je overal elders afgemeld.",
    password: "Nieuw wachtwoord",
    set: "Stel het wachtwoord in",
    again: "Vraag een nieuwe code",
    back: "Terug naar aanmelden",
  },
});

type Step = { at: "address" } | { at: "code"; token: string } | { at: "password"; token: string };

export function RecoverPage() {
  const text = useTexts(words);
  const [step, setStep] = useState<Step>({ at: "address" });
  const [email, setEmail] = useState("");
  switch (step.at) {
    case "address":
      return <AskForCode email={email} onEmail={setEmail} onAsked={(token) => setStep({ at: "code", token })} />;
    case "code":
      return (
        <Page title={text.codeTitle} lead={text.codeLead(email)}>
          <EnterCode token={step.token} onRight={() => setStep({ at: "password", token: step.token })} />
          <p className="aside">
            <button type="button" className="link-button" onClick={() => setStep({ at: "address" })}>
              {text.again}
            </button>
          </p>
        </Page>
      );
    case "password":
      return (
        <Page title={text.newTitle} lead={text.newLead}>
          <SetPassword token={step.token} email={email} />
        </Page>
      );
  }
}

function AskForCode({
  email,
  onEmail,
  onAsked,
}: {
  email: string;
  onEmail: (email: string) => void;
  onAsked: (token: string) => void;
}) {
  const text = useTexts(words);
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await auth.create_user_password_reset({ user_email_address: email.trim() });
    if (result.ok) onAsked(result.values.user_password_reset_token);
    else if (result.error === "invalid_email_address") return { error: result.error, field: "email" };
    else return result;
    return undefined;
  });
  return (
    <Page title={text.title} lead={text.lead}>
      <Form
        submission={submission}
        action={text.ask}
        more={
          <Link href="/account/login" className="aside-link">
            {text.back}
          </Link>
        }
      >
        <AddressField label={text.email} value={email} onValue={onEmail} failure={submission.failure} />
      </Form>
    </Page>
  );
}

function EnterCode({ token, onRight }: { token: string; onRight: () => void }) {
  const text = useTexts(words);
  const [code, setCode] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const result = await auth.verify_user_password_reset_temporary_password({
      user_password_reset_token: token,
      temporary_password: cleanCode(code),
    });
    if (result.ok || result.error === "user_first_factor_already_verified") onRight();
    else return result.error === "incorrect_temporary_password" ? { error: result.error, field: "code" } : result;
    return undefined;
  });
  return (
    <Form submission={submission} action={text.go}>
      <CodeField label={text.code} value={code} onValue={setCode} failure={submission.failure} />
    </Form>
  );
}

function SetPassword({ token, email }: { token: string; email: string }) {
  const text = useTexts(words);
  const [, navigate] = useLocation();
  const [password, setPassword] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const named = { user_password_reset_token: token };
    const set = await auth.set_user_password_reset_new_password({ ...named, password });
    if (!set.ok && set.error !== "new_password_already_set")
      return set.error === "weak_password" || set.error === "invalid_password_length"
        ? { error: set.error, field: "password" }
        : set;
    const completed = await auth.complete_user_password_reset(named);
    if (!completed.ok && completed.error !== "session_not_created") return completed;
    await sessionChanged();
    navigate("/account/login?reset", { replace: true });
    return undefined;
  });
  return (
    <Form submission={submission} action={text.set}>
      <input type="email" name="email" value={email} autoComplete="username" readOnly hidden />
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
