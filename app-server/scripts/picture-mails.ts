import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type Language, languages } from "@anteroom/shared/wire/languages";
import chromium from "@sparticuz/chromium";
import { type Browser, chromium as playwright } from "playwright-core";
import { createCredentials } from "../src/credentials.ts";
import { createComposer } from "../src/mail/compose/compose.ts";
import { exampleValues, type MailType, mailKinds, mailTypes } from "../src/mail/kinds.ts";
import { readSettings } from "../src/settings.ts";
import { shrinkPng } from "./small-png.ts";

/**
 * Pictures of every mail for a person to look at: one sheet per type and language, light and dark, wide and narrow.
 * `node app-server/scripts/picture-mails.ts`, after templates have changed; writes docs/mails. `… picture-mails.ts reset`
 * takes only those whose type contains “reset”.
 */
const folder = fileURLToPath(new URL("../../docs/mails", import.meta.url));
const widths = [720, 320] as const;
const schemes = ["light", "dark"] as const;

const settings = readSettings({
  BACKEND_DATABASE_URL: "postgres://nobody@localhost/none",
  BACKEND_SECRET: createHash("sha256").update("always the same pictures").digest("base64"),
  BACKEND_FRONTEND_ORIGIN: "https://people.example",
  BACKEND_SITE_NAME: "Dodeka",
});
const compose = createComposer(settings, createCredentials(settings.secret));

async function htmlOf(type: MailType, language: Language): Promise<string> {
  const { code } = mailKinds[type];
  const { html } = await compose({
    id: "00000000-0000-4000-8000-000000000000",
    type,
    language,
    email: "ada@example.com",
    userId: "u".repeat(24),
    registrationId: "r".repeat(24),
    createdAt: new Date(0),
    values: exampleValues(language),
    ...(code ? { code: code.example } : {}),
  });
  return html;
}

/** One mail, as high as its content. */
async function takePicture(browser: Browser, html: string, width: number, colorScheme: "light" | "dark") {
  const page = await browser.newPage({ viewport: { width, height: 200 }, colorScheme });
  await page.setContent(html);
  const picture = await page.screenshot({ fullPage: true });
  await page.close();
  return `data:image/png;base64,${picture.toString("base64")}`;
}

async function takeSheet(browser: Browser, html: string): Promise<Buffer> {
  const columns = widths.flatMap((width) => schemes.map((scheme) => [width, scheme] as const));
  const pictures = await Promise.all(columns.map(([width, scheme]) => takePicture(browser, html, width, scheme)));
  const images = pictures.map((source) => `<img src="${source}">`).join("");
  const page = await browser.newPage({ viewport: { width: 2_144, height: 200 } });
  await page.setContent(`<body style="margin:0;background:#888"><div style="display:flex;align-items:start;gap:16px;padding:8px">
    ${images}</div></body>`);
  const sheet = await page.screenshot({ fullPage: true });
  await page.close();
  return shrinkPng(sheet);
}

function indexOf(types: readonly MailType[]): string {
  const sections = types.map((type) =>
    [`## ${type}`, ...languages.map((language) => `![${type}, ${language}](${type}.${language}.png)`)].join("\n\n"),
  );
  return `# How the mails look

Each sheet shows one mail wide and narrow, in light and dark: the built-in templates, drawn by Chromium. Made anew with
\`node app-server/scripts/picture-mails.ts\`.

${sections.join("\n\n")}
`;
}

await mkdir(folder, { recursive: true });
const browser = await playwright.launch({
  executablePath: await chromium.executablePath(),
  // In one process, closing a page would close them all.
  args: chromium.args.filter((argument) => argument !== "--single-process" && argument !== "--no-zygote"),
  headless: true,
});
const wanted = process.argv[2] ?? "";
for (const type of mailTypes.filter((each) => each.includes(wanted)))
  for (const language of languages)
    await writeFile(`${folder}/${type}.${language}.png`, await takeSheet(browser, await htmlOf(type, language)));
await writeFile(`${folder}/README.md`, indexOf(mailTypes));
await browser.close();
