import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useRef, useState } from "react";
import { useLocation } from "wouter";
import { auth } from "../api/client.ts";
import { CodeField, type Failure, FailureNote, Form, findRefusedCookie, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { findPasswordFault, PasswordField } from "../ui/password.tsx";
import { texts, useTexts } from "../words/language.tsx";
import { Progress } from "./progress.tsx";

const words = texts({
  en: {
    title: "Activate your account",
    lead: (email: string) => `You are approved. A mail with your code is on its way to ${email}.`,
    leadWithCode: (email: string) => `You are approved. Choose a password for ${email}, and you are in.`,
    code: "Code from the mail",
    password: "Password",
    action: "Activate my account",
    lost: "No mail yet? Look into the folder for spam, or",
    again: "have it sent again",
    asked: "A new mail is on its way.",
  },
  nl: {
    title: "Activeer je account",
    lead: (email: string) => `Je bent goedgekeurd. Een mail met je code is onderweg naar ${email}.`,
    leadWithCode: (email: string) => `Je bent goedgekeurd. Kies een wachtwoord voor ${email}, en je bent binnen.`,
    code: "Code uit de mail",
    password: "Wachtwoord",
    action: "Activeer mijn account",
    lost: "Nog geen mail? Kijk in je map voor spam, of",
    again: "laat hem opnieuw sturen",
    asked: "Een nieuwe mail is onderweg.",
  },
});

interface ActivationProps {
  signupToken: string;
  email: string;
  /** From the link, if it was one. */
  code: string;
  onExpired: () => void;
}

/** Code and password, and then the account is there. Each step may have been done by an earlier press of the button. */
export function Activation({ signupToken, email, code: given, onExpired }: ActivationProps) {
  const text = useTexts(words);
  const [, navigate] = useLocation();
  const [code, setCode] = useState(given);
  const [password, setPassword] = useState("");
  const submission = useSubmission(async () => {
    const failure = await activate(signupToken, code, password);
    if (failure?.error === "invalid_signup_token") onExpired();
    if (failure) return failure;
    const refused = await findRefusedCookie();
    if (refused) return refused;
    navigate("/account?welcome", { replace: true });
    return undefined;
  });
  return (
    <Page title={text.title} lead={given ? text.leadWithCode(email) : text.lead(email)} above={<Progress at={2} />}>
      <Form submission={submission} action={text.action}>
        <input type="email" name="email" value={email} autoComplete="username" readOnly hidden />
        <CodeField label={text.code} value={code} onValue={setCode} failure={submission.failure} />
        <PasswordField
          label={text.password}
          value={password}
          onValue={setPassword}
          failure={submission.failure}
          kind="new"
          context={[email]}
        />
      </Form>
      <SendAgain signupToken={signupToken} />
    </Page>
  );
}

async function activate(signup_token: string, code: string, password: string): Promise<Failure | undefined> {
  const fault = findPasswordFault(password);
  if (fault) return fault;
  const verified = await auth.verify_signup_email_address_verification_code({
    signup_token,
    email_address_verification_code: normalizeCode(code),
  });
  if (!verified.ok && verified.error !== "email_address_already_verified")
    return verified.error === "incorrect_email_address_verification_code"
      ? { error: verified.error, field: "code" }
      : verified;
  const set = await auth.set_signup_password({ signup_token, password });
  // Faroe itself keeps the first.
  const isFirst = !set.ok && set.error === "password_already_set";
  if (!set.ok && !isFirst)
    return set.error === "weak_password" || set.error === "invalid_password_length"
      ? { error: set.error, field: "password" }
      : set;
  const completed = await auth.complete_signup({ signup_token });
  if (completed.ok) return isFirst ? { error: "password_already_set" } : undefined;
  return completed.error === "unreachable" ? { error: "answer_lost" } : completed;
}

/** Milliseconds for which the mail that was asked for is the answer to further presses. */
const askedFor = 10_000;

function SendAgain({ signupToken }: { signupToken: string }) {
  const text = useTexts(words);
  const [failure, setFailure] = useState<Failure | "none">();
  const [isBusy, setBusy] = useState(false);
  const quietUntil = useRef(0);
  const send = async () => {
    if (Date.now() < quietUntil.current) return;
    quietUntil.current = Number.POSITIVE_INFINITY;
    setBusy(true);
    const result = await auth.send_signup_email_address_verification_code({ signup_token: signupToken });
    quietUntil.current = result.ok ? Date.now() + askedFor : 0;
    setBusy(false);
    setFailure(result.ok ? "none" : result);
  };
  return (
    <div className="aside">
      <p>
        {text.lost}{" "}
        <button type="button" className="link-button" aria-disabled={isBusy} onClick={() => void send()}>
          {text.again}
        </button>
        .
      </p>
      <div role="status">{failure === "none" && <p className="note note-good">{text.asked}</p>}</div>
      <div role="alert">{failure && failure !== "none" && <FailureNote failure={failure} />}</div>
    </div>
  );
}
