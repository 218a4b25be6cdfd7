/**
 * Everything that an operator may switch about registration, accounts and their mails, as one table: what can be read of it
 * (`settings.ts`), what presets may put in place of its defaults (`presets.ts`) and what docs/configuration.md says follow
 * from here. Values stand here as operators write them.
 */

type Kind =
  | { type: "choice"; choices: readonly string[]; default: string }
  | { type: "flag"; default: "on" | "off" }
  | { type: "duration"; default: Duration; atLeast?: Duration }
  | { type: "text" | "list"; default: "" };

/**
 * `here`: the rules read it from the policy. `elsewhere`: it has a reader of its own, which knows no presets. `nowhere`: it
 * is refused when it is given, but for its default where that is how things are today (`takes`).
 */
type Obedience =
  | { obeyed: "here" }
  | { obeyed: "elsewhere"; readBy: string }
  | { obeyed: "nowhere"; takes: "default" | "nothing"; today: string };

/** `name` is the variable's, `decides` a phrase for the documentation. */
export type Switch = { name: string; decides: string } & Kind & Obedience;

export type Duration = `${number}${"s" | "m" | "h" | "d"}`;

export const switches = {
  registrationTtl: {
    name: "BACKEND_REGISTRATION_TTL",
    type: "duration",
    default: "14d",
    decides: "how long a registration waits for a decision, and an approved one for its owner",
    obeyed: "here",
  },
  retention: {
    name: "BACKEND_RETENTION",
    type: "duration",
    default: "30d",
    decides: "how long rejected, withdrawn and expired registrations are kept for administrators to see",
    obeyed: "here",
  },
  logRetention: {
    name: "BACKEND_LOG_RETENTION",
    type: "duration",
    default: "365d",
    atLeast: "90d",
    decides:
      "how long the log of decisions is kept; less than 90 days counts as 90, for the database refuses to delete what is younger",
    obeyed: "here",
  },
  rejectCooldown: {
    name: "BACKEND_REJECT_COOLDOWN",
    type: "duration",
    default: "7d",
    decides: "how long after a rejection a new request for the address changes nothing",
    obeyed: "here",
  },
  approvalHold: {
    name: "BACKEND_APPROVAL_HOLD",
    type: "duration",
    default: "8s",
    decides: "how long an approval on the administration's page is held back, and can be undone; `0s` approves at once",
    obeyed: "here",
  },
  decisionMail: {
    name: "BACKEND_DECISION_MAIL",
    type: "flag",
    default: "on",
    decides: "whether a rejected person is told by mail",
    obeyed: "here",
  },
  duplicateReply: {
    name: "BACKEND_DUPLICATE_REPLY",
    type: "choice",
    choices: ["neutral", "dodeka_400"],
    default: "neutral",
    decides: "`neutral` tells nobody whether an address is known; `dodeka_400` says it, as the Dodeka backend did",
    obeyed: "here",
  },
  message: {
    name: "BACKEND_MESSAGE",
    type: "choice",
    choices: ["off", "optional", "required"],
    default: "off",
    decides:
      "whether people may, or must, write a message to those who decide: up to 2000 characters, shown in the queue",
    obeyed: "here",
  },
  messageQuestion: {
    name: "BACKEND_MESSAGE_QUESTION",
    type: "text",
    default: "",
    decides: "what they are asked for with it, on the page that registers; else why they want to join",
    obeyed: "here",
  },
  permissionTtl: {
    name: "BACKEND_PERMISSION_TTL",
    type: "duration",
    default: "365d",
    decides: "how long the permission `member` lasts; `admin` never lapses",
    obeyed: "here",
  },
  emailVerifyTtl: {
    name: "BACKEND_EMAIL_VERIFY_TTL",
    type: "duration",
    default: "20m",
    decides: "how long the link works that confirms a new address",
    obeyed: "here",
  },
  setupLinkTtl: {
    name: "BACKEND_SETUP_LINK_TTL",
    type: "duration",
    default: "1h",
    decides: "how long a link for the first administrator works",
    obeyed: "here",
  },

  signupTtl: {
    name: "AUTH_SIGNUP_EXPIRATION",
    type: "duration",
    default: "24h",
    decides: "how long a sign-up and its code live",
    obeyed: "elsewhere",
    readBy: "auth-server",
  },
  resetTtl: {
    name: "AUTH_USER_PASSWORD_RESET_EXPIRATION",
    type: "duration",
    default: "20m",
    decides: "how long the link works that leads to a new password",
    obeyed: "elsewhere",
    readBy: "auth-server",
  },
  sessionExpiration: {
    name: "AUTH_SESSION_EXPIRATION",
    type: "duration",
    default: "30d",
    decides: "when a session ends",
    obeyed: "elsewhere",
    readBy: "auth-server",
  },
  sessionInactivity: {
    name: "AUTH_SESSION_INACTIVITY",
    type: "duration",
    default: "14d",
    decides: "when a session ends that nobody uses",
    obeyed: "elsewhere",
    readBy: "auth-server",
  },
  inbound: {
    name: "BACKEND_INBOUND",
    type: "flag",
    default: "off",
    decides: "whether this server takes mails: today those that come back, not people's",
    obeyed: "elsewhere",
    readBy: "Mail",
  },
  testMode: {
    name: "TEST_MODE",
    type: "flag",
    default: "off",
    decides: "whether there are commands that move the clock and erase everything",
    obeyed: "elsewhere",
    readBy: "Both servers",
  },

  mode: {
    name: "BACKEND_MODE",
    type: "choice",
    choices: ["approval", "open", "invite", "closed"],
    default: "approval",
    decides: "who may sign up: whom an administrator approves, everybody, who is invited, nobody",
    obeyed: "nowhere",
    takes: "default",
    today: "every request waits for an administrator",
  },
  verifyOrder: {
    name: "BACKEND_VERIFY_ORDER",
    type: "choice",
    choices: ["approve_first", "verify_first"],
    default: "approve_first",
    decides: "whether the approval or the proof of the address comes first",
    obeyed: "nowhere",
    takes: "default",
    today: "the address is proven after the approval",
  },
  approveUnverified: {
    name: "BACKEND_APPROVE_UNVERIFIED",
    type: "flag",
    default: "off",
    decides: "with `verify_first`, whether an administrator may approve before the address is proven",
    obeyed: "nowhere",
    takes: "default",
    today: "there is no `verify_first`",
  },
  passwordStep: {
    name: "BACKEND_PASSWORD_STEP",
    type: "choice",
    choices: ["after_verify", "form"],
    default: "after_verify",
    decides: "whether the password is chosen when the address is proven, or in the form that signs up",
    obeyed: "nowhere",
    takes: "default",
    today: "the password is chosen when the address is proven",
  },
  linkStyle: {
    name: "BACKEND_LINK_STYLE",
    type: "choice",
    choices: ["token_code", "pair"],
    default: "token_code",
    decides: "whether mailed links carry a token and a code, or the person and one text made of both",
    obeyed: "nowhere",
    takes: "default",
    today: "links carry a token and a code",
  },
  confirmOnGet: {
    name: "BACKEND_CONFIRM_ON_GET",
    type: "flag",
    default: "off",
    decides: "whether opening the link proves the address, without a button",
    obeyed: "nowhere",
    takes: "default",
    today: "opening a link changes nothing",
  },
  loginIdentifier: {
    name: "BACKEND_LOGIN_IDENTIFIER",
    type: "choice",
    choices: ["email", "username", "either"],
    default: "email",
    decides: "what people sign in with",
    obeyed: "nowhere",
    takes: "default",
    today: "people sign in with their address",
  },
  username: {
    name: "BACKEND_USERNAME",
    type: "choice",
    choices: ["off", "optional", "required"],
    default: "off",
    decides: "whether accounts have a name to sign in with",
    obeyed: "nowhere",
    takes: "default",
    today: "accounts have no such name",
  },
  names: {
    name: "BACKEND_NAMES",
    type: "flag",
    default: "on",
    decides: "whether people are asked for first and last name",
    obeyed: "nowhere",
    takes: "default",
    today: "everybody is asked for both",
  },
  captcha: {
    name: "BACKEND_CAPTCHA",
    type: "choice",
    choices: ["off", "signup", "confirm"],
    default: "off",
    decides: "where a captcha has to be solved",
    obeyed: "nowhere",
    takes: "default",
    today: "there is no captcha",
  },
  termsVersion: {
    name: "BACKEND_TERMS_VERSION",
    type: "text",
    default: "",
    decides: "the terms that people have to accept, anew when this changes",
    obeyed: "nowhere",
    takes: "nothing",
    today: "nobody is asked to accept terms",
  },
  passwordChange: {
    name: "BACKEND_PASSWORD_CHANGE",
    type: "choice",
    choices: ["both", "link_only", "old_password_only"],
    default: "both",
    decides: "how a password is changed: by a mailed link, by the old password",
    obeyed: "nowhere",
    takes: "default",
    today: "both ways are open",
  },
  afterSignup: {
    name: "BACKEND_AFTER_SIGNUP",
    type: "choice",
    choices: ["session", "login_page"],
    default: "session",
    decides: "whether the end of the sign-up signs in",
    obeyed: "nowhere",
    takes: "default",
    today: "the end of the sign-up signs in",
  },
  afterReset: {
    name: "BACKEND_AFTER_RESET",
    type: "choice",
    choices: ["login_page", "session"],
    default: "login_page",
    decides: "whether a new password signs in",
    obeyed: "nowhere",
    takes: "default",
    today: "a new password ends every session and opens none",
  },
  notice: {
    name: "BACKEND_NOTICE",
    type: "choice",
    choices: ["if_logged_in", "always"],
    default: "if_logged_in",
    decides: "whether changes of an account are told by mail to who has never signed in, too",
    obeyed: "nowhere",
    takes: "default",
    today: "whoever has an account has signed in once, and is told",
  },
  signinNotice: {
    name: "BACKEND_SIGNIN_NOTICE",
    type: "flag",
    default: "on",
    decides: "whether sign-ins are told by mail",
    obeyed: "nowhere",
    takes: "default",
    today: "they are, and each person may switch that off",
  },
  notifyApprovers: {
    name: "BACKEND_NOTIFY_APPROVERS",
    type: "choice",
    choices: ["digest", "each", "off"],
    default: "digest",
    decides:
      "how administrators are told of who waits: by at most one email an hour that lists them, by one for each request, or only those who switched it on",
    obeyed: "here",
  },
  inviteDomains: {
    name: "BACKEND_INVITE_DOMAINS",
    type: "list",
    default: "",
    decides: "the domains whose addresses may be invited",
    obeyed: "nowhere",
    takes: "nothing",
    today: "there are no invitations",
  },
  inviteTtl: {
    name: "BACKEND_INVITE_TTL",
    type: "duration",
    default: "7d",
    decides: "how long an invitation works",
    obeyed: "nowhere",
    takes: "nothing",
    today: "there are no invitations",
  },
  tryTtl: {
    name: "BACKEND_TRY_TTL",
    type: "duration",
    default: "1h",
    decides: "how long an address works to which people write to sign up",
    obeyed: "nowhere",
    takes: "nothing",
    today: "nobody signs up by writing a mail",
  },
  keepAsDelegate: {
    name: "BACKEND_KEEP_AS_DELEGATE",
    type: "flag",
    default: "off",
    decides: "whether who hands an entity over may still change it",
    obeyed: "nowhere",
    takes: "default",
    today: "there are no entities",
  },
  autoApprovalFallback: {
    name: "BACKEND_AUTO_APPROVAL_FALLBACK",
    type: "flag",
    default: "off",
    decides: "whether `open` becomes `approval` when no administrator was there for a week",
    obeyed: "nowhere",
    takes: "default",
    today: "there is no `open`",
  },
  onlineSuppress: {
    name: "BACKEND_ONLINE_SUPPRESS",
    type: "flag",
    default: "on",
    decides: "whether mails about what others do are left out while their reader is there",
    obeyed: "nowhere",
    takes: "nothing",
    today: "there are no mails about what others do",
  },
  notifyDelay: {
    name: "BACKEND_NOTIFY_DELAY",
    type: "duration",
    default: "2m",
    decides: "how long mails about what others do wait, in case it is undone",
    obeyed: "nowhere",
    takes: "nothing",
    today: "there are no mails about what others do",
  },
  sessionCache: {
    name: "BACKEND_SESSION_CACHE",
    type: "duration",
    default: "0s",
    decides: "how long this server trusts what the auth server said of a session",
    obeyed: "nowhere",
    takes: "default",
    today: "the auth server is asked every time",
  },
} as const satisfies Record<string, Switch>;

export type SwitchName = keyof typeof switches;

/** The switches that rules can read. */
export type ObeyedName = {
  [Name in SwitchName]: (typeof switches)[Name]["obeyed"] extends "here" ? Name : never;
}[SwitchName];

type Row<Name extends SwitchName> = (typeof switches)[Name];

/** What operators and presets may write. */
export type TextOf<Name extends SwitchName> =
  Row<Name> extends { choices: readonly (infer Choice)[] }
    ? Choice
    : Row<Name> extends { type: "flag" }
      ? "on" | "off"
      : Row<Name> extends { type: "duration" }
        ? Duration
        : string;

/** What rules read: durations are seconds. */
export type ValueOf<Name extends SwitchName> =
  Row<Name> extends { choices: readonly (infer Choice)[] }
    ? Choice
    : Row<Name> extends { type: "flag" }
      ? boolean
      : Row<Name> extends { type: "duration" }
        ? number
        : Row<Name> extends { type: "list" }
          ? readonly string[]
          : string;
