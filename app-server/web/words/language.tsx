import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { site } from "../api/site.ts";
import { type InEach, type Language, languages } from "./languages.ts";

interface LanguageState {
  language: Language;
  setLanguage: (language: Language) => void;
}

const LanguageContext = createContext<LanguageState>({ language: "en", setLanguage: () => undefined });

const storageKey = "language";

/** What the person chose here before, else what their browser asks for, else the site's own. */
function firstLanguage(): Language {
  const asked = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return [readStored() ?? "", ...asked, site.language].find(isLanguage) ?? "en";
}

function isLanguage(tag: string): tag is Language {
  return Object.hasOwn(languages, tag);
}

/** Storage may be switched off. */
function readStored(): string | undefined {
  try {
    return localStorage.getItem(storageKey) ?? undefined;
  } catch {
    return undefined;
  }
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const state = useMemo(
    () => ({
      language,
      setLanguage: (chosen: Language) => {
        setLanguage(chosen);
        try {
          localStorage.setItem(storageKey, chosen);
        } catch {
          // It holds until the page is closed.
        }
      },
    }),
    [language],
  );
  return <LanguageContext value={state}>{children}</LanguageContext>;
}

export function useLanguage(): LanguageState {
  return useContext(LanguageContext);
}

/** The words of one room in the language of the page. */
export function useWords<Words>(room: InEach<Words>): Words {
  return room[useLanguage().language];
}

/** Where nobody says otherwise. Intl takes plain `en` for the English of the United States. */
const usualRegion = { en: "en-GB", nl: "nl-NL" } as const satisfies Record<Language, string>;

/** The language of the page as it is written where the reader lives, by what their browser asks for. */
export function localeOf(language: Language): string {
  const isWithRegion = (tag: string) => tag.toLowerCase().startsWith(`${language}-`) && isLocale(tag);
  return (navigator.languages ?? []).find(isWithRegion) ?? usualRegion[language];
}

/** Browsers name what the system names, and that may be `en-US@posix`, which Intl throws at. */
function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

/** Dates, times, numbers and spans as the reader writes them. Times are unix seconds. */
export function useFormats() {
  const { language } = useLanguage();
  return useMemo(() => {
    const locale = localeOf(language);
    const date = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
    const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
    const time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
    const number = new Intl.NumberFormat(locale);
    const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
    return {
      date: (time: number) => date.format(time * 1000),
      dateTime: (time: number) => dateTime.format(time * 1000),
      time: (moment: number) => time.format(moment * 1000),
      number: (value: number) => number.format(value),
      /** Such as “3 hours ago”. */
      ago: (time: number) => formatAgo(relative, time),
    };
  }, [language]);
}

const units = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

function formatAgo(relative: Intl.RelativeTimeFormat, time: number): string {
  const seconds = time - Date.now() / 1000;
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}
