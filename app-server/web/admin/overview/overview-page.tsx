import type { MailStatus } from "@anteroom/shared/wire/app/mail";
import type { Overview } from "@anteroom/shared/wire/app/oversight";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link } from "wouter";
import { Page } from "../../ui/page.tsx";
import { adminWords } from "../../words/admin.ts";
import { localeOf, useFormats, useLanguage, useWords } from "../../words/language.tsx";
import { useMailState } from "../mail-state.tsx";
import { Loaded } from "../parts.tsx";
import { overviewQuery } from "../queries.ts";
import { Chart } from "./chart.tsx";

export function OverviewPage() {
  const text = useWords(adminWords).overview;
  const query = useQuery(overviewQuery);
  return (
    <Page title={text.title} lead={text.lead} width="wide">
      <Loaded query={query}>
        {query.data && (
          <>
            <Tiles overview={query.data} />
            <PerDay days={query.data.days} />
            <Outcomes mails={query.data.mails} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Tiles({ overview: { waiting, hours_to_decision } }: { overview: Overview }) {
  const text = useWords(adminWords).overview;
  const { number } = useFormats();
  const span = useSpan();
  return (
    <dl className="tiles">
      <Tile label={text.waiting}>
        <Link href="/admin">{number(waiting.count)}</Link>
      </Tile>
      <Tile label={text.oldest}>
        {waiting.oldest_at === null ? (
          <span className="tile-none">{text.nobody}</span>
        ) : (
          <Link href="/admin">{span((Date.now() / 1_000 - waiting.oldest_at) / 3_600)}</Link>
        )}
      </Tile>
      <Tile label={text.median}>
        <ToLog>{hours_to_decision && span(hours_to_decision.median)}</ToLog>
      </Tile>
      <Tile label={text.p90}>
        <ToLog>{hours_to_decision && span(hours_to_decision.p90)}</ToLog>
      </Tile>
    </dl>
  );
}

/** A number that the log explains. */
function ToLog({ children }: { children: string | null }) {
  const text = useWords(adminWords).overview;
  if (children === null) return <span className="tile-none">{text.undecided}</span>;
  return <Link href="/admin/decisions">{children}</Link>;
}

function Tile({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="tile">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A number of hours in the unit that suits it. */
function useSpan(): (hours: number) => string {
  const text = useWords(adminWords).overview;
  const { number } = useFormats();
  const rounded = (value: number) => number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
  return (hours) => {
    if (hours < 1) return text.minutes(number(Math.max(1, Math.round(hours * 60))));
    return hours < 72 ? text.hours(rounded(hours)) : text.days(rounded(hours / 24));
  };
}

type Day = Overview["days"][number];

const drawn = ["registrations", "accepted", "rejected"] as const;

function PerDay({ days }: { days: readonly Day[] }) {
  const text = useWords(adminWords).overview;
  const { number } = useFormats();
  const dates = useDates(days);
  const lines = drawn.map((name) => ({ name, label: text[name], values: days.map((day) => day[name]) }));
  const busy = days.filter((day) => drawn.some((name) => day[name] > 0));
  const [asked = "", accepted = "", rejected = ""] = lines.map(({ values }) =>
    number(values.reduce((sum, value) => sum + value, 0)),
  );
  return (
    <section className="card">
      <h2>{text.perDay}</h2>
      <p>{busy.length === 0 ? text.quiet : text.summary(asked, accepted, rejected)}</p>
      {busy.length === 1 && <p className="aside">{text.oneDay(dates[busy[0] ? days.indexOf(busy[0]) : 0] ?? "")}</p>}
      {busy.length > 1 && (
        <>
          <ul className="legend" aria-hidden="true">
            {drawn.map((name) => (
              <li key={name} className={`legend-${name}`}>
                {text[name]}
              </li>
            ))}
          </ul>
          <Chart days={dates} lines={lines} formatNumber={number} />
        </>
      )}
      <details className="more">
        <summary>{text.table}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls sideways is to be reached with the keyboard. */}
        <section className="table-scroll" aria-label={text.perDay} tabIndex={0}>
          <DayTable days={days} dates={dates} />
        </section>
      </details>
    </section>
  );
}

/** The days as the language writes them, such as “5 Nov”. */
function useDates(days: readonly Day[]): string[] {
  const { language } = useLanguage();
  return useMemo(() => {
    const format = new Intl.DateTimeFormat(localeOf(language), { day: "numeric", month: "short", timeZone: "UTC" });
    return days.map(({ date }) => format.format(Date.parse(date)));
  }, [days, language]);
}

/** Newest first. */
function DayTable({ days, dates }: { days: readonly Day[]; dates: readonly string[] }) {
  const text = useWords(adminWords).overview;
  const { number } = useFormats();
  return (
    <table className="table table-numbers">
      <thead>
        <tr>
          <th scope="col">{text.day}</th>
          {drawn.map((name) => (
            <th key={name} scope="col">
              {text[name]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {days
          .map((day, index) => (
            <tr key={day.date}>
              <th scope="row">{dates[index]}</th>
              {drawn.map((name) => (
                <td key={name}>{number(day[name])}</td>
              ))}
            </tr>
          ))
          .toReversed()}
      </tbody>
    </table>
  );
}

const outcomes = ["accepted", "queued", "deferred", "failed", "bounced"] as const satisfies readonly MailStatus[];

function Outcomes({ mails }: { mails: Overview["mails"] }) {
  const text = useWords(adminWords).overview;
  const { number } = useFormats();
  const word = useMailState();
  const total = outcomes.reduce((sum, outcome) => sum + mails[outcome], 0);
  return (
    <section className="card">
      <h2>{text.mails}</h2>
      {total === 0 ? (
        <p className="aside">{text.noMails}</p>
      ) : (
        <dl className="bars">
          {outcomes.map((outcome) => (
            <div key={outcome} className={`bar bar-${outcome}`}>
              <dt>
                <Link href={`/admin/mail?state=${outcome}`}>{word(outcome)}</Link>
              </dt>
              <dd>
                <span className="bar-track" aria-hidden="true">
                  <span style={{ inlineSize: `${(100 * mails[outcome]) / total}%` }} />
                </span>
                <span className="bar-count">{number(mails[outcome])}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
      <p>
        <Link href="/admin/mail">{text.look}</Link>
      </p>
    </section>
  );
}
