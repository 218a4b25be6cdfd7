import { readFileSync, writeFileSync } from "node:fs";
import { drawStates } from "../../app-server/src/registration/states.ts";

/** Puts the picture of a registration's states into docs/signup-flow.md; a test looks whether it is there. */

export const signupDoc = new URL("../../docs/signup-flow.md", import.meta.url);

const picture = /```mermaid\nstateDiagram-v2\n[^`]*```/;

/** The document with the picture as the table of states has it now. */
export function withStates(text: string): string {
  if (!picture.test(text)) throw new Error("docs/signup-flow.md has lost its picture of the states.");
  const lines = ["stateDiagram-v2", ...drawStates().map((line) => `    ${line}`)];
  return text.replace(picture, () => ["```mermaid", ...lines, "```"].join("\n"));
}

if (import.meta.main) writeFileSync(signupDoc, withStates(readFileSync(signupDoc, "utf8")));
