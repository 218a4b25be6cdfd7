import { type SwitchableMailType, switchableMailTypes } from "@anteroom/shared/wire/app/accounts";
import type { EmailType } from "@anteroom/shared/wire/email";
import type { Language } from "@anteroom/shared/wire/languages";
import type { Policy } from "../policy/settings.ts";

/** What templates show of one mail and not of all mails, each with an example for pictures and tests. */
const examples = {
  displayName: "Ada Lovelace",
  firstname: "Charles",
  lastname: "Babbage",
  email: "charles@example.com",
  newEmail: "ada@new.example",
  message: {
    en: "Grace Hopper told me about you. I would like to help with the archive.",
    nl: "Grace Hopper vertelde me over jullie. Ik wil graag met het archief helpen.",
  },
  by: "Grace Hopper",
  waiting: JSON.stringify([
    {
      firstname: "Charles",
      lastname: "Babbage",
      email: "charles@example.com",
      since: "December 24, 2025 09:30",
    },
    { firstname: "", lastname: "", email: "mary@example.com", since: "January 2, 2026 15:04" },
  ] satisfies WaitingPerson[]),
  more: "3",
  waitingSince: "December 24, 2025 09:30",
  timestamp: "January 2, 2026 15:04:05",
  until: "January 3, 2026 15:04",
  reason: {
    en: "We could not find you among this year's members. Write to us when your membership has been paid.",
    nl: "We konden je niet vinden bij de leden van dit jaar. Schrijf ons zodra je contributie is betaald.",
  },
} as const satisfies Record<string, string | Record<Language, string>>;

/** One of a list in a mail, which lies in the queue as JSON. */
export interface WaitingPerson {
  firstname: string;
  lastname: string;
  email: string;
  /** As the auth server says times: `January 2, 2026 15:04`. */
  since: string;
}

export type ValueKey = keyof typeof examples;

export function exampleValues(language: Language): Record<string, string> {
  return Object.fromEntries(
    Object.entries(examples).map(([key, example]) => [key, typeof example === "string" ? example : example[language]]),
  );
}

interface MailKind {
  /** Higher goes first: codes before notices. */
  priority: number;
  /** What both parts of its templates show, or the mail is of no use; of a rejection the reason, when one is given. */
  must: readonly (ValueKey | "code" | "link" | "recoverLink" | "unsubscribeUrl")[];
  /** What may be missing from such a mail, so its templates ask before they show it. */
  may: readonly ValueKey[];
  /** Where its button leads, when nothing secret goes along: `link` in its templates. */
  page?: string;
  /** It carries a code, which people ask and wait for. Only who made it can make a new one. */
  code?: MailedCode;
  /** A person may switch it off; without this it is mandatory. */
  choice?: MailChoice;
  /** It is one choice with this kind, which it takes the place of. */
  chosenWith?: SwitchableMailType;
  /** Only people who hold this permission ever get one. */
  audience?: "admin";
  /** Tells owners what a thief of their account might do. To switch one off takes the password, and is itself told. */
  isSecurityNotice?: true;
}

interface MailedCode {
  /** What it opens: the registration of the address, or what a member asked for here. */
  opens: "registration" | "password_reset" | "email_change";
  /** Where it is opened, up to the token of what it opens; the code follows. */
  page: string;
  example: string;
}

interface MailChoice {
  /** Whether whoever has chosen nothing gets it. */
  unchosen: (policy: ChoicePolicy) => boolean;
  /** When such a mail comes, on the page behind its unsubscribe link: “You get a mail …”. */
  occasion: Readonly<Record<Language, string>>;
}

/** What the operator decides for those who have chosen nothing. */
export type ChoicePolicy = Pick<Policy, "notifyApprovers">;

type Switchable = MailKind & { choice: MailChoice };

/** Every kind of mail. A new one is a record here and a folder of its name in `templates/`. */
const kinds = {
  signup_verification: {
    priority: 10,
    must: ["code", "link"],
    may: ["displayName", "until"],
    code: { opens: "registration", page: "/account/signup?token=", example: "K7PMX2Q9" },
  },
  email_update_verification: {
    priority: 10,
    must: ["code"],
    may: ["displayName"],
    page: "/account",
    code: { opens: "email_change", page: "/account?change=", example: "K7PMX2Q9" },
  },
  password_reset: {
    priority: 10,
    must: ["code"],
    may: ["displayName"],
    page: "/account/recover",
    code: { opens: "password_reset", page: "/account/recover?token=", example: "K7PMX2Q9RTWA" },
  },
  password_locked: {
    priority: 5,
    must: ["link"],
    may: ["displayName"],
    page: "/account/recover",
    isSecurityNotice: true,
  },
  password_updated: {
    priority: 5,
    must: ["recoverLink"],
    may: ["displayName", "timestamp"],
    isSecurityNotice: true,
  },
  email_updated: {
    priority: 5,
    must: ["newEmail"],
    may: ["displayName", "timestamp"],
    isSecurityNotice: true,
  },
  notices_off: {
    priority: 5,
    must: ["recoverLink"],
    may: ["displayName"],
    isSecurityNotice: true,
  },
  reset_link_sent: {
    priority: 3,
    must: ["email", "by"],
    may: ["firstname", "lastname"],
    audience: "admin",
  },
  account_ready: {
    priority: 3,
    must: ["link"],
    may: ["displayName"],
    page: "/account",
  },
  registration_rejected: {
    priority: 3,
    must: ["reason"],
    may: ["displayName"],
  },
  setup_link_used: {
    priority: 3,
    must: ["email", "link"],
    may: ["firstname", "lastname"],
    page: "/admin?show=approved",
    audience: "admin",
  },
  registration_hint: {
    priority: 0,
    must: ["link"],
    may: [],
    page: "/account/login",
  },
  closed_account_hint: {
    priority: 0,
    must: [],
    may: [],
  },
  signin_notification: {
    priority: 0,
    must: ["timestamp", "recoverLink", "unsubscribeUrl"],
    may: ["displayName"],
    choice: {
      unchosen: () => true,
      occasion: { en: "when somebody signs in to your account", nl: "als iemand op je account inlogt" },
    },
    isSecurityNotice: true,
  },
  approval_request: {
    priority: 0,
    must: ["email", "link", "unsubscribeUrl"],
    may: ["firstname", "lastname", "message"],
    page: "/admin",
    choice: {
      unchosen: ({ notifyApprovers }) => notifyApprovers !== "off",
      occasion: {
        en: "when somebody asks for an account and waits for a decision",
        nl: "als iemand een account aanvraagt en op een beslissing wacht",
      },
    },
    audience: "admin",
  },
  approval_digest: {
    priority: 0,
    must: ["waiting", "link", "unsubscribeUrl"],
    may: ["more", "waitingSince"],
    page: "/admin",
    chosenWith: "approval_request",
    audience: "admin",
  },
} as const satisfies Record<EmailType, MailKind> & Record<SwitchableMailType, Switchable> & Record<string, MailKind>;

type Kinds = typeof kinds;

export type MailType = keyof Kinds;

/** What a person may switch is on the wire, too: does this not compile, a new kind with a choice is not named there. */
type Unnamed = {
  [Type in Exclude<MailType, SwitchableMailType>]: Kinds[Type] extends Switchable ? Type : never;
}[Exclude<MailType, SwitchableMailType>];

export const mailKinds: Readonly<Record<MailType, MailKind> & Record<SwitchableMailType, Switchable>> &
  Record<Unnamed, "named"> = kinds;

export const mailTypes = Object.keys(kinds) as MailType[];

export function isSwitchable(type: string): type is SwitchableMailType {
  return switchableMailTypes.some((switchable) => switchable === type);
}

/** Under which name a person switches this kind off, if they may. */
export function choiceOf(type: MailType): SwitchableMailType | undefined {
  return isSwitchable(type) ? type : mailKinds[type].chosenWith;
}

export const codeTypes = mailTypes.filter((type) => mailKinds[type].code !== undefined);
