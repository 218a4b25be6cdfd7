import {
  createSettingsReader,
  defaultPrivateHost,
  type Environment,
  isLoopback,
  readCommonSettings,
} from "@anteroom/shared/runtime/settings";
import { readPolicy } from "./policy.ts";

export type Settings = ReturnType<typeof readSettings>;

/** Reads BACKEND_* and the shared settings. Throws one SettingsError that names every fault. */
export function readSettings(environment: Environment) {
  const reader = createSettingsReader(environment);
  const common = readCommonSettings(reader, "BACKEND", [12_780, 12_790]);
  const settings = Object.freeze({
    ...common,
    authPrivateUrl: reader.baseUrl("BACKEND_AUTH_PRIVATE_URL", `http://${defaultPrivateHost()}:12771`),
    authServerUrl: reader.baseUrl("BACKEND_AUTH_SERVER_URL", "http://127.0.0.1:12770"),
    /** Longer than the auth server's own calls back take together, so that its answer is not missed. */
    authTimeout: reader.duration("BACKEND_AUTH_TIMEOUT", "20s") * 1000,
    frontendOrigin: reader.origin("BACKEND_FRONTEND_ORIGIN", `http://${common.host}:${common.port}`),
    siteName: reader.text("BACKEND_SITE_NAME", "Anteroom"),
    emailsDir: reader.text("BACKEND_EMAILS_DIR", "emails"),
    mailsPerMinute: reader.integer("BACKEND_MAILS_PER_MINUTE", 2_000, 1, 1_000_000),
    smtp: readSmtp(reader),
    policy: readPolicy(reader),
  });
  reader.finish();
  return settings;
}

function readSmtp(reader: ReturnType<typeof createSettingsReader>) {
  if (!reader.flag("BACKEND_SMTP_SEND", false)) return undefined;
  const smtp = {
    host: reader.required("BACKEND_SMTP_HOST", "the name of the mail relay, or unset BACKEND_SMTP_SEND"),
    port: reader.port("BACKEND_SMTP_PORT", 587),
    username: reader.optionalText("BACKEND_SMTP_USERNAME"),
    password: reader.optionalText("BACKEND_SMTP_PASSWORD"),
    senderEmail: reader.required("BACKEND_SMTP_SENDER_EMAIL", "the address that mails come from"),
    senderName: reader.text("BACKEND_SMTP_SENDER_NAME", "Anteroom"),
    tls: reader.choice("BACKEND_SMTP_TLS", ["starttls", "implicit", "none"], "starttls"),
  };
  if (smtp.tls === "none" && !isLoopback(smtp.host))
    reader.fault("BACKEND_SMTP_TLS is none, which is for relays on this machine: use starttls or implicit.");
  return smtp;
}
