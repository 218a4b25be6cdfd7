import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { app, sessionChanged } from "../api/client.ts";
import { asException, isAnswerLost } from "../api/errors.ts";
import { keepForReload, readValue, useCleanAddress } from "../ui/clean-address.ts";
import { AddressField, CodeField, type Failure, Form, useSubmission } from "../ui/form.tsx";
import { Loading, Page, Unreachable } from "../ui/page.tsx";
import { findPasswordFault, PasswordField } from "../ui/password.tsx";
import { useWords } from "../words/language.tsx";
import { recoverWords } from "../words/recover.ts";

/** Asks for a link; or, opened by one, for the new password. Opening it changes nothing. */
export function RecoverPage() {
  const given = useCleanAddress((address) => ({
    token: readValue(address, "token"),
    code: readValue(address, "code"),
    sentTo: "",
  }));
  const [isOver, setOver] = useState(false);
  return given.token && !isOver ? (
    <FromLink token={given.token} code={given.code} onOver={() => setOver(true)} />
  ) : (
    <AskForLink isOver={isOver} sentTo={given.sentTo} />
  );
}

interface FromLinkProps {
  token: string;
  code: string;
  onOver: () => void;
}

function FromLink({ token, code, onOver }: FromLinkProps) {
  const text = useWords(recoverWords);
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
  throw asException(answer);
}

/** One press sends a new link to where the old one went. */
function Expired({ token, onOver }: { token: string; onOver: () => void }) {
  const text = useWords(recoverWords);
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

/** `sentTo`: before the page was loaded again. */
function AskForLink({ isOver, sentTo = "" }: { isOver: boolean; sentTo?: string }) {
  const text = useWords(recoverWords);
  const [email, setEmail] = useState(sentTo);
  const [isSent, setIsSent] = useState(sentTo !== "");
  const setSent = (next: boolean) => {
    keepForReload({ token: "", code: "", sentTo: next ? email.trim() : "" });
    setIsSent(next);
  };
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
  const text = useWords(recoverWords);
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
  const text = useWords(recoverWords);
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
      navigate("/account/login?reset", { replace: true, state: { kept: { email } } });
    } else if (result.error === "link_not_valid") onOver();
    else if (result.error === "incorrect_code") {
      setAsksForCode(true);
      return { error: result.error, field: "code" };
    } else if (result.error === "weak_password" || result.error === "invalid_password_length")
      return { error: result.error, field: "password" };
    else return isAnswerLost(result.error) ? { error: "answer_lost" } : result;
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
