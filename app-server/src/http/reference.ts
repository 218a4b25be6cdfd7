import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Hono } from "hono";

/** Everything comes from here, and the page runs nothing that is not a file of its own. The viewer draws arrows as `data:`. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const html = "text/html; charset=utf-8";
const css = "text/css; charset=utf-8";
const js = "text/javascript; charset=utf-8";

const own = (name: string) => new URL(`./reference/${name}`, import.meta.url);

/** By the path behind `/docs`. */
const files: Record<string, { file: string | URL; type: string }> = {
  "": { file: own("index.html"), type: html },
  "/reference.css": { file: own("reference.css"), type: css },
  "/reference.js": { file: own("reference.js"), type: js },
  "/swagger-ui.css": { file: import.meta.resolve("swagger-ui-dist/swagger-ui.css"), type: css },
  "/swagger-ui-bundle.js": { file: import.meta.resolve("swagger-ui-dist/swagger-ui-bundle.js"), type: js },
};

/** `/docs`: `/openapi.json` for people to read, by Swagger UI. Read from the disk each time: few come here, and seldom. */
export function createReference(): Hono {
  const app = new Hono();
  for (const [path, { file, type }] of Object.entries(files))
    app.get(`/docs${path}`, async (http) => {
      const content = await readFile(fileURLToPath(file));
      return http.body(new Uint8Array(content), 200, {
        "content-type": type,
        "content-security-policy": policy,
        "cache-control": "no-cache",
      });
    });
  return app;
}
