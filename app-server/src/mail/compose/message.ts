import { domainOf } from "@anteroom/shared/wire/email-address";
import type { SendMailOptions } from "nodemailer";
import type { Settings } from "../../settings.ts";
import type { DueMail } from "../request.ts";
import type { ComposedMail } from "./compose.ts";

/** What tells a mail from all others. */
type Identity = Pick<DueMail, "id" | "createdAt"> & { type: string };

/** Headers and parts of a mail, as nodemailer takes them. Its identity comes from the row: a repetition is the same mail. */
export function messageOf(settings: Settings, mail: ComposedMail, due: Identity) {
  const { smtp } = settings;
  const site = new URL(settings.frontendOrigin).hostname;
  return {
    from: smtp
      ? { name: smtp.senderName, address: smtp.senderEmail }
      : { name: settings.siteName, address: `anteroom@${site}` },
    // An address object is never parsed for further recipients.
    to: { name: "", address: mail.to },
    ...(smtp?.replyTo ? { replyTo: { name: "", address: smtp.replyTo } } : {}),
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    date: due.createdAt,
    messageId: `<${due.id}@${smtp ? domainOf(smtp.senderEmail) : site}>`,
    headers: { "Auto-Submitted": "auto-generated", ...listHeaders(mail, due.type, site) },
    disableFileAccess: true,
    disableUrlAccess: true,
  } satisfies SendMailOptions;
}

/**
 * For mails that a person may switch off: one click in the mail program does it (RFC 8058), and the List-Id tells kinds
 * of notices apart (RFC 2919).
 */
function listHeaders(mail: ComposedMail, type: string, site: string) {
  if (!mail.unsubscribeUrl) return {};
  return {
    "List-Id": `<${type.replaceAll("_", "-")}.${site}>`,
    "List-Unsubscribe": { prepared: true, value: `<${mail.unsubscribeUrl}>` },
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
  };
}
