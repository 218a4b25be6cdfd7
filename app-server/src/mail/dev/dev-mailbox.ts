import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isLoopback } from "@anteroom/shared/runtime/settings";
import type { Context } from "hono";
import { Hono } from "hono";
import type { MiddlewareHandler } from "hono/types";
import { answerRefusal } from "../../http/errors.ts";
import { refusalOf } from "../../outcome.ts";
import type { Settings } from "../../settings.ts";
import { type MailType, mailTypes } from "../kinds.ts";

/** A mail in the folder of those that were not sent. */
interface WrittenMail {
  /** The name of its files without the ending; begins with the time it was caused. */
  id: string;
  type: MailType;
  /** ISO 8601. */
  at: string;
  to: string;
  subject: string;
  code?: string;
  link?: string;
  text: string;
}

/** Newer ones are shown; all are files. */
const shownMails = 500;

const assets = {
  "/": { file: "index.html", type: "text/html; charset=utf-8" },
  "/mailbox.css": { file: "mailbox.css", type: "text/css; charset=utf-8" },
  "/mailbox.js": { file: "mailbox.js", type: "text/javascript; charset=utf-8" },
  "/icon.svg": { file: "icon.svg", type: "image/svg+xml" },
} as const;

/** How a mail is looked at: its file, and as what that is served. The source is a text, so that nothing downloads it. */
const views = {
  html: { ending: "html", type: "text/html; charset=utf-8" },
  text: { ending: "txt", type: "text/plain; charset=utf-8" },
  source: { ending: "eml", type: "text/plain; charset=utf-8" },
} as const;

const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A mail styles itself; it runs nothing, fetches nothing and reads nothing, and its links open pages of their own. */
const mailPolicy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "img-src data:",
  "form-action 'none'",
  "frame-ancestors 'self'",
  "sandbox allow-popups allow-popups-to-escape-sandbox",
].join("; ");

/**
 * The mailbox for development: what was written to files instead of being sent, as a page. For whoever sits at this
 * machine, because it shows everybody's codes; see `settings.devMailbox` for when it is there at all.
 */
export function createDevMailbox(settings: Pick<Settings, "emailsDir" | "siteName">): Hono {
  const app = new Hono();
  const folder = resolve(settings.emailsDir);
  const readMails = createReader(folder);
  app.use(onlyThisMachine);
  for (const [path, asset] of Object.entries(assets)) app.get(path, (http) => answerAsset(http, asset));
  app.get("/mails", async (http) => {
    const query = (http.req.query("q") ?? "").trim().toLowerCase().slice(0, 200);
    const mails = (await readMails()).filter((mail) => matches(mail, query));
    const version = `"${createHash("sha256")
      .update(JSON.stringify([query, mails]))
      .digest("base64url")}"`;
    http.header("ETag", version);
    if (http.req.header("if-none-match") === version) return http.body(null, 304);
    return http.json({ site: settings.siteName, folder, mails: mails.map(toListed) });
  });
  app.get("/mails/:id/:view", (http) => answerView(http, folder));
  return app;
}

/**
 * A foreign page cannot read what is on this machine, unless its own name is made to lead here (DNS rebinding): then
 * the browser asks for that name.
 */
const onlyThisMachine: MiddlewareHandler = async (http, next) => {
  const url = URL.parse(`http://${http.req.header("host") ?? ""}`);
  if (!url || !isLoopback(url.hostname.replace(/^\[|\]$/g, "")))
    return answerRefusal(http, refusalOf("invalid_origin/mailbox"));
  http.header("Cross-Origin-Resource-Policy", "same-origin");
  http.header("Cross-Origin-Opener-Policy", "same-origin");
  return next();
};

async function answerAsset(http: Context, { file, type }: (typeof assets)[keyof typeof assets]): Promise<Response> {
  const content = await readFile(fileURLToPath(new URL(`./mailbox/${file}`, import.meta.url)));
  return http.body(new Uint8Array(content), 200, { "content-type": type, "content-security-policy": pagePolicy });
}

async function answerView(http: Context, folder: string): Promise<Response> {
  const view = http.req.param("view") ?? "";
  if (!Object.hasOwn(views, view)) return answerRefusal(http, refusalOf("not_found"));
  const { ending, type } = views[view as keyof typeof views];
  const name = `${http.req.param("id")}.${ending}`;
  // Only what is in the folder by this very name: nothing that is asked for becomes a path.
  if (!idOf(name, ending) || !(await listFiles(folder)).includes(name))
    return answerRefusal(http, refusalOf("not_found"));
  const content = await readFile(join(folder, name), "utf8");
  const shown = view === "html" ? openLinksOutside(content) : view === "text" ? parseMail(content).text : content;
  return http.body(shown, 200, { "content-type": type, "content-security-policy": mailPolicy });
}

function openLinksOutside(html: string): string {
  return html.replace(/<head[^>]*>/i, '$&<base target="_blank">');
}

/** Keeps what it has read, because written mails do not change. */
function createReader(folder: string): () => Promise<WrittenMail[]> {
  let known = new Map<string, WrittenMail>();
  return async () => {
    // The text is written last: where it is, the other files are too.
    const ids = (await listFiles(folder)).flatMap((name) => idOf(name, "txt") ?? []);
    const newest = ids.sort().reverse().slice(0, shownMails);
    const mails = await Promise.all(newest.map(async (id) => known.get(id) ?? readMail(folder, id)));
    const there = mails.filter((mail) => mail !== undefined);
    known = new Map(there.map((mail) => [mail.id, mail]));
    return there;
  };
}

async function listFiles(folder: string): Promise<string[]> {
  // The folder comes with the first mail.
  return readdir(folder).catch(() => []);
}

const stampForm = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)_(\d{3})\d{3}_/;

/** `YYYYmmdd_HHMMSS_ffffff_{type}_{address}` and the ending. */
function idOf(name: string, ending: string): string | undefined {
  const id = name.slice(0, -ending.length - 1);
  return name === `${id}.${ending}` && stampForm.test(id) && /^[\w+-]+$/.test(id) && typeOf(id) ? id : undefined;
}

function typeOf(id: string): MailType | undefined {
  const rest = id.replace(stampForm, "");
  return mailTypes.find((type) => rest.startsWith(`${type}_`));
}

async function readMail(folder: string, id: string): Promise<WrittenMail | undefined> {
  const type = typeOf(id);
  const content = await readFile(join(folder, `${id}.txt`), "utf8").catch(() => undefined);
  // Deleted between two looks.
  if (content === undefined || !type) return undefined;
  const at = id.replace(new RegExp(`${stampForm.source}.*$`), "$1-$2-$3T$4:$5:$6.$7Z");
  return { id, type, at, ...parseMail(content) };
}

/** Header lines, a rule, the text. */
function parseMail(content: string) {
  const [head = "", ...parts] = content.split(/^-{72}$/m);
  const header = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(head)?.[1];
  const code = header("Code");
  const link = header("Link");
  return {
    to: header("To") ?? "",
    subject: header("Subject") ?? "",
    ...(code ? { code } : {}),
    ...(link && /^https?:/.test(link) ? { link } : {}),
    text: parts.join("-".repeat(72)).trim(),
  };
}

/** Every word must be somewhere in the mail. */
function matches({ type, to, subject, code = "", text }: WrittenMail, query: string): boolean {
  const content = [type.replaceAll("_", " "), to, subject, code, text].join("\n").toLowerCase();
  return query.split(/\s+/).every((word) => content.includes(word));
}

/** The list shows how a mail begins, after its salutation. */
function toListed({ text, ...mail }: WrittenMail) {
  const preview = text
    .replace(/^.{0,120},\n/, "")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 140);
  return { ...mail, preview };
}
