import { drawStates } from "../../../app-server/src/registration/states.ts";

/** The picture of a registration's states. */
export function renderStates(): string {
  const lines = ["stateDiagram-v2", ...drawStates().map((line) => `    ${line}`)];
  return ["```mermaid", ...lines, "```"].join("\n");
}
