import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useRef, useState } from "react";
import { useLocation } from "wouter";
import { auth } from "../api/client.ts";
import { isAnswerLost } from "../api/errors.ts";
import { site } from "../api/site.ts";
import { CodeField, type Failure, FailureNote, Form, findRefusedCookie, useSubmission } from "../ui/form.tsx";
import { Page } from "../ui/page.tsx";
import { findPasswordFault, PasswordField } from "../ui/password.tsx";
import { useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";
import { Progress } from "./progress.tsx";

interface ActivationProps {
  signupToken: string;
  email: string;
  /** From the link, if it was one. */
  code: string;
  isSetup: boolean;
  onExpired: () => void;
}

/** Code and password, and then the account is there. Each step may have been done by an earlier press of the button. */
export function Activation({ signupToken, email, code: given, isSetup, onExpired }: ActivationProps) {
  const text = useWords(visitWords).activation;
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
  const lead = given ? text.leadWithCode : isSetup ? text.leadOfSetup : text.lead;
  return (
    <Page title={text.title} lead={lead(email)} above={isSetup ? undefined : <Progress at={2} />}>
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
      {site.mailbox && (
        <p className="aside">
          {text.development} <a href="/dev/mailbox">{text.mailbox}</a>
        </p>
      )}
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
  return isAnswerLost(completed.error) ? { error: "answer_lost" } : completed;
}

/** Milliseconds for which the mail that was asked for is the answer to further presses. */
const askedFor = 10_000;

function SendAgain({ signupToken }: { signupToken: string }) {
  const text = useWords(visitWords).activation;
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
