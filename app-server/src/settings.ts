import {
  createSettingsReader,
  defaultPrivateHost,
  type Environment,
  isLoopback,
  readCommonSettings,
  type SettingsReader,
} from "@anteroom/shared/runtime/settings";
import { isEmailAddress } from "@anteroom/shared/wire/email-address";
import { readMailSettings } from "./mail/settings.ts";
import { readPolicy } from "./policy/settings.ts";

export type Settings = ReturnType<typeof readSettings>;

/** Reads BACKEND_* and the shared settings. Throws one SettingsError that names every fault. */
export function readSettings(environment: Environment) {
  const reader = createSettingsReader(environment);
  const common = readCommonSettings(reader, "BACKEND", [12_780, 12_790]);
  const mail = readMailSettings(reader);
  const ownOrigin = originOf(common);
  const frontendOrigin = reader.origin("BACKEND_FRONTEND_ORIGIN", ownOrigin);
  const partnerOrigins = reader.origins("BACKEND_TRUSTED_ORIGINS", []);
  const isLocal = [common.host, hostOf(frontendOrigin)].every(isLoopback);
  const settings = Object.freeze({
    ...common,
    authPrivateUrl: reader.baseUrl("BACKEND_AUTH_PRIVATE_URL", `http://${defaultPrivateHost()}:12771`),
    authServerUrl: reader.baseUrl("BACKEND_AUTH_SERVER_URL", "http://127.0.0.1:12770"),
    /** Longer than the auth server's own calls back take together, so that its answer is not missed. */
    authTimeout: reader.duration("BACKEND_AUTH_TIMEOUT", "20s") * 1000,
    frontendOrigin,
    /** Where the built-in pages always work, whosever frontend mailed links lead to. */
    ownOrigin,
    /** Whose pages may call, with cookies too: the frontend's, this server's own and those that are named. */
    trustedOrigins: [frontendOrigin, ownOrigin, ...partnerOrigins],
    /** Where people are led on to from their account; none: they stay here. */
    homeUrl: reader.webUrl("BACKEND_HOME_URL"),
    siteName: reader.text("BACKEND_SITE_NAME", "Anteroom"),
    siteLinks: readSiteLinks(reader),
    ...mail,
    /** Whether written mails are shown as a page. They hold everybody's codes: never where others might see them. */
    devMailbox: reader.optionalText("NODE_ENV") !== "production" && mail.smtp === undefined && isLocal,
    policy: readPolicy(reader),
  });
  if (!isSecure(frontendOrigin) && !common.testMode)
    reader.fault(
      `BACKEND_FRONTEND_ORIGIN is ${frontendOrigin}, where browsers keep no session: give the https address that people use.`,
    );
  for (const origin of common.testMode ? [] : partnerOrigins.filter((origin) => !isSecure(origin)))
    reader.fault(
      `BACKEND_TRUSTED_ORIGINS has ${origin}, whose pages anybody on the way can change: give an https origin.`,
    );
  reader.finish("BACKEND_");
  return settings;
}

export type SiteLinks = ReturnType<typeof readSiteLinks>;

/** What pages and mails link to in their footers, where the operator has it. */
function readSiteLinks(reader: SettingsReader) {
  return {
    contact: readContact(reader),
    privacy: reader.webUrl("BACKEND_PRIVACY_URL"),
    terms: reader.webUrl("BACKEND_TERMS_URL"),
  };
}

function readContact(reader: SettingsReader): string | undefined {
  const text = reader.optionalText("BACKEND_CONTACT");
  if (text === undefined || isEmailAddress(text)) return text;
  if (URL.canParse(text)) return reader.webUrl("BACKEND_CONTACT");
  reader.fault(`BACKEND_CONTACT is ${text}: give an email address, or the https URL of a page.`);
  return undefined;
}

function originOf({ host, port }: { host: string; port: number }): string {
  return new URL(`http://${host.includes(":") ? `[${host}]` : host}:${port}`).origin;
}

/** Whether browsers keep `Secure` cookies for an origin. */
function isSecure(origin: string): boolean {
  return origin.startsWith("https:") || isLoopback(hostOf(origin));
}

function hostOf(origin: string): string {
  return new URL(origin).hostname.replace(/^\[|\]$/g, "");
}
