import { parseDuration, parseFlag, type SettingsReader } from "@anteroom/shared/runtime/settings";
import { defaultPreset, type PresetName, type PresetRow, presetNames, presets } from "./presets.ts";
import { type ObeyedName, type Switch, type SwitchName, switches, type ValueOf } from "./switches.ts";

/** What rules may read: a switch that nothing obeys has no place here. */
export type Policy = { readonly preset: PresetName } & Readonly<Values>;

type Values = { [Name in ObeyedName]: ValueOf<Name> };

/** A preset's row replaces defaults, the environment replaces both. */
export function readPolicy(reader: SettingsReader): Policy {
  const preset = reader.choice("BACKEND_PRESET", presetNames, defaultPreset);
  refuseNeeds(reader, preset);
  for (const one of Object.values<Switch>(switches)) refuseUnobeyed(reader, one);
  return { preset, ...readSwitches(reader, presets[preset]) };
}

export function readSwitches(reader: SettingsReader, row: PresetRow): Values {
  const obeyed = Object.entries<Switch>(switches).filter(([, { obeyed }]) => obeyed === "here");
  const values = obeyed.map(([name, one]) => [name, readSwitch(reader, one, row[name as ObeyedName] ?? one.default)]);
  // Each value was read as the type that its row of the table names.
  return Object.fromEntries(values) as Values;
}

function readSwitch(reader: SettingsReader, one: Switch, fallback: string) {
  switch (one.type) {
    case "choice":
      return reader.choice(one.name, one.choices, fallback);
    case "flag":
      return reader.flag(one.name, fallback === "on");
    case "duration":
      return Math.max(reader.duration(one.name, fallback), parseDuration(one.atLeast ?? "0s") ?? 0);
    case "text":
      return reader.text(one.name, fallback);
    case "list":
      return reader.list(one.name, fallback);
  }
}

/** A switch that looks as if it worked would be worse than none. */
function refuseUnobeyed(reader: SettingsReader, one: Switch): void {
  if (one.obeyed !== "nowhere") return;
  const given = reader.optionalText(one.name);
  if (given === undefined || isToday(one, given)) return;
  const remedy = one.takes === "default" ? `Give ${one.default}, or unset it` : "Unset it";
  reader.fault(`${one.name} is ${given}, which nothing obeys yet: ${one.today}. ${remedy}.`);
}

/** A need that the environment names is the environment's. */
function refuseNeeds(reader: SettingsReader, preset: PresetName): void {
  const needs = needsOf(presets[preset]).filter(({ name }) => reader.optionalText(name) === undefined);
  if (needs.length === 0) return;
  const named = needs.map(({ name, text }) => `${name}=${text}`).join(", ");
  reader.fault(
    `BACKEND_PRESET is ${preset}, which needs what no preset can switch yet: ${named}. Possible today: ${possiblePresets().join(", ")}.`,
  );
}

export function possiblePresets(): PresetName[] {
  return presetNames.filter((name) => needsOf(presets[name]).length === 0);
}

/** What a row asks for and would not get. */
function needsOf(row: PresetRow): { name: string; text: string }[] {
  return Object.entries(row).flatMap(([key, text]) => {
    const one: Switch = switches[key as SwitchName];
    return one.obeyed === "here" || isToday(one, text) ? [] : [{ name: one.name, text }];
  });
}

/** Whether things are so although nothing obeys the switch. */
function isToday(one: Switch, text: string): boolean {
  const parse = { flag: parseFlag, duration: parseDuration, choice: String, text: String, list: String }[one.type];
  return one.obeyed === "nowhere" && one.takes === "default" && parse(text) === parse(one.default);
}
