import { execFile } from "node:child_process";
import { access, chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A name of this machine that is not `localhost`: browsers trust it only over TLS. */
export const elsewhere = "people.example";

/**
 * Starts Chromium, without a window. The first start after an installation unpacks it, which takes some seconds.
 * `close()` ends all of its processes.
 */
export async function launchBrowser(): Promise<Browser> {
  const folder = await unpackChromium();
  return chromium.launch({
    executablePath: join(folder, "chromium"),
    // Its sandbox needs rights that neither root nor a container has; it only visits servers of this machine.
    args: ["--no-sandbox", "--disable-dev-shm-usage", `--host-resolver-rules=MAP ${elsewhere} 127.0.0.1`],
    env: { PATH: process.env.PATH ?? "", HOME: tmpdir(), FONTCONFIG_FILE: join(folder, "fonts.conf") },
  });
}

/** A page of its own, and everything the browser had to complain about on it: errors, refusals of its policy. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("requestfailed", (request) => {
    // Those that the page gave up itself are no failures.
    const reason = request.failure()?.errorText;
    if (reason !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${reason}`);
  });
  return { page, complaints };
}

/**
 * The package holds Chromium packed, and unpacks it to the folder for temporary files, half written for whoever looks
 * at the same time and unusable for other users. So it goes to a folder of its own first and appears all at once.
 */
async function unpackChromium(): Promise<string> {
  const cache = join(root, "node_modules/.cache");
  const { version } = JSON.parse(await readFile(join(root, "node_modules/@sparticuz/chromium/package.json"), "utf8"));
  const folder = join(cache, `chromium-${version}`);
  if (await exists(join(folder, "chromium"))) return folder;
  await mkdir(cache, { recursive: true });
  const draft = await mkdtemp(`${folder}-`);
  const unpack = 'import chromium from "@sparticuz/chromium"; await chromium.executablePath();';
  await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", unpack], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "", TMPDIR: draft },
  });
  await writeFile(join(draft, "fonts.conf"), fontsOf(folder));
  // For other users of the same checkout.
  await Promise.all([chmod(draft, 0o755), chmod(join(draft, "chromium"), 0o755)]);
  try {
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true });
    // Another process was quicker.
    if (!(await exists(join(folder, "chromium")))) throw error;
  }
  return folder;
}

/** The machine's fonts, and those of the package, since a machine may have none. */
function fontsOf(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${folder}/fonts</dir>
  <cachedir>${folder}/fonts-cache</cachedir>
</fontconfig>
`;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
