import { randomUUID } from "node:crypto";
import { isEmailAddress } from "@anteroom/shared/wire/email-address";
import { oneLine } from "@anteroom/shared/wire/text";
import { createTransport, type NodemailerError } from "nodemailer";
import { escapeHtml } from "../../html.ts";
import type { Settings } from "../../settings.ts";
import { messageOf } from "../compose/message.ts";
import type { SmtpSettings } from "../settings.ts";
import { createEnvelopes } from "./deliver.ts";
import { connectionOf, problemOf } from "./smtp.ts";

export interface TestMailResult {
  ok: boolean;
  /** `C:` what we said, `S:` what the relay said, `*` what happened, then the verdict and what to change. */
  dialogue: string[];
}

/** Sends one mail by a connection of its own and keeps every line that is said. Throws only for bugs. */
export async function testMail(settings: Settings, address: string): Promise<TestMailResult> {
  const { smtp } = settings;
  if (!isEmailAddress(address)) return { ok: false, dialogue: [`${address} is not an address.`] };
  if (smtp) return sendTestMail(settings, smtp, address);
  const line = `Mails are written to ${settings.emailsDir} and not sent: set BACKEND_SMTP_SEND=true and BACKEND_SMTP_HOST.`;
  return { ok: false, dialogue: [line] };
}

async function sendTestMail(settings: Settings, smtp: SmtpSettings, address: string): Promise<TestMailResult> {
  const { dialogue, logger } = createDialogue();
  const transport = createTransport({ ...connectionOf(settings, smtp), logger, transactionLog: true });
  const due = { id: randomUUID(), type: "test", createdAt: new Date() };
  const message = messageOf(settings, testMailTo(address, settings), due);
  try {
    await transport.sendMail({ ...message, envelope: createEnvelopes(settings, smtp)(address, due.id) });
    if (smtp.auth && !dialogue.some((line) => line.startsWith("C: AUTH")))
      dialogue.push("BACKEND_SMTP_USERNAME was not used: the relay offers no sign-in.");
    dialogue.push(`The relay took the mail. Look into the mailbox of ${address}, and into its spam folder.`);
    return { ok: true, dialogue };
  } catch (error) {
    const { reason, remedy } = problemOf(error as NodemailerError, smtp);
    dialogue.push(`The mail did not get through: ${oneLine(reason)}.`, remedy);
    return { ok: false, dialogue };
  } finally {
    transport.close();
  }
}

function testMailTo(address: string, { siteName, frontendOrigin }: Settings) {
  const line = `This is a test of the mail settings of ${siteName} (${frontendOrigin}). It arrived; there is nothing to do.`;
  return { to: address, subject: `Test mail from ${siteName}`, text: `${line}\n`, html: `<p>${escapeHtml(line)}</p>` };
}

/** Listens to nodemailer's own log. What is said while signing in is left out, whatever the method. */
function createDialogue() {
  const dialogue: string[] = [];
  let isSigningIn = false;

  const client = (line: string) => {
    const isAuth = /^AUTH /i.test(line);
    dialogue.push(isAuth ? `C: ${line.split(" ", 2).join(" ")} (hidden)` : `C: ${isSigningIn ? "(hidden)" : line}`);
    isSigningIn ||= isAuth;
  };
  const server = (text: string) => {
    if (!text.startsWith("334")) isSigningIn = false;
    dialogue.push(...text.split(/\r?\n/).map((line) => `S: ${oneLine(line)}`));
  };
  const note = (entry: { tnx?: string }, text: string, ...values: unknown[]) => {
    const line = values.reduce<string>((filled, value) => filled.replace("%s", String(value)), text);
    if (entry.tnx === "client") client(line);
    else if (entry.tnx === "server") server(line);
    else if (/established|upgraded|bytes encoded/.test(line)) dialogue.push(`* ${line}`);
  };
  const ignore = () => undefined;
  const logger = { level: ignore, trace: note, debug: note, info: note, warn: ignore, error: ignore, fatal: ignore };
  return { dialogue, logger };
}
