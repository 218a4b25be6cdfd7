import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { type Context, Hono } from "hono";
import { escapeHtml } from "../html.ts";
import type { Settings } from "../settings.ts";

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
  "/admin/mail",
  "/admin/decisions",
  "/admin/overview",
] as const;

const dist = join(import.meta.dirname, "../../web/dist");

/** No script, style or request from anywhere else, and none inside the page itself. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const types: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

interface Asset {
  type: string;
  plain: Buffer;
  br: Buffer;
  gzip: Buffer;
}

interface Pages {
  html: string;
  assets: Map<string, Asset>;
}

/** The built pages, read and compressed when the first one is asked for. */
export function createPages(settings: Settings): Hono {
  const app = new Hono();
  let loading: Promise<Pages> | undefined;
  const load = () => {
    loading ??= loadPages(settings);
    loading.catch(() => {
      loading = undefined;
    });
    return loading;
  };

  const show = async (http: Context, status: 200 | 404) => {
    const pages = await load().catch(() => undefined);
    if (!pages) return http.text("The pages are not built yet: run `npm run build -w app-server`.", 503);
    return http.html(pages.html, status, { "content-security-policy": contentSecurityPolicy });
  };

  for (const path of pagePaths) app.get(path, (http) => show(http, 200));

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
  app.get("*", (http, next) => (http.req.header("accept")?.includes("text/html") ? show(http, 404) : next()));
  return app;
}

async function loadPages({ siteName, language }: Settings): Promise<Pages> {
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
  return { html: configure(html, { site: siteName, language }), assets: new Map(assets) };
}

async function loadAsset(path: string): Promise<Asset> {
  const plain = await readFile(path);
  const [br, zipped] = await Promise.all([
    promisify(brotliCompress)(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    promisify(gzip)(plain),
  ]);
  return { type: types[extensionOf(path)] ?? "application/octet-stream", plain, br, gzip: zipped };
}

/** What the pages need to know before they ask for anything. */
function configure(html: string, configuration: { site: string; language: string }): string {
  const content = escapeHtml(JSON.stringify(configuration));
  return html
    .replace('<meta name="anteroom" content="">', () => `<meta name="anteroom" content="${content}">`)
    .replace("<title>Anteroom</title>", () => `<title>${escapeHtml(configuration.site)}</title>`)
    .replace('<html lang="en">', `<html lang="${configuration.language}">`);
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
