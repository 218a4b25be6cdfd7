import { connect, type Socket } from "node:net";
import { domainToASCII } from "node:url";
import type { NodemailerError, SMTPPoolOptions } from "nodemailer";
import type { Settings } from "../../settings.ts";
import type { SmtpSettings } from "../settings.ts";
import { isDeadAddress, withoutAddresses } from "./verdict.ts";

/** How the relay is spoken to, for nodemailer. `timeout` covers connecting and the greeting. */
export function connectionOf(settings: Settings, smtp: SmtpSettings) {
  return {
    host: smtp.host,
    ...(smtp.host === "localhost" ? { getSocket: connectToLocalhost } : {}),
    port: smtp.port,
    secure: smtp.tls === "implicit",
    requireTLS: smtp.tls === "starttls",
    ignoreTLS: smtp.tls === "none",
    ...(smtp.ca ? { tls: { ca: smtp.ca } } : {}),
    name: smtp.ehloName ?? nameOf(settings, smtp),
    ...(smtp.auth ? { auth: credentialsOf(smtp.auth) } : {}),
    ...(smtp.auth?.method ? { authMethod: smtp.auth.method } : {}),
    ...(smtp.dkim ? { dkim: dkimOf(smtp.dkim) } : {}),
    dnsTimeout: smtp.timeout,
    connectionTimeout: smtp.timeout,
    greetingTimeout: smtp.timeout,
    // The longest silence that any step is allowed; whoever sends a mail ends the others earlier.
    socketTimeout: settings.finalTimeout + 1_000,
  } satisfies SMTPPoolOptions;
}

const own = [
  { address: "127.0.0.1", family: 4 },
  { address: "::1", family: 6 },
];

/** Whatever this machine's tables say, the name is that of both its own addresses (RFC 6761, 6.3). */
function connectToLocalhost(
  { port, connectionTimeout }: SMTPPoolOptions,
  done: (error: Error | null, socket?: { connection: Socket }) => void,
): void {
  const socket = connect({
    host: "localhost",
    port: Number(port),
    autoSelectFamily: true,
    lookup: (_, __, found) => found(null, own),
  });
  socket.setTimeout(connectionTimeout ?? 0, () =>
    socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })),
  );
  const fail = (error: NodeJS.ErrnoException) => {
    // As nodemailer reports what befalls its own connections.
    const code = error.code === "ETIMEDOUT" ? error.code : "ESOCKET";
    done(Object.assign(error, { originalCode: originalCodeOf(error), code }));
  };
  socket.once("error", fail);
  socket.once("connect", () => {
    socket.setTimeout(0);
    socket.off("error", fail);
    done(null, { connection: socket });
  });
}

/** Of the addresses that were tried in vain the first tells. */
function originalCodeOf(error: NodeJS.ErrnoException): string | undefined {
  return error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException).code : error.code;
}

/** Relays distrust a greeting without a domain; in a container the machine's own name has none. */
function nameOf({ frontendOrigin }: Settings, { senderEmail }: SmtpSettings): string {
  const { hostname } = new URL(frontendOrigin);
  return /\.[a-z]/i.test(hostname) ? hostname : domainToASCII(senderEmail.slice(senderEmail.lastIndexOf("@") + 1));
}

function credentialsOf({ username, password, oauth }: NonNullable<SmtpSettings["auth"]>) {
  return oauth ? { type: "OAuth2" as const, user: username, ...oauth } : { user: username, pass: password };
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
  /** Nobody will ever read what is sent to this address. */
  isFinal: boolean;
}

/** Answers about the session or the signing in. They come at any step and say nothing about the mail: RFC 4954, 6. */
const sessionCodes = new Set([503, 530, 534, 535, 538]);

export function problemOf(error: NodemailerError, smtp: SmtpSettings): SmtpProblem {
  const kind = kindOf(error);
  const { what, remedy, concerns } = problems[kind];
  const cause = error.response ?? `(${error.originalCode ?? error.timeoutType ?? error.code ?? error.message})`;
  const told = what === "" ? cause : `${what}: ${cause}`;
  return {
    reason: told.replaceAll("RELAY", `${smtp.host}:${smtp.port}`),
    remedy,
    concerns,
    isFinal: kind === "recipient" || kind === "unwritable",
  };
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
    remedy: "Check the address: the relay says that it does not exist.",
    concerns: "mail",
  },
  wantsTls: {
    what: "",
    remedy:
      "The relay talks only over TLS: set BACKEND_SMTP_TLS=starttls, or implicit with the port for it (often 465).",
    concerns: "relay",
  },
  clientName: {
    what: "",
    remedy:
      "The relay does not like the name we greet it with: set BACKEND_SMTP_EHLO_NAME to a full name such as mail.people.example.",
    concerns: "mail",
  },
  notAllowed: {
    what: "",
    remedy:
      "The relay does not pass on mails of ours: have it let this machine's address in, or sign in with " +
      "BACKEND_SMTP_USERNAME and BACKEND_SMTP_PASSWORD.",
    concerns: "mail",
  },
  message: {
    what: "",
    remedy: "The relay refused the mail, not its address: look its answer up; often it is about limits, spam or DKIM.",
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

function kindOf(error: NodemailerError): Kind {
  const { code, responseCode } = error;
  if (code === "EDNS") return "unknownName";
  if (code === "EAUTH" || code === "ENOAUTH" || code === "EOAUTH2" || sessionCodes.has(responseCode ?? 0))
    return /\btls\b|starttls/i.test(error.response ?? "") ? "wantsTls" : "signIn";
  if (responseCode) return kindOfRefusal(error);
  if (code === "EENVELOPE" || code === "EMESSAGE") return "unwritable";
  return code === "ETIMEDOUT" || code === "EABORT" ? kindOfWait(error) : kindOfBreak(error);
}

/** By the step that was refused first: what stands in an answer to our name is not about anybody's mailbox. */
function kindOfRefusal({ command = "", response = "" }: NodemailerError): Kind {
  if (command === "STARTTLS") return "noTls";
  const words = withoutAddresses(response);
  if (/^(EHLO|HELO|LHLO)/.test(command) || /\b(helo|ehlo)\b/i.test(words))
    return /^421/.test(response) ? "greeting" : "clientName";
  if (command === "MAIL FROM") return "sender";
  if (command !== "RCPT TO" && command !== "DATA") return "greeting";
  if (isDeadAddress(response, command === "RCPT TO")) return "recipient";
  if (/\bsender\b/i.test(words)) return "sender";
  return /\b(relay(ing)?|access denied|not (permitted|allowed)|authenticat\w*)\b/i.test(words)
    ? "notAllowed"
    : "message";
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
