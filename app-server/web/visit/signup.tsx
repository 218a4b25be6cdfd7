import type { OwnRequest, RegistrationStatus } from "@anteroom/shared/wire/app/registration";
import { normalizeCode } from "@anteroom/shared/wire/mailed-code";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { app, useSession } from "../api/client.ts";
import { asException } from "../api/errors.ts";
import { contactHref } from "../api/site.ts";
import { keepForReload, readValue, useCleanAddress } from "../ui/clean-address.ts";
import { AddressField, CodeField, type Failure, Form, failureOf, useSubmission } from "../ui/form.tsx";
import { Loading, Page, Unreachable } from "../ui/page.tsx";
import { useFormats, useWords } from "../words/language.tsx";
import { visitWords } from "../words/visit.ts";
import { Activation } from "./activation.tsx";
import { forgetOwnRequest, useOwnRequest } from "./own-request.tsx";
import { Progress } from "./progress.tsx";

interface LinkValues {
  /** Empty: that of the request which this browser remembers. */
  token: string;
  code: string;
  /** A setup link was used here: nobody asked, and nobody approved. */
  isSetup?: boolean;
}

const nowhere: LinkValues = { token: "", code: "" };

/** Waiting room and activation. Opening it changes nothing: the code is only used when the person presses the button. */
export function SignupPage() {
  const given = useCleanAddress((address): LinkValues => {
    const isSetup = address.searchParams.has("setup");
    return { token: readValue(address, "token"), code: readValue(address, "code"), isSetup };
  });
  const [link, setLink] = useState(given);
  const [isTyping, setTyping] = useState(false);
  const goOnWith = (next: LinkValues) => {
    keepForReload(next);
    setLink(next);
    setTyping(false);
  };
  const typeCode = () => {
    keepForReload(nowhere);
    setLink(nowhere);
    setTyping(true);
  };
  const [isWithdrawn, setWithdrawn] = useState(false);
  const text = useWords(visitWords).signup;
  const own = useOwnRequest(!isTyping && !isWithdrawn);
  const endAsWithdrawn = () => {
    forgetOwnRequest();
    setWithdrawn(true);
  };
  if (isWithdrawn) return <Ended title={text.withdrawn} lead={text.withdrawnLead} />;
  if (isTyping) return <FindByCode onFound={goOnWith} />;
  if (link.token || own)
    return (
      <WaitingRoom
        key={link.token}
        link={link}
        own={own}
        onLink={goOnWith}
        onTyping={typeCode}
        onWithdrawn={endAsWithdrawn}
      />
    );
  return own === undefined ? <Loading /> : <FindByCode onFound={goOnWith} />;
}

type Seen = RegistrationStatus | "gone" | "taken";

/** Milliseconds between two looks: quick at first, later every ten seconds; none while the tab is hidden. */
const pauses = [1_000, 2_000, 3_000, 5_000, 8_000, 10_000];

interface RoomProps {
  link: LinkValues;
  own: OwnRequest | null | undefined;
  onLink: (link: LinkValues) => void;
  /** Address and code are to lead on. */
  onTyping: () => void;
  onWithdrawn: () => void;
}

function WaitingRoom({ link, own, onLink, onTyping, onWithdrawn }: RoomProps) {
  const text = useWords(visitWords).signup;
  const status = useQuery<Seen>({
    queryKey: ["registration", link.token, link.code],
    queryFn: () => readStatus(link),
    staleTime: 0,
    retry: 0,
    refetchInterval: ({ state: { data, dataUpdateCount, errorUpdateCount } }) =>
      isUndecided(data) ? (pauses[Math.min(dataUpdateCount + errorUpdateCount, pauses.length - 1)] ?? 10_000) : false,
    refetchOnWindowFocus: ({ state: { data } }) => isUndecided(data),
  });
  const { data } = status;
  if (data === undefined)
    return status.isError ? <Unreachable error={status.error} onAgain={() => void status.refetch()} /> : <Loading />;
  if (data === "taken") return <Ended title={text.taken} lead={text.takenLead} />;
  if (data === "gone") return <Ended title={text.gone} lead={text.goneLead} />;
  if (data.state === "rejected")
    return (
      <Page title={text.rejected} lead={text.rejectedLead}>
        {contactHref && (
          <p>
            {text.mistaken} <a href={contactHref}>{text.write}</a>
          </p>
        )}
        <p>
          <Link href="/">{text.home}</Link>
        </p>
      </Page>
    );
  if (data.state === "code_needed") return <FindByCode onFound={onLink} given={data.email} />;
  if (data.signup_token)
    return (
      <Activation
        signupToken={data.signup_token}
        email={data.email}
        code={link.code}
        isSetup={link.isSetup ?? false}
        onExpired={() => void status.refetch()}
      />
    );
  // The code of before is of no use with the new sign-up. No token at all: only address and code lead on.
  const onRenewed = async (signupToken: string | null) => {
    if (signupToken) onLink({ ...link, code: "" });
    else onTyping();
    await status.refetch();
  };
  if (data.accepted) return <Expired link={link} email={data.email} onRenewed={onRenewed} onHaveCode={onTyping} />;
  return (
    <Waiting
      email={data.email}
      own={own?.email === data.email ? own : undefined}
      isUnseen={status.isError}
      onHaveCode={onTyping}
    >
      <Withdraw token={link.token} onWithdrawn={onWithdrawn} />
    </Waiting>
  );
}

interface WaitingProps {
  email: string;
  own: OwnRequest | undefined;
  /** The last look brought nothing. */
  isUnseen: boolean;
  onHaveCode: () => void;
  children: ReactNode;
}

function Waiting({ email, own, isUnseen, onHaveCode, children }: WaitingProps) {
  const text = useWords(visitWords).signup;
  const formats = useFormats();
  return (
    <Page title={text.waiting} lead={text.waitingLead(email)} above={<Progress at={1} />}>
      <div className="card">
        {own && (
          <p>
            {text.asked(formats.dateTime(own.created_at))} {own.usual_wait && text.usual[own.usual_wait]}
          </p>
        )}
        <p>{text.waitingMore}</p>
        <p className="pulse" role="status">
          <span className="pulse-dot" aria-hidden="true" />
          {isUnseen ? text.unseen : text.checked}
        </p>
      </div>
      <p className="aside">
        {text.mailed}{" "}
        <button type="button" className="link-button" onClick={onHaveCode}>
          {text.enterCode}
        </button>
        .
      </p>
      {children}
    </Page>
  );
}

function isUndecided(data: Seen | undefined): boolean {
  return data === undefined || (typeof data === "object" && !data.accepted && data.state === undefined);
}

/** Of a token that leads nowhere, or is none at all. */
const nowhereErrors = ["registration_not_found", "invalid_field", "missing_field"];

async function readStatus({ token, code }: LinkValues): Promise<Seen> {
  const answer = await app("POST /auth/registration_status", {
    registration_token: token,
    ...(code ? { code: normalizeCode(code) } : {}),
  });
  if (answer.ok) return answer.values;
  if (nowhereErrors.includes(answer.error)) return "gone";
  if (answer.error === "address_in_use") return "taken";
  throw asException(answer);
}

function Withdraw({ token, onWithdrawn }: { token: string; onWithdrawn: () => void }) {
  const text = useWords(visitWords).signup;
  const [isApproved, setApproved] = useState(false);
  const [code, setCode] = useState("");
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    const shown = isApproved ? { code: normalizeCode(code) } : {};
    const result = await app("POST /auth/withdraw_registration", { registration_token: token, ...shown });
    if (!result.ok) {
      setApproved(isApproved || result.error === "code_needed");
      return result.error === "incorrect_code" ? { error: result.error, field: "code" } : failureOf(result);
    }
    onWithdrawn();
    return undefined;
  });
  return (
    <details className="more">
      <summary>{text.withdraw}</summary>
      <Form submission={submission} action={text.withdraw} tone="danger">
        <p>{text.withdrawMore}</p>
        {isApproved && <CodeField label={text.codeLabel} value={code} onValue={setCode} failure={submission.failure} />}
      </Form>
    </details>
  );
}

interface ExpiredProps {
  link: LinkValues;
  email: string;
  onRenewed: (signupToken: string | null) => Promise<void>;
  onHaveCode: () => void;
}

function Expired({ link, email, onRenewed, onHaveCode }: ExpiredProps) {
  const text = useWords(visitWords).signup;
  const submission = useSubmission(async () => {
    const result = await app("POST /auth/renew_signup", { registration_token: link.token });
    if (!result.ok) return result;
    await onRenewed(result.values.signup_token);
    return undefined;
  });
  return (
    <Page title={text.expired} lead={text.expiredLead(email)} above={<Progress at={2} />}>
      <Form
        submission={submission}
        action={text.renew}
        more={
          <button type="button" className="link-button" onClick={onHaveCode}>
            {text.haveCode}
          </button>
        }
      >
        {null}
      </Form>
    </Page>
  );
}

function Ended({ title, lead }: { title: string; lead: string }) {
  const text = useWords(visitWords).signup;
  const session = useSession();
  return (
    <Page title={title} lead={lead}>
      <p className="form-actions">
        <Link href={session ? "/account" : "/account/login"} className="button">
          {session ? text.account : text.signIn}
        </Link>
        <Link href="/account/register" className="button quiet">
          {text.register}
        </Link>
      </p>
    </Page>
  );
}

/** For somebody who has the mail, but not the link: another device, or a mail program that breaks links. */
function FindByCode({ onFound, given = "" }: { onFound: (link: LinkValues) => void; given?: string }) {
  const text = useWords(visitWords).signup;
  const [email, setEmail] = useState(given);
  const [code, setCode] = useState("");
  const [isUnknown, setUnknown] = useState(false);
  const submission = useSubmission(async (): Promise<Failure | undefined> => {
    setUnknown(false);
    const result = await app("POST /auth/lookup_registration", { email: email.trim(), code: normalizeCode(code) });
    if (!result.ok) return result;
    if (result.values.found) onFound({ token: result.values.token, code: normalizeCode(code) });
    else setUnknown(true);
    return undefined;
  });
  return (
    <Page title={text.code} lead={text.codeLead} above={<Progress at={2} />}>
      <Form submission={submission} action={text.go}>
        <AddressField label={text.email} value={email} onValue={setEmail} />
        <CodeField label={text.codeLabel} value={code} onValue={setCode} />
        <div role="alert">{isUnknown && <p className="note note-bad">{text.notFound}</p>}</div>
      </Form>
    </Page>
  );
}
