import { type Language, languages } from "@anteroom/shared/wire/languages";
import type { Context } from "hono";

/** The first of our languages in `Accept-Language`, by the reader's order; undefined when none of them is asked for. */
export function readPreferredLanguage(http: Context): Language | undefined {
  const asked = (http.req.header("accept-language") ?? "").slice(0, 500).split(",").map(readRange);
  const wanted = asked.filter(({ quality }) => quality > 0).sort((one, other) => other.quality - one.quality);
  return wanted.flatMap(({ tag }) => languages.find((language) => language === tag) ?? [])[0];
}

/** `nl-BE;q=0.8` → nl, 0.8. A range of every language names none. */
function readRange(range: string): { tag: string | undefined; quality: number } {
  const [name = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  return { tag: name.split("-")[0], quality: quality === undefined ? 1 : Number(quality) || 0 };
}
