import type { NodemailerError, SMTPPoolOptions } from "nodemailer";
import type { Settings } from "../settings.ts";
import type { SmtpSettings } from "./settings.ts";

/** How the relay is spoken to, for nodemailer. `timeout` covers the whole way to a ready session, then each answer. */
export function connectionOf(settings: Settings, smtp: SmtpSettings) {
  const name = new URL(settings.frontendOrigin).hostname;
  return {
    host: smtp.host,
    port: smtp.port,
    secure: smtp.tls === "implicit",
    requireTLS: smtp.tls === "starttls",
    ignoreTLS: smtp.tls === "none",
    ...(smtp.ca ? { tls: { ca: smtp.ca } } : {}),
    // Relays distrust a greeting without a domain; in a container the machine's own name has none.
    ...(/\.[a-z]/i.test(name) ? { name } : {}),
    ...(smtp.auth ? { auth: { user: smtp.auth.username, pass: smtp.auth.password } } : {}),
    ...(smtp.auth?.method ? { authMethod: smtp.auth.method } : {}),
    ...(smtp.dkim ? { dkim: dkimOf(smtp.dkim) } : {}),
    dnsTimeout: smtp.timeout,
    connectionTimeout: smtp.timeout,
    greetingTimeout: smtp.timeout,
    // A little longer, so that a greeting that does not come is told from an answer that does not.
    socketTimeout: smtp.timeout + 100,
  } satisfies SMTPPoolOptions;
}

/** What RFC 6376, 5.4.1 recommends as far as our mails have it; one-click links count only when they are signed too. */
const signedHeaders = [
  ...["From", "Reply-To", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"],
  ...["MIME-Version", "Content-Type", "Content-Transfer-Encoding"],
  ...["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"],
].join(":");

function dkimOf({ domain, selector, key }: NonNullable<SmtpSettings["dkim"]>) {
  return { domainName: domain, keySelector: selector, privateKey: key, headerFieldNames: signedHeaders };
}

/** Why a mail did not get through. */
export interface SmtpProblem {
  /** One line: the relay's answer, or what happened in our words. */
  reason: string;
  /** What an operator may do about it. */
  remedy: string;
  /** Whether it befell this mail alone or would befall any. */
  concerns: "mail" | "relay";
  /** The same mail would be refused again. */
  isFinal: boolean;
}

/** Answers about the session or the signing in. They come at any step and say nothing about the mail: RFC 4954, 6. */
const sessionCodes = new Set([503, 530, 534, 535, 538]);

export function problemOf(error: NodemailerError, smtp: SmtpSettings): SmtpProblem {
  const kind = kindOf(error);
  const { what, remedy, concerns } = problems[kind];
  const cause = error.response ?? `(${error.originalCode ?? error.timeoutType ?? error.code ?? error.message})`;
  const told = kind === "recipient" || kind === "message" ? cause : `${what}: ${cause}`;
  return {
    reason: told.replaceAll("RELAY", `${smtp.host}:${smtp.port}`),
    remedy,
    concerns,
    isFinal: concerns === "mail" && isFinal(error, kind),
  };
}

function isFinal({ responseCode }: NodemailerError, kind: Kind): boolean {
  if (kind === "unwritable") return true;
  return (kind === "recipient" || kind === "message") && responseCode !== undefined && responseCode >= 500;
}

type Kind = keyof typeof problems;

const problems = {
  unknownName: {
    what: "the name of the relay RELAY cannot be found",
    remedy: "Check BACKEND_SMTP_HOST, and whether this machine can look names up.",
    concerns: "relay",
  },
  unreachable: {
    what: "nothing answers at RELAY",
    remedy: "Check BACKEND_SMTP_HOST and BACKEND_SMTP_PORT, and whether a firewall lets this machine out to it.",
    concerns: "relay",
  },
  silent: {
    what: "RELAY does not get to a greeting in time",
    remedy:
      "Check BACKEND_SMTP_PORT and BACKEND_SMTP_TLS: a relay that waits for TLS (implicit, often port 465) is silent " +
      "towards STARTTLS (often port 587), and firewalls drop port 25. Raise BACKEND_SMTP_TIMEOUT if it is only slow.",
    concerns: "relay",
  },
  greeting: {
    what: "RELAY refuses to talk to us",
    remedy: "Ask whoever runs the relay whether it lets this machine's address in.",
    concerns: "relay",
  },
  noTls: {
    what: "RELAY does not offer STARTTLS",
    remedy: "Set BACKEND_SMTP_TLS=implicit and the port for it (often 465), or have STARTTLS switched on at the relay.",
    concerns: "relay",
  },
  certificate: {
    what: "the certificate of RELAY is not to be trusted",
    remedy:
      "Check that BACKEND_SMTP_HOST is the name in the certificate and that it has not expired. If an authority of your " +
      "own issued it, name that authority's certificate in BACKEND_SMTP_CA_FILE.",
    concerns: "relay",
  },
  tls: {
    what: "no encrypted connection to RELAY comes about",
    remedy: "Check BACKEND_SMTP_TLS against the port: implicit goes with 465, starttls with 587 or 25.",
    concerns: "relay",
  },
  signIn: {
    what: "RELAY does not let us sign in",
    remedy: "Check BACKEND_SMTP_USERNAME and BACKEND_SMTP_PASSWORD; BACKEND_SMTP_AUTH_METHOD chooses another method.",
    concerns: "relay",
  },
  sender: {
    what: "RELAY refuses the sender",
    remedy: "Check BACKEND_SMTP_SENDER_EMAIL and BACKEND_SMTP_RETURN_PATH: the relay must accept mails from them.",
    concerns: "mail",
  },
  recipient: {
    what: "",
    remedy: "The relay does not take mails to this address. If it takes none at all, it may want a signed-in sender.",
    concerns: "mail",
  },
  message: {
    what: "",
    remedy: "The relay took the addresses and refused the mail: look its answer up, often it is about spam or DKIM.",
    concerns: "mail",
  },
  unwritable: {
    what: "no relay could be told this address",
    remedy: "Check the address.",
    concerns: "mail",
  },
  slow: {
    what: "RELAY stopped answering in the middle",
    remedy: "Look at the relay; raise BACKEND_SMTP_TIMEOUT if it is only slow.",
    concerns: "mail",
  },
  dropped: {
    what: "RELAY closed the connection in the middle",
    remedy: "Look at the relay's own log.",
    concerns: "mail",
  },
} as const satisfies Record<string, { what: string; remedy: string; concerns: SmtpProblem["concerns"] }>;

/** The steps of the dialogue whose refusal means something of its own. */
const refusals: Record<string, Kind> = {
  STARTTLS: "noTls",
  "MAIL FROM": "sender",
  "RCPT TO": "recipient",
  DATA: "message",
};

function kindOf(error: NodemailerError): Kind {
  const { code, command = "", responseCode } = error;
  if (code === "EDNS") return "unknownName";
  if (code === "EAUTH" || code === "ENOAUTH" || sessionCodes.has(responseCode ?? 0)) return "signIn";
  if (responseCode) return refusals[command] ?? "greeting";
  if (code === "EENVELOPE" || code === "EMESSAGE") return "unwritable";
  return code === "ETIMEDOUT" || code === "EABORT" ? kindOfWait(error) : kindOfBreak(error);
}

function kindOfWait({ timeoutType }: NodemailerError): Kind {
  return timeoutType === undefined || timeoutType === "SOCKET_TIMEOUT" ? "slow" : "silent";
}

function kindOfBreak({ code, originalCode = "" }: NodemailerError): Kind {
  if (/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/.test(originalCode)) return "unreachable";
  if (/^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS_CERT)/.test(originalCode)) return "certificate";
  if (code === "ETLS" || /^(ERR_SSL|ERR_TLS|EPROTO$)/.test(originalCode)) return "tls";
  return "dropped";
}
