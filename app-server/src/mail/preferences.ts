import { mailTypes, type SwitchableMailType } from "./types.ts";

/** The kinds of mail that a person may switch on and off. */
export const switchableMailTypes = Object.entries(mailTypes).flatMap(([type, { preference }]) =>
  preference === "mandatory" ? [] : [type as SwitchableMailType],
);

export function isSwitchable(type: string): type is SwitchableMailType {
  return switchableMailTypes.some((switchable) => switchable === type);
}
