import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { isLoopback, type SettingsReader } from "@anteroom/shared/runtime/settings";
import { isEmailAddress } from "@anteroom/shared/wire/email-address";
import { languages } from "@anteroom/shared/wire/languages";

export type SmtpSettings = NonNullable<ReturnType<typeof readSmtp>>;

/** Everything about mail that an operator may set. Files named here are read now, so that a wrong one stops the start. */
export function readMailSettings(reader: SettingsReader) {
  return {
    /** For people who have chosen none. */
    language: reader.choice("BACKEND_LANGUAGE", languages, "en"),
    emailsDir: reader.text("BACKEND_EMAILS_DIR", "emails"),
    /** A folder whose templates go before the built-in ones. */
    templatesDir: readFolder(reader, "BACKEND_TEMPLATES_DIR"),
    mailsPerMinute: reader.integer("BACKEND_MAILS_PER_MINUTE", 2_000, 1, 1_000_000),
    mailsPerDomainPerMinute: reader.integer("BACKEND_MAILS_PER_DOMAIN_PER_MINUTE", 600, 1, 1_000_000),
    /** So many mails to an address come back before no more are sent there. */
    bounceLimit: reader.integer("BACKEND_BOUNCE_LIMIT", 3, 1, 1_000),
    /** `off`: this process sends none. `only`: this process serves nobody and only sends. */
    mailWorker: reader.choice("BACKEND_MAIL_WORKER", ["on", "off", "only"], "on"),
    inbound: readInbound(reader),
    smtp: readSmtp(reader),
    /** Milliseconds for the answer to the whole mail: a second copy comes of giving up too early (RFC 5321, 4.5.3.2.6). */
    finalTimeout: readTimeout(reader, "BACKEND_SMTP_FINAL_TIMEOUT", "10m", 720),
  };
}

function readInbound(reader: SettingsReader) {
  return reader.flag("BACKEND_INBOUND", false) ? readListener(reader) : reader.ignore(() => readListener(reader));
}

function readListener(reader: SettingsReader) {
  const domain = reader.required("BACKEND_INBOUND_DOMAIN", "the domain whose MX leads here, or unset BACKEND_INBOUND");
  if (domain && !isEmailAddress(`x@${domain}`))
    reader.fault("BACKEND_INBOUND_DOMAIN is not a domain such as bounces.people.example.");
  return {
    host: reader.text("BACKEND_INBOUND_HOST", "127.0.0.1"),
    port: reader.port("BACKEND_INBOUND_SMTP_PORT", 12_725),
    domain: domain.toLowerCase(),
  };
}

function readSmtp(reader: SettingsReader) {
  return reader.flag("BACKEND_SMTP_SEND", false) ? readRelay(reader) : reader.ignore(() => readRelay(reader));
}

function readRelay(reader: SettingsReader) {
  const smtp = {
    // An address of IPv6 may stand in brackets, as in URLs.
    host: reader
      .required("BACKEND_SMTP_HOST", "the name of the mail relay, or unset BACKEND_SMTP_SEND")
      .replace(/^\[(.*)\]$/, "$1"),
    port: reader.port("BACKEND_SMTP_PORT", 587),
    tls: reader.choice("BACKEND_SMTP_TLS", ["starttls", "implicit", "none"], "starttls"),
    auth: readAuth(reader),
    senderEmail: readSender(reader),
    senderName: reader.text("BACKEND_SMTP_SENDER_NAME", "Anteroom"),
    replyTo: readAddress(reader, "BACKEND_SMTP_REPLY_TO"),
    /** The sender on the envelope where mails have no return path of their own. */
    returnPath: readAddress(reader, "BACKEND_SMTP_RETURN_PATH"),
    /** PEM. The only authorities the relay's certificate may come from. */
    ca: readCertificates(reader),
    /** What we call ourselves in the greeting. */
    ehloName: readEhloName(reader),
    /** Milliseconds to connect, and to the greeting; three times as much to the end of the content. */
    timeout: readTimeout(reader, "BACKEND_SMTP_TIMEOUT", "20s", 60),
    dkim: readDkim(reader),
  };
  if (smtp.tls === "none" && !isLoopback(smtp.host))
    reader.fault("BACKEND_SMTP_TLS is none, which is for relays on this machine: use starttls or implicit.");
  return smtp;
}

function readAuth(reader: SettingsReader) {
  const username = reader.optionalText("BACKEND_SMTP_USERNAME");
  const password = reader.optionalText("BACKEND_SMTP_PASSWORD");
  const methods = ["any", "PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2"] as const;
  const method = reader.choice("BACKEND_SMTP_AUTH_METHOD", methods, "any");
  const oauth = method === "XOAUTH2" ? readOauth(reader) : reader.ignore(() => readOauth(reader));
  if (username === undefined && password === undefined && method === "any") return undefined;
  if (username === undefined)
    reader.fault("BACKEND_SMTP_USERNAME is missing: give it, or unset BACKEND_SMTP_PASSWORD and _AUTH_METHOD.");
  if (password === undefined && !oauth)
    reader.fault("BACKEND_SMTP_PASSWORD is missing: give it, or unset BACKEND_SMTP_USERNAME and _AUTH_METHOD.");
  return {
    username: username ?? "",
    password: password ?? "",
    method: method === "any" || method === "XOAUTH2" ? undefined : method,
    oauth,
  };
}

/** A refresh token, for which the provider gives short-lived ones to sign in with. */
function readOauth(reader: SettingsReader) {
  const why = "as BACKEND_SMTP_AUTH_METHOD is XOAUTH2";
  const accessUrl = reader.required("BACKEND_SMTP_OAUTH_TOKEN_URL", `the URL that gives tokens, ${why}`);
  if (accessUrl && !isSafeUrl(accessUrl)) reader.fault("BACKEND_SMTP_OAUTH_TOKEN_URL is no https URL.");
  return {
    accessUrl,
    clientId: reader.required("BACKEND_SMTP_OAUTH_CLIENT_ID", `it, ${why}`),
    clientSecret: reader.required("BACKEND_SMTP_OAUTH_CLIENT_SECRET", `it, ${why}`),
    refreshToken: reader.required("BACKEND_SMTP_OAUTH_REFRESH_TOKEN", `it, ${why}`),
  };
}

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

function readEhloName(reader: SettingsReader): string | undefined {
  const name = reader.optionalText("BACKEND_SMTP_EHLO_NAME");
  const isFull = name?.includes(".") && isEmailAddress(`x@${name}`);
  if (name !== undefined && !isFull && !/^\[[0-9a-f.:]+\]$/i.test(name))
    reader.fault("BACKEND_SMTP_EHLO_NAME is not a full name such as mail.people.example.");
  return name;
}

function readSender(reader: SettingsReader): string {
  const address = reader.required("BACKEND_SMTP_SENDER_EMAIL", "the address that mails come from");
  if (address && !isEmailAddress(address)) reader.fault("BACKEND_SMTP_SENDER_EMAIL is not an address.");
  return address;
}

function readAddress(reader: SettingsReader, name: string): string | undefined {
  const address = reader.optionalText(name);
  if (address !== undefined && !isEmailAddress(address)) reader.fault(`${name} is not an address.`);
  return address;
}

/** Bounded, so that a mail's turn ends before its worker is taken for dead. */
function readTimeout(reader: SettingsReader, name: string, fallback: string, most: number): number {
  const seconds = reader.duration(name, fallback);
  if (seconds < 1 || seconds > most) reader.fault(`${name} is not between 1s and ${most}s.`);
  return seconds * 1_000;
}

function readCertificates(reader: SettingsReader): string | undefined {
  const pem = readTextFile(reader, "BACKEND_SMTP_CA_FILE");
  if (pem === undefined || isSound(() => new X509Certificate(pem))) return pem;
  reader.fault("BACKEND_SMTP_CA_FILE holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).");
  return undefined;
}

/** All three or none. RFC 8301 forbids RSA keys below 1024 bits; relays still do not read Ed25519. */
function readDkim(reader: SettingsReader) {
  const names = ["BACKEND_SMTP_DKIM_DOMAIN", "BACKEND_SMTP_DKIM_SELECTOR", "BACKEND_SMTP_DKIM_KEY_FILE"] as const;
  const given = names.filter((name) => reader.optionalText(name) !== undefined);
  if (given.length === 0) return undefined;
  const [domain, selector] = names.map((name) => reader.required(name, `it too, as ${given[0]} is given`));
  const key = readTextFile(reader, "BACKEND_SMTP_DKIM_KEY_FILE");
  if (key !== undefined && !isSound(() => checkDkimKey(key)))
    reader.fault("BACKEND_SMTP_DKIM_KEY_FILE holds no RSA private key of 1024 bits or more in PEM form.");
  return { domain: domain ?? "", selector: selector ?? "", key: key ?? "" };
}

function checkDkimKey(pem: string): void {
  const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(pem);
  if (asymmetricKeyType !== "rsa" || (asymmetricKeyDetails?.modulusLength ?? 0) < 1_024) throw new Error("weak key");
}

function readTextFile(reader: SettingsReader, name: string): string | undefined {
  const path = reader.optionalText(name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    reader.fault(`${name} is ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code}).`);
    return undefined;
  }
}

function readFolder(reader: SettingsReader, name: string): string | undefined {
  const path = reader.optionalText(name);
  if (path === undefined) return undefined;
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    reader.fault(`${name} is ${path}, which is no folder.`);
  return resolve(path);
}

function isSound(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
