import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSettingsReader, SettingsError } from "@anteroom/shared/runtime/settings";
import { expect, test } from "vitest";
import { type PresetRow, presetNames, presets } from "../src/policy/presets.ts";
import { type Policy, readPolicy, readSwitches } from "../src/policy/settings.ts";
import { type Switch, switches } from "../src/policy/switches.ts";
import { readSettings } from "../src/settings.ts";

const table = Object.values<Switch>(switches);

function faultsOf(environment: Record<string, string>): readonly string[] {
  const sound = {
    BACKEND_DATABASE_URL: "postgres://localhost/app",
    BACKEND_SECRET: randomBytes(32).toString("base64"),
    INTERNAL_SECRET: randomBytes(32).toString("base64"),
  };
  try {
    readSettings({ ...sound, ...environment });
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
}

/** Name, default and the other choices, as the product model has them. */
const productModel = `
  BACKEND_MODE approval open invite closed
  BACKEND_VERIFY_ORDER approve_first verify_first
  BACKEND_APPROVE_UNVERIFIED off
  BACKEND_PASSWORD_STEP after_verify form
  BACKEND_LINK_STYLE token_code pair
  BACKEND_CONFIRM_ON_GET off
  BACKEND_LOGIN_IDENTIFIER email username either
  BACKEND_USERNAME off optional required
  BACKEND_NAMES on
  BACKEND_CAPTCHA off signup confirm
  BACKEND_TERMS_VERSION
  BACKEND_PASSWORD_CHANGE both link_only old_password_only
  BACKEND_AFTER_SIGNUP session login_page
  BACKEND_AFTER_RESET login_page session
  BACKEND_NOTICE if_logged_in always
  BACKEND_SIGNIN_NOTICE on
  BACKEND_DECISION_MAIL on
  BACKEND_NOTIFY_APPROVERS digest each off
  BACKEND_DUPLICATE_REPLY neutral dodeka_400
  BACKEND_INBOUND off
  BACKEND_INVITE_DOMAINS
  BACKEND_KEEP_AS_DELEGATE off
  BACKEND_AUTO_APPROVAL_FALLBACK off
  BACKEND_ONLINE_SUPPRESS on
  TEST_MODE off
  AUTH_SIGNUP_EXPIRATION 24h
  BACKEND_REGISTRATION_TTL 14d
  BACKEND_TRY_TTL 1h
  AUTH_USER_PASSWORD_RESET_EXPIRATION 20m
  BACKEND_EMAIL_VERIFY_TTL 20m
  BACKEND_INVITE_TTL 7d
  AUTH_SESSION_EXPIRATION 30d
  AUTH_SESSION_INACTIVITY 14d
  BACKEND_SESSION_CACHE 0s
  BACKEND_NOTIFY_DELAY 2m
  BACKEND_REJECT_COOLDOWN 7d
  BACKEND_PERMISSION_TTL 365d
`;

const modelled = productModel
  .trim()
  .split("\n")
  .map((line) => line.trim().split(" "));

test.each(modelled)("C5: %s is in the table", (name, ...values) => {
  const one = table.find((candidate) => candidate.name === name);
  expect(one?.default).toBe(values[0] ?? "");
  const choices = one?.type === "choice" ? one.choices : values.slice(0, 1);
  expect([...choices].sort()).toEqual([...values].sort());
});

test("C5: each name stands in the table once, and each default is a value of its switch", () => {
  const names = table.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
  for (const one of table.filter(({ type }) => type === "choice"))
    expect("choices" in one && one.choices, one.name).toContain(one.default);
  const given = Object.fromEntries(
    table.filter(({ obeyed }) => obeyed === "here").map((one) => [one.name, one.default]),
  );
  expect(faultsOf(given)).toEqual([]);
  expect(readPolicy(createSettingsReader(given))).toEqual(readPolicy(createSettingsReader({})));
});

test("C6: every preset is a row, and says what the product model says", () => {
  const passwordFirst = { verifyOrder: "verify_first", passwordStep: "form", username: "required" };
  expect(presets).toEqual({
    dodeka: {},
    klink: { verifyOrder: "verify_first", linkStyle: "pair", emailVerifyTtl: "24h", notifyApprovers: "each" },
    mastodon: {
      ...passwordFirst,
      mode: "open",
      approveUnverified: "on",
      confirmOnGet: "on",
      notice: "always",
      resetTtl: "6h",
      signupTtl: "2d",
      autoApprovalFallback: "on",
    },
    peer: {
      ...passwordFirst,
      mode: "open",
      loginIdentifier: "username",
      captcha: "signup",
      termsVersion: "1",
      confirmOnGet: "on",
      signupTtl: "2d",
    },
    paloma: {
      ...passwordFirst,
      mode: "open",
      loginIdentifier: "either",
      inbound: "on",
      confirmOnGet: "on",
      signupTtl: "2d",
    },
  });
});

test("C5, C6: only known switches, only their values and only obeyed ones pass the types", () => {
  // @ts-expect-error no such switch
  const misspelt: PresetRow = { verifyOrders: "verify_first" };
  // @ts-expect-error no such value
  const wrong: PresetRow = { verifyOrder: "whenever" };
  // @ts-expect-error not a duration
  const timeless: PresetRow = { emailVerifyTtl: "soon" };
  // @ts-expect-error nothing obeys it
  const read = (policy: Policy) => policy.verifyOrder;
  const policy = readPolicy(createSettingsReader({}));
  expect([read(policy), Object.keys(misspelt), wrong.verifyOrder, timeless.emailVerifyTtl]).toEqual([
    undefined,
    ["verifyOrders"],
    "whenever",
    "soon",
  ]);
  const obeyed = Object.entries<Switch>(switches).filter(([, one]) => one.obeyed === "here");
  expect(Object.keys(policy)).toEqual(["preset", ...obeyed.map(([key]) => key)]);
});

test("C6: a preset's row replaces a default, and the environment replaces both", () => {
  expect(readSwitches(createSettingsReader({}), presets.dodeka).emailVerifyTtl).toBe(20 * 60);
  expect(readSwitches(createSettingsReader({}), presets.klink).emailVerifyTtl).toBe(24 * 3600);
  const environment = { BACKEND_EMAIL_VERIFY_TTL: "1h" };
  expect(readSwitches(createSettingsReader(environment), presets.klink).emailVerifyTtl).toBe(3600);
  const others = { duplicateReply: "dodeka_400", decisionMail: "off", logRetention: "1d" } satisfies PresetRow;
  expect(readSwitches(createSettingsReader({ BACKEND_DECISION_MAIL: "on" }), others)).toMatchObject({
    duplicateReply: "dodeka_400",
    decisionMail: true,
    logRetention: 90 * 86_400,
  });
});

test.each(table.filter(({ obeyed }) => obeyed === "nowhere"))(
  "C5: $name is refused while nothing obeys it, but for a default that is true today",
  (one) => {
    if (one.obeyed !== "nowhere") return;
    const other = { choice: "choices" in one ? one.choices.at(-1) : "", flag: one.default === "on" ? "off" : "on" };
    const given = { duration: "3d", text: "x", list: "people.example", ...other }[one.type] ?? "";
    const [fault, ...more] = faultsOf({ [one.name]: given });
    expect(more).toEqual([]);
    expect(fault).toMatch(new RegExp(`^${one.name} is ${given}, which nothing obeys yet: .+\\. .*[Uu]nset it\\.$`));
    expect(fault).toContain(one.today);
    const ofDefault = one.default === "" ? [] : faultsOf({ [one.name]: one.default });
    expect(ofDefault).toHaveLength(one.default === "" || one.takes === "default" ? 0 : 1);
  },
);

test("C5: a refusal names the switch and what is possible today", () => {
  expect(faultsOf({ BACKEND_MODE: "open" })).toEqual([
    "BACKEND_MODE is open, which nothing obeys yet: every request waits for an administrator. Give approval, or unset it.",
  ]);
  expect(faultsOf({ BACKEND_TERMS_VERSION: "2026" })).toEqual([
    "BACKEND_TERMS_VERSION is 2026, which nothing obeys yet: nobody is asked to accept terms. Unset it.",
  ]);
  expect(faultsOf({ BACKEND_CONFIRM_ON_GET: "false" }), "the default in other words").toEqual([]);
});

test("C6: presets that need more than is obeyed are refused, and each need is named", () => {
  expect(faultsOf({ BACKEND_PRESET: "dodeka" })).toEqual([]);
  expect(faultsOf({ BACKEND_PRESET: "klink" })).toEqual([
    "BACKEND_PRESET is klink, which needs what no preset can switch yet: BACKEND_VERIFY_ORDER=verify_first, " +
      "BACKEND_LINK_STYLE=pair. Possible today: dodeka.",
  ]);
  for (const preset of presetNames.filter((name) => name !== "dodeka"))
    expect(faultsOf({ BACKEND_PRESET: preset }), preset).toEqual([
      expect.stringContaining("BACKEND_VERIFY_ORDER=verify_first"),
    ]);
  expect(faultsOf({ BACKEND_PRESET: "mastodon" })[0], "a setting of the other server").toContain(
    "AUTH_SIGNUP_EXPIRATION=2d",
  );
  expect(faultsOf({ BACKEND_PRESET: "faroe" })).toEqual([
    "BACKEND_PRESET is not one of dodeka, klink, mastodon, peer, paloma.",
  ]);
});

test("C6: what the environment asks for is refused as the environment's, not as the preset's", () => {
  const environment = { BACKEND_PRESET: "klink", BACKEND_LINK_STYLE: "token_code", BACKEND_NAMES: "off" };
  expect(faultsOf(environment)).toEqual([
    "BACKEND_PRESET is klink, which needs what no preset can switch yet: BACKEND_VERIFY_ORDER=verify_first. Possible today: dodeka.",
    expect.stringMatching(/^BACKEND_NAMES is off, which nothing obeys yet/),
  ]);
});

test("C5: what has a reader elsewhere is described there", () => {
  const [others = ""] = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8").split(
    "<!-- policy",
  );
  for (const one of table)
    if (one.obeyed === "elsewhere") expect(others, one.name).toMatch(new RegExp(`^\\| .*\`${one.name}\``, "m"));
});
