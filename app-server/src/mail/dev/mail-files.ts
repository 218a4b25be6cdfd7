import { mkdir, rename, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createTransport } from "nodemailer";
import type { Settings } from "../../settings.ts";
import type { ComposedMail } from "../compose/compose.ts";
import { messageOf } from "../compose/message.ts";
import type { DueMail } from "../request.ts";
import type { Delivery } from "../send/deliver.ts";

/**
 * Writes mails to a folder instead of sending them. The name comes from the row, so a mail that is delivered twice after
 * a crash is still one set of files.
 */
export function createFileDelivery(settings: Settings): Delivery {
  const folder = resolve(settings.emailsDir);
  const transport = createTransport({ streamTransport: true, buffer: true, newline: "windows" });
  return {
    deliver: async (mail, due) => {
      const base = join(folder, fileName(due));
      const { message } = await transport.sendMail(messageOf(settings, mail, due));
      const write = async () => {
        await writeWhole(`${base}.html`, mail.html);
        await writeWhole(`${base}.eml`, message as Buffer);
        await writeWhole(`${base}.txt`, asText(mail));
      };
      await write().catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await write();
      });
      return { status: "accepted", reply: `written to ${basename(base)}` };
    },
    close: async () => undefined,
  };
}

function asText(mail: ComposedMail): string {
  const head = [`To: ${mail.to}`, `Subject: ${mail.subject}`];
  if (mail.code) head.push(`Code: ${mail.code}`);
  if (mail.link) head.push(`Link: ${mail.link}`);
  return `${head.join("\n")}\n${"-".repeat(72)}\n${mail.text}`;
}

/** `YYYYmmdd_HHMMSS_ffffff_{type}_{address}`; the microseconds tell mails of one moment apart by their row. */
function fileName(due: DueMail): string {
  const [day = "", time = ""] = due.createdAt.toISOString().split("T");
  const micros = Number.parseInt(due.id.slice(-4), 16) % 1_000;
  const stamp = `${day.replaceAll("-", "")}_${time.slice(0, 8).replaceAll(":", "")}`;
  const fraction = `${String(due.createdAt.getUTCMilliseconds()).padStart(3, "0")}${String(micros).padStart(3, "0")}`;
  const address = due.email
    .replaceAll("@", "_at_")
    .replaceAll(".", "_")
    .replace(/[^\w+-]/g, "_");
  return `${stamp}_${fraction}_${due.type}_${address}`;
}

/** A reader of the folder never meets half a file. They hold codes, so only this server's own user reads them. */
async function writeWhole(path: string, content: string | Buffer): Promise<void> {
  const draft = `${path}.part`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, path);
}
