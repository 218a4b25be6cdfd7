import { readFileSync, writeFileSync } from "node:fs";
import { renderLimits } from "./limits.ts";
import { renderPolicy } from "./policy.ts";
import { renderStates } from "./states.ts";

/** `npm run tables` prints the tables of the code into the documents; a test looks whether they are there. */

export const printed = [
  { what: "limits", document: "security.md", render: renderLimits },
  { what: "policy", document: "configuration.md", render: renderPolicy },
  { what: "states", document: "signup-flow.md", render: renderStates },
];

type Printed = (typeof printed)[number];

/** The document with its table as the code has it now. */
export function withTable(text: string, { what, document, render }: Printed): string {
  const [start, end] = [`<!-- ${what}: npm run tables -->`, `<!-- end of ${what} -->`];
  const [before, rest] = text.split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`docs/${document} lacks ${start} or ${end}.`);
  return `${before}${start}\n\n${render()}\n\n${end}${after}`;
}

export function fileOf({ document }: Printed): URL {
  return new URL(`../../../docs/${document}`, import.meta.url);
}

if (import.meta.main)
  for (const one of printed) writeFileSync(fileOf(one), withTable(readFileSync(fileOf(one), "utf8"), one));
