import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { type Context, Hono } from "hono";
import type { PasswordLengths } from "../auth-server/client.ts";
import { createPasswordLengths } from "../auth-server/password-lengths.ts";
import type { AppContext } from "../context.ts";
import { escapeHtml } from "../html.ts";
import type { Settings } from "../settings.ts";
import { headOf, manifestOf, robots, type Site } from "./page-heads.ts";

/** Every address that shows a page. What it shows is decided in the browser. */
export const pagePaths = [
  "/",
  "/setup",
  "/account",
  "/account/register",
  "/account/signup",
  "/account/login",
  "/account/recover",
  "/admin",
  "/admin/people",
  "/admin/people/:id",
  "/admin/mail",
  "/admin/decisions",
  "/admin/overview",
] as const;

export function isPagePath(path: string): boolean {
  return pagePaths.some((page) => page === path || (page.endsWith("/:id") && isBelow(page.slice(0, -3), path)));
}

function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder) && path.length > folder.length && !path.slice(folder.length).includes("/");
}

const dist = join(import.meta.dirname, "../../web/dist");

/** No script, style or request from anywhere else, and none inside the page itself. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const types: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
};

interface Asset {
  type: string;
  plain: Buffer;
  br: Buffer;
  gzip: Buffer;
}

interface Pages {
  /** By their path; what has none is not found. */
  html: (password: PasswordLengths | undefined, path?: string) => string;
  assets: Map<string, Asset>;
}

/** The built pages, read and compressed when the first one is asked for. */
export function createPages(context: AppContext): Hono {
  const { settings } = context;
  const app = new Hono();
  const readPasswordLengths = createPasswordLengths(context);
  let loading: Promise<Pages> | undefined;
  const load = () => {
    loading ??= loadPages(settings);
    loading.catch(() => {
      loading = undefined;
    });
    return loading;
  };

  const show = async (http: Context, path?: string) => {
    const [pages, password] = await Promise.all([load().catch(() => undefined), readPasswordLengths()]);
    if (!pages) return http.text("The pages are not built yet: run `npm run build -w app-server`.", 503);
    return http.html(pages.html(password, path), path === undefined ? 404 : 200, {
      "content-security-policy": contentSecurityPolicy,
    });
  };

  for (const path of pagePaths) app.get(path, (http) => show(http, path));
  tellMachines(app, settings.siteName);

  app.get("/web/:name{.+}", async (http) => {
    const asset = (await load().catch(() => undefined))?.assets.get(http.req.param("name"));
    if (!asset) return http.notFound();
    const accepted = http.req.header("accept-encoding") ?? "";
    const encoding = (["br", "gzip"] as const).find((name) => accepted.includes(name));
    return http.body(new Uint8Array(encoding ? asset[encoding] : asset.plain), 200, {
      "content-type": asset.type,
      ...(encoding ? { "content-encoding": encoding } : {}),
      vary: "Accept-Encoding",
      // Names change with the content, but for the icon's.
      "cache-control": /-[\w-]{8}\./.test(http.req.param("name")) ? "public, max-age=31536000, immutable" : "no-cache",
    });
  });

  // Whoever reads the answer in a browser is told on a page.
  app.get("*", (http, next) => (http.req.header("accept")?.includes("text/html") ? show(http) : next()));
  return app;
}

/** What browsers and search engines ask for at addresses of their own. */
function tellMachines(app: Hono, siteName: string): void {
  const cached = { "cache-control": "public, max-age=3600" };
  app.get("/robots.txt", (http) => http.text(robots, 200, cached));
  app.get("/manifest.webmanifest", (http) =>
    http.json(manifestOf(siteName), 200, { ...cached, "content-type": "application/manifest+json" }),
  );
  // https://www.w3.org/TR/change-password-url/
  app.get("/.well-known/change-password", (http) => http.redirect("/account#password", 302));
}

async function loadPages(settings: Settings): Promise<Pages> {
  const { siteName, siteLinks, devMailbox, language, frontendOrigin, policy, smtp, homeUrl, trustedOrigins } = settings;
  const html = await readFile(join(dist, "index.html"), "utf8");
  const files = (await readdir(dist, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && types[extensionOf(entry.name)],
  );
  const assets = await Promise.all(
    files.map(async ({ parentPath, name }): Promise<[string, Asset]> => {
      const path = join(parentPath, name);
      return [path.slice(dist.length + 1).replaceAll("\\", "/"), await loadAsset(path)];
    }),
  );
  const mails = smtp ? "provider" : "files";
  const site: Site = {
    name: siteName,
    language,
    origin: frontendOrigin,
    mails,
    links: siteLinks,
    mailbox: devMailbox,
    ...messageOf(policy),
    ...(homeUrl ? { home: homeUrl } : {}),
    origins: trustedOrigins,
  };
  return { html: (password, path) => configure(html, { ...site, password }, path), assets: new Map(assets) };
}

async function loadAsset(path: string): Promise<Asset> {
  const plain = await readFile(path);
  const [br, zipped] = await Promise.all([
    promisify(brotliCompress)(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    promisify(gzip)(plain),
  ]);
  return { type: types[extensionOf(path)] ?? "application/octet-stream", plain, br, gzip: zipped };
}

/** Whether the form that registers asks for a message to those who decide, and by which question. */
function messageOf({ message, messageQuestion }: Settings["policy"]) {
  return message === "off" ? {} : { message: { isNeeded: message === "required", question: messageQuestion } };
}

/** What the pages need to know before they ask for anything. */
function configure(html: string, site: Site, path?: string): string {
  const content = escapeHtml(
    JSON.stringify({
      site: site.name,
      language: site.language,
      mails: site.mails,
      links: site.links,
      mailbox: site.mailbox,
      message: site.message,
      password: site.password,
      home: site.home,
      origins: site.origins,
    }),
  );
  return html
    .replace('<meta name="anteroom" content="">', () => `<meta name="anteroom" content="${content}">`)
    .replace("<title>Anteroom</title>", () => headOf(path, site))
    .replace('<html lang="en">', `<html lang="${site.language}">`);
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
