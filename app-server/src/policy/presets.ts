import type { SwitchName, TextOf } from "./switches.ts";

/** What stands in place of the switches' defaults. */
export type PresetRow = { readonly [Name in SwitchName]?: TextOf<Name> };

/** Ways to run a site, after the five services that this one learnt from. */
export const presets = {
  dodeka: {},
  klink: {
    verifyOrder: "verify_first",
    linkStyle: "pair",
    emailVerifyTtl: "24h",
    notifyApprovers: "each",
  },
  mastodon: {
    mode: "open",
    verifyOrder: "verify_first",
    passwordStep: "form",
    username: "required",
    approveUnverified: "on",
    confirmOnGet: "on",
    notice: "always",
    resetTtl: "6h",
    signupTtl: "2d",
    autoApprovalFallback: "on",
  },
  peer: {
    mode: "open",
    verifyOrder: "verify_first",
    passwordStep: "form",
    username: "required",
    loginIdentifier: "username",
    captcha: "signup",
    // Some terms have to be accepted; whose they are, the operator says.
    termsVersion: "1",
    confirmOnGet: "on",
    signupTtl: "2d",
  },
  paloma: {
    mode: "open",
    verifyOrder: "verify_first",
    passwordStep: "form",
    username: "required",
    loginIdentifier: "either",
    inbound: "on",
    confirmOnGet: "on",
    signupTtl: "2d",
  },
} as const satisfies Record<string, PresetRow>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as PresetName[];

export const defaultPreset: PresetName = "dodeka";
