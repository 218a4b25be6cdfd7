import type { SessionOverview } from "@anteroom/shared/wire/faroe";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { app } from "../api/client.ts";
import { errorOf } from "../api/errors.ts";
import { AskPassword, atPassword } from "../ui/ask-password.tsx";
import { type Failure, FailureNote } from "../ui/form.tsx";
import { Loading } from "../ui/page.tsx";
import { accountWords } from "../words/account.ts";
import { errorWords } from "../words/errors.ts";
import { useFormats, useWords } from "../words/language.tsx";
import { readDevice } from "./device.ts";
import { sessionsQuery } from "./queries.ts";
import { Done, focusSection, Section } from "./section.tsx";

/** Which sessions the person wants to end. */
type Which = "others" | { id: string };

/** Milliseconds for which it is said that a session has been ended; the list goes on to show it. */
const saidFor = 15_000;

export function AccountSessions({ title }: { title: string }) {
  const text = useWords(accountWords).sessions;
  const message = useWords(errorWords);
  const { data, error, refetch } = useQuery(sessionsQuery);
  const [asked, setAsked] = useState<Which>();
  const [failure, setFailure] = useState<Failure>();
  const [done, setDone] = useState<Which>();
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(undefined), saidFor);
    return () => clearTimeout(timer);
  }, [done]);
  const end = async (which: Which, password?: string): Promise<Failure | undefined> => {
    const refusal = await endSessions(which, password);
    if (refusal?.error === "password_needed") setAsked(which);
    else if (refusal && password !== undefined) return refusal;
    else {
      setAsked(undefined);
      setFailure(refusal);
      setDone(refusal ? undefined : which);
      await refetch();
      focusSection("sessions");
    }
    return undefined;
  };
  const begin = (which: Which) => {
    setDone(undefined);
    setFailure(undefined);
    void end(which);
  };
  const cancel = () => {
    setAsked(undefined);
    focusSection("sessions");
  };
  const others = data?.filter(({ current }) => !current) ?? [];
  return (
    <Section id="sessions" title={title} lead={text.lead}>
      {data === null && <p>{message.not_supported}</p>}
      {data === undefined && (error ? <FailureNote failure={{ error: errorOf(error) }} /> : <Loading />)}
      {data && (
        <ul className="sessions">
          {data.map((session) => (
            <Session key={session.id} session={session} onEnd={() => begin({ id: session.id })} />
          ))}
        </ul>
      )}
      {asked && <AskPassword action={text.goOn} onPassword={(password) => end(asked, password)} onCancel={cancel} />}
      <div role="alert">{failure && <FailureNote failure={failure} />}</div>
      <Done>{done && (done === "others" ? text.endedOthers : text.ended)}</Done>
      {others.length > 1 && !asked && (
        <p>
          <button type="button" className="button quiet" onClick={() => begin("others")}>
            {text.endOthers}
          </button>
        </p>
      )}
      {data && others.length === 0 && !done && <p className="aside">{text.alone}</p>}
    </Section>
  );
}

async function endSessions(which: Which, password: string | undefined): Promise<Failure | undefined> {
  const shown = password === undefined ? {} : { password };
  const result =
    which === "others"
      ? await app("POST /account/end_other_sessions/", shown)
      : await app("POST /account/end_session/", { session_id: which.id, ...shown });
  if (result.ok || result.error === "not_found") return undefined;
  return atPassword(result);
}

/** Seconds that count as now: the auth server notes the use of a session once a minute. */
const justNow = 120;

function Session({ session, onEnd }: { session: SessionOverview; onEnd: () => void }) {
  const text = useWords(accountWords).sessions;
  const { ago, date, dateTime } = useFormats();
  const { browser, system } = readDevice(session.user_agent);
  const device =
    browser && system
      ? text.on(browser, system)
      : (browser ?? system ?? (/^Mozilla\//.test(session.user_agent) ? text.browser : text.program));
  const isNow = Date.now() / 1_000 - session.last_active_at < justNow;
  return (
    <li>
      <div>
        <h3>
          {device} {session.current && <span className="badge badge-good">{text.current}</span>}
        </h3>
        <p className="session-times">
          <span title={dateTime(session.last_active_at)}>
            {isNow ? text.now : text.seen(ago(session.last_active_at))}
          </span>
          {" · "}
          {text.since(date(session.created_at))}
        </p>
      </div>
      {!session.current && (
        <button
          type="button"
          className="button quiet small"
          aria-label={text.endNamed(device, dateTime(session.created_at))}
          onClick={onEnd}
        >
          {text.end}
        </button>
      )}
    </li>
  );
}
