import { fileURLToPath } from "node:url";
import { Liquid } from "liquidjs";
import type { Handles } from "../registration/handles.ts";
import type { Settings } from "../settings.ts";
import type { MailRequest } from "./types.ts";

/** A mail ready to send. */
export interface ComposedMail {
  to: string;
  subject: string;
  text: string;
  html: string;
  code?: string;
  link?: string;
}

export type Composer = ReturnType<typeof createComposer>;

/**
 * Renders mails from `templates/<type>/en.txt` and `en.html`; the first line of the text is the subject. Everything a
 * value may contain is escaped in HTML, and nothing that breaks a line reaches a header.
 */
export function createComposer(settings: Settings, handles: Handles) {
  const root = fileURLToPath(new URL("../../templates", import.meta.url));
  const options = { root, cache: true, strictVariables: false, strictFilters: true };
  const textEngine = new Liquid(options);
  const htmlEngine = new Liquid({ ...options, outputEscape: "escape" });

  return async function compose(mail: MailRequest): Promise<ComposedMail> {
    const link = linkOf(mail);
    const values = { ...mail.values, code: mail.code, link, email: mail.email, site: settings.siteName };
    const [textWithSubject, html] = await Promise.all([
      textEngine.renderFile(`${mail.type}/en.txt`, values),
      htmlEngine.renderFile(`${mail.type}/en.html`, values),
    ]);
    const [subject = "", ...lines] = String(textWithSubject).split("\n");
    return {
      to: mail.email,
      subject: subject.replace(/[\p{Cc}\s]+/gu, " ").trim(),
      text: `${lines.join("\n").trim()}\n`,
      html: String(html),
      ...(mail.code === undefined ? {} : { code: mail.code }),
      ...(link === undefined ? {} : { link }),
    };
  };

  /** Links start with the configured origin, whatever host a request was sent to. */
  function linkOf(mail: MailRequest): string | undefined {
    if (mail.registrationId === undefined || mail.code === undefined) return undefined;
    const token = handles.registrationToken(mail.registrationId);
    return `${settings.frontendOrigin}/account/signup?token=${token}&code=${mail.code}`;
  }
}
