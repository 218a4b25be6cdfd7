import { mkdir, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createTransport } from "nodemailer";
import type { Settings } from "../settings.ts";
import type { ComposedMail } from "./compose.ts";
import type { QueuedMail } from "./queue.ts";

/** Takes one composed mail to where mails go. Resolves when it has safely arrived there. */
export type Delivery = (mail: ComposedMail, job: QueuedMail) => Promise<void>;

export function createDelivery(settings: Settings): Delivery {
  return settings.smtp ? deliverBySmtp(settings.smtp) : deliverToFiles(settings);
}

function deliverBySmtp(smtp: NonNullable<Settings["smtp"]>): Delivery {
  const transport = createTransport({
    pool: true,
    host: smtp.host,
    port: smtp.port,
    secure: smtp.tls === "implicit",
    requireTLS: smtp.tls === "starttls",
    ignoreTLS: smtp.tls === "none",
    ...(smtp.auth ? { auth: { user: smtp.auth.username, pass: smtp.auth.password } } : {}),
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 60_000,
    maxMessages: Number.POSITIVE_INFINITY,
  });
  const from = { name: smtp.senderName, address: smtp.senderEmail };
  return async (mail, job) => {
    await transport.sendMail({ ...envelopeOf(mail, job, hostOf(smtp.senderEmail)), from });
  };
}

/** The name comes from the job, so a mail that is delivered twice after a crash is still one set of files. */
function deliverToFiles(settings: Settings): Delivery {
  const folder = resolve(settings.emailsDir);
  const streamTransport = createTransport({ streamTransport: true, buffer: true, newline: "windows" });
  const host = new URL(settings.frontendOrigin).hostname;
  return async (mail, job) => {
    const base = join(folder, fileName(job));
    const message = await streamTransport.sendMail({
      ...envelopeOf(mail, job, host),
      from: { name: settings.siteName, address: `anteroom@${host}` },
    });
    await mkdir(folder, { recursive: true });
    await writeWhole(`${base}.html`, mail.html);
    await writeWhole(`${base}.eml`, message.message as Buffer);
    await writeWhole(`${base}.txt`, asText(mail));
  };
}

function envelopeOf(mail: ComposedMail, job: QueuedMail, host: string) {
  return {
    // An address object is never parsed for further recipients.
    to: { name: "", address: mail.to },
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    date: job.createdAt,
    messageId: `<${job.id}@${host}>`,
    headers: { "Auto-Submitted": "auto-generated" },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function asText(mail: ComposedMail): string {
  const head = [`To: ${mail.to}`, `Subject: ${mail.subject}`];
  if (mail.code) head.push(`Code: ${mail.code}`);
  if (mail.link) head.push(`Link: ${mail.link}`);
  return `${head.join("\n")}\n${"-".repeat(72)}\n${mail.text}`;
}

/** `YYYYmmdd_HHMMSS_ffffff_{type}_{address}`; the microseconds tell mails of one second apart by their job. */
function fileName(job: QueuedMail): string {
  const [day = "", time = ""] = job.createdAt.toISOString().split("T");
  const micros = Number.parseInt(job.id.slice(-4), 16) % 1_000;
  const stamp = `${day.replaceAll("-", "")}_${time.slice(0, 8).replaceAll(":", "")}`;
  const fraction = `${String(job.createdAt.getUTCMilliseconds()).padStart(3, "0")}${String(micros).padStart(3, "0")}`;
  const address = job.email
    .replaceAll("@", "_at_")
    .replaceAll(".", "_")
    .replace(/[^\w+-]/g, "_");
  return `${stamp}_${fraction}_${job.type}_${address}`;
}

/** A reader of the folder never meets half a file. */
async function writeWhole(path: string, content: string | Buffer): Promise<void> {
  const draft = `${path}.part`;
  await writeFile(draft, content);
  await rename(draft, path);
}

function hostOf(address: string): string {
  return address.slice(address.indexOf("@") + 1);
}
