import { defaultPreset, presetNames, presets } from "../../../app-server/src/policy/presets.ts";
import { possiblePresets } from "../../../app-server/src/policy/settings.ts";
import { type Switch, type SwitchName, switches } from "../../../app-server/src/policy/switches.ts";
import { renderTable } from "./rows.ts";

export function renderPolicy(): string {
  return [
    renderTable(["name", "default", "meaning"], [presetRow, ...rowsOf("here", (one) => [one.decides])]),
    "A preset puts other values in the place of defaults; a variable that is given goes before both. A preset that asks for " +
      "what nothing obeys yet, or for a setting that has its place above, is refused.",
    renderTable(["preset", "values", "possible today"], presetNames.map(describePreset)),
    "Part of the policy, described above, and not reached by presets yet:",
    renderTable(
      ["name", "default", "decides", "described under"],
      rowsOf("elsewhere", (one) => [one.decides, one.readBy]),
    ),
    "Nothing obeys these yet. Giving one stops the start, but for a default in **bold**: it may be given, because things are so.",
    renderTable(
      ["name", "default, and other values", "would decide", "today"],
      rowsOf("nowhere", (one) => [one.decides, one.today]),
    ),
  ].join("\n\n");
}

const presetRow = ["`BACKEND_PRESET`", `\`${defaultPreset}\``, "which of the rows below is in force"];

type Standing = Switch["obeyed"];

function rowsOf<Where extends Standing>(where: Where, rest: (one: Extract<Switch, { obeyed: Where }>) => string[]) {
  return Object.values<Switch>(switches)
    .filter((one): one is Extract<Switch, { obeyed: Where }> => one.obeyed === where)
    .map((one) => [code(one.name), valuesOf(one), ...rest(one)]);
}

function valuesOf(one: Switch): string {
  const named = one.default === "" ? "none" : code(one.default);
  const first = one.obeyed === "nowhere" && one.takes === "default" ? `**${named}**` : named;
  return [first, ...othersOf(one).map(code)].join(", ");
}

function othersOf(one: Switch): string[] {
  return one.type === "choice" ? one.choices.filter((choice) => choice !== one.default) : [];
}

function describePreset(name: keyof typeof presets): string[] {
  const values = Object.entries(presets[name]).map(([key, text]) =>
    code(`${switches[key as SwitchName].name}=${text}`),
  );
  return [
    code(name),
    values.join(", ") || "all defaults: an administrator approves, then the address is proven",
    possiblePresets().includes(name) ? "yes" : "no",
  ];
}

function code(text: string): string {
  return `\`${text}\``;
}
