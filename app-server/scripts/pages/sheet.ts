import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { shrinkPng } from "../small-png.ts";
import { now, type Scene, site } from "./stage.ts";

export const folder = fileURLToPath(new URL("../../../docs/pages", import.meta.url));

const looks = [
  { width: 1_200, colorScheme: "light" },
  { width: 1_200, colorScheme: "dark" },
  { width: 320, colorScheme: "light" },
  { width: 320, colorScheme: "dark" },
] as const;

/** One state as it looks wide and narrow, light and dark, beside one another. */
export async function takeSheet({ name, locale, isWindow, play }: Scene, session?: { cookie: string }): Promise<void> {
  const visitor = await site.visit({ reducedMotion: "reduce", timezoneId: "Europe/Amsterdam", locale: locale ?? "en" });
  const { page } = visitor;
  await page.clock.setFixedTime(now * 1_000);
  if (session) await visitor.carry(session);
  await play(visitor);
  const pictures: string[] = [];
  for (const { width, colorScheme } of looks) {
    await page.setViewportSize({ width, height: width === 320 ? 720 : 800 });
    await page.emulateMedia({ colorScheme });
    await page.evaluate("scrollTo(0, 0)");
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    const picture = await page.screenshot({ fullPage: !isWindow, animations: "disabled" });
    pictures.push(`<img src="data:image/png;base64,${picture.toString("base64")}">`);
  }
  await page.context().close();
  await writeFile(`${folder}/${name}.png`, await arrange(pictures));
}

async function arrange(pictures: string[]): Promise<Buffer> {
  const sheet = await site.browser.newPage({ viewport: { width: 3_104, height: 200 } });
  await sheet.setContent(`<body style="margin:0;background:#888"><div style="display:flex;align-items:start;gap:16px;padding:8px">
    ${pictures.join("")}</div></body>`);
  const png = await sheet.screenshot({ fullPage: true });
  await sheet.close();
  return shrinkPng(png);
}
