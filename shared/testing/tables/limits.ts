import { guessLimits as appGuessLimits, limits as appLimits } from "../../../app-server/src/limits.ts";
import { limits as authLimits, guessLimits } from "../../../auth-server/src/limits/limits.ts";
import { type GuessLimit, unlimited } from "../../runtime/guesses.ts";
import type { LimitDescription, RateLimit } from "../../runtime/rate-limits.ts";
import { renderTable } from "./rows.ts";

export function renderLimits(): string {
  return renderTable(
    ["server", "what", "tries", "then one per", "counted by", "paid by", "who could be harmed"],
    [
      ...Object.values<GuessLimit>(guessLimits).map((limit) => row("auth", limit, ...guessing(limit))),
      ...Object.values<RateLimit>(authLimits).map((limit) => row("auth", limit, ...refilling(limit))),
      ...Object.values<GuessLimit>(appGuessLimits).map((limit) => row("app", limit, ...guessing(limit))),
      ...Object.values<RateLimit>(appLimits).map((limit) => row("app", limit, ...refilling(limit))),
    ],
  );
}

function row(server: string, { purpose, key, paidBy, harms }: LimitDescription, tries: string, then: string): string[] {
  return [server, purpose, tries, then, key, paidBy, harms];
}

function refilling({ capacity, interval }: RateLimit): [string, string] {
  return [capacity.toLocaleString("en"), duration(interval)];
}

function guessing({ free, most, ofNetwork }: GuessLimit): [string, string] {
  if (free === most) return [`${most} in a row`, "none until a new password is chosen"];
  const ofAll = ofNetwork ? `; of a network ${inARow(ofNetwork)}` : "";
  return [`${inARow({ free, most })}${ofAll}`, "wait that grows: 30 s, 1 minute, … 1 hour"];
}

function inARow({ free, most }: Pick<GuessLimit, "free" | "most">): string {
  return `${free} in a row${most === unlimited ? "" : `, ${most} at most`}`;
}

function duration(seconds: number): string {
  const units = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ] as const;
  const unit = units.find(([, length]) => seconds >= length && seconds % length === 0);
  if (unit === undefined) return seconds < 1 ? `${seconds * 1000} ms` : `${seconds} s`;
  const count = seconds / unit[1];
  return count === 1 ? unit[0] : `${count} ${unit[0]}s`;
}
