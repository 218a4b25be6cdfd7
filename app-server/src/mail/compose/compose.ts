import { oneLine } from "@anteroom/shared/wire/text";
import type { Credentials } from "../../credentials.ts";
import type { Settings } from "../../settings.ts";
import { choiceOf, mailKinds } from "../kinds.ts";
import { createUnsubscribeLinks } from "../opt-out/unsubscribe.ts";
import type { DueMail } from "../request.ts";
import { cleanValues } from "./template-values.ts";
import {
  builtInFolder,
  createEngines,
  type Engines,
  findMissing,
  fingerprint,
  languageWithTemplates,
  type RenderedMail,
  readTemplates,
  renderMail,
} from "./templates.ts";

/** A mail ready to send. */
export interface ComposedMail {
  to: string;
  subject: string;
  text: string;
  html: string;
  code?: string;
  /** The link of a sign-up, of a new password or a new address. It carries token and code: whoever has it has both. */
  link?: string;
  /** Switches mails of this kind off, without signing in. Only for kinds that may be. */
  unsubscribeUrl?: string;
}

export type Composer = ReturnType<typeof createComposer>;

/**
 * Renders mails from `templates/<type>/<language>.txt` and `.html`, the operator's files before the built-in ones.
 * Everything a value may contain is escaped in HTML, and nothing that breaks a line reaches a header or the text.
 * A template of the operator's that fails or loses the code delays nobody: the built-in one is sent, and `onFault` told.
 */
export function createComposer(
  settings: Settings,
  credentials: Credentials,
  onFault: (fault: string) => void = () => {},
) {
  const builtIn = createEngines(readTemplates(builtInFolder));
  const currentEngines = settings.templatesDir ? followFolder(settings.templatesDir, builtIn, onFault) : () => builtIn;
  const unsubscribeLinks = createUnsubscribeLinks(settings);

  return async function compose(mail: DueMail): Promise<ComposedMail> {
    const codeLink = codeLinkOf(mail);
    const choice = choiceOf(mail.type);
    const unsubscribeUrl =
      mail.userId !== undefined && choice ? unsubscribeLinks.urlOf(mail.userId, choice) : undefined;
    const { page } = mailKinds[mail.type];
    const rendered = render(mail, {
      code: mail.code && oneLine(mail.code, 100),
      codeLink,
      link: codeLink ?? (page && `${settings.frontendOrigin}${page}`),
      recoverLink: `${settings.frontendOrigin}/account/recover`,
      contact: settings.siteLinks.contact ?? settings.smtp?.replyTo,
      privacyUrl: settings.siteLinks.privacy,
      termsUrl: settings.siteLinks.terms,
      unsubscribeUrl,
    });
    return {
      to: addressForHeader(mail.email),
      ...rendered,
      ...(mail.code === undefined ? {} : { code: mail.code }),
      ...(codeLink === undefined ? {} : { link: codeLink }),
      ...(unsubscribeUrl === undefined ? {} : { unsubscribeUrl }),
    };
  };

  function render(mail: DueMail, ours: Record<string, string | undefined>): RenderedMail {
    const engines = currentEngines();
    if (engines !== builtIn) {
      try {
        const { rendered, missing } = renderWith(engines, mail, ours);
        if (!missing) return rendered;
        onFault(`${mail.type}: the templates in BACKEND_TEMPLATES_DIR do not show ${missing}.`);
      } catch (error) {
        onFault(`${mail.type}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return renderWith(builtIn, mail, ours).rendered;
  }

  function renderWith(engines: Engines, mail: DueMail, ours: Record<string, string | undefined>) {
    const language = languageWithTemplates(engines.files, mail.type, mail.language, settings.language);
    const given = { ...mail.values, site: settings.siteName, recipient: mail.email };
    const values = { ...cleanValues(mail.type, given, language), ...ours };
    const rendered = renderMail(engines, { type: mail.type, language }, values);
    return { rendered, missing: findMissing(rendered, mailKinds[mail.type].must, values)[0]?.key };
  }

  /** Links start with the configured origin, whatever host a request was sent to. */
  function codeLinkOf({ code, registrationId, linkId, type }: DueMail): string | undefined {
    const { code: kind } = mailKinds[type];
    const token =
      kind?.opens === "registration"
        ? registrationId !== undefined && credentials.registrationToken(registrationId)
        : linkId !== undefined && credentials.linkToken(linkId);
    if (!kind || code === undefined || !token) return undefined;
    return `${settings.frontendOrigin}${kind.page}${token}&code=${encodeURIComponent(oneLine(code, 100))}`;
  }
}

/**
 * Addresses are checked before they are stored. Should one get here all the same with line breaks, or with a space that
 * nodemailer would fold the header at and no mail program would unfold, it becomes one that no relay takes: taking
 * characters out could make it somebody else's.
 */
function addressForHeader(email: string): string {
  return email.toWellFormed().replace(/\p{Cc}|[^\S ]/gu, "\ufffd");
}

/** Milliseconds between two looks at the operator's folder. */
const lookInterval = 1_000;

/** The built-in templates with the operator's over them, read again when a file has changed. */
function followFolder(folder: string, builtIn: Engines, onFault: (fault: string) => void): () => Engines {
  let engines = builtIn;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let seen = "";
  const look = () => {
    const now = fingerprint(folder);
    if (now !== seen) engines = createEngines({ ...builtIn.files, ...readTemplates(folder) });
    seen = now;
  };
  return () => {
    if (performance.now() - lookedAt < lookInterval) return engines;
    lookedAt = performance.now();
    try {
      look();
    } catch (error) {
      // Files come and go while somebody copies them; what was read last serves until the next look.
      onFault(`BACKEND_TEMPLATES_DIR cannot be read: ${String(error)}`);
    }
    return engines;
  };
}
