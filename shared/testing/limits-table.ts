import { readFileSync, writeFileSync } from "node:fs";
import { guessLimits as appGuessLimits, limits as appLimits } from "../../app-server/src/limits.ts";
import { limits as authLimits, guessLimits } from "../../auth-server/src/limits.ts";
import { type GuessLimit, unlimited } from "../runtime/guesses.ts";
import type { LimitDescription, RateLimit } from "../runtime/rate-limits.ts";

/** `npm run limits` puts the servers' tables of limits into docs/security.md; a test looks whether they are there. */

export const securityDoc = new URL("../../docs/security.md", import.meta.url);

const [start, end] = ["<!-- limits: npm run limits -->", "<!-- end of limits -->"];

/** The document with the tables as the code has them now. */
export function withLimits(text: string): string {
  const [before, rest] = text.split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`docs/security.md lacks ${start} or ${end}.`);
  return `${before}${start}\n\n${renderLimits()}\n${end}${after}`;
}

function renderLimits(): string {
  return [
    "| server | what | tries | then one per | counted by | paid by | who could be harmed |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...Object.values<GuessLimit>(guessLimits).map((limit) => row("auth", limit, ...guessing(limit))),
    ...Object.values<RateLimit>(authLimits).map((limit) => row("auth", limit, ...refilling(limit))),
    ...Object.values<GuessLimit>(appGuessLimits).map((limit) => row("app", limit, ...guessing(limit))),
    ...Object.values<RateLimit>(appLimits).map((limit) => row("app", limit, ...refilling(limit))),
    "",
  ].join("\n");
}

function row(server: string, { purpose, key, paidBy, harms }: LimitDescription, tries: string, then: string): string {
  return `| ${[server, purpose, tries, then, key, paidBy, harms].join(" | ")} |`;
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

if (import.meta.main) writeFileSync(securityDoc, withLimits(readFileSync(securityDoc, "utf8")));
