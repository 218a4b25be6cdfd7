import { afterAll, beforeAll, test } from "vitest";
import { type Site, startSite } from "../test/support/visitor.ts";

/** What `measure-pages.ts` runs. */
let site: Site;

beforeAll(async () => {
  site = await startSite();
}, 60_000);

afterAll(() => site.stop());

const turns = 7;

/** Milliseconds from the visit to the Largest Contentful Paint; nothing is in the browser's cache. */
async function measure(path: string, session?: { cookie: string }): Promise<number> {
  const visitor = await site.visit();
  if (session) await visitor.carry(session);
  const { page } = visitor;
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await page.addInitScript(`new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.largestPaint = entry.startTime;
  }).observe({ type: "largest-contentful-paint", buffered: true })`);
  await visitor.open(path);
  await page.locator(".loading").first().waitFor({ state: "detached" });
  await page.evaluate("new Promise((done) => setTimeout(done, 300))");
  const time = await page.evaluate<number>("window.largestPaint");
  await page.context().close();
  return time;
}

test("speed", async () => {
  const waiting = await site.client.register("waits@example.com");
  for (let index = 0; index < 100; index++) await site.client.register(`person${index}@example.com`);
  const pages = [
    ["/"],
    ["/account/register"],
    [`/account/signup?token=${waiting}`],
    ["/account/login"],
    ["/account", site.walk.admin],
    ["/admin", site.walk.admin],
    ["/admin/overview", site.walk.admin],
  ] as const;
  for (const [path, session] of pages) {
    const times: number[] = [];
    for (let turn = 0; turn < turns; turn++) times.push(await measure(path, session));
    times.sort((one, other) => one - other);
    const [median, slowest] = [times[turns >> 1] ?? 0, times.at(-1) ?? 0];
    process.stdout.write(`${path.split("?")[0]}: ${Math.round(median)} ms, at most ${Math.round(slowest)} ms\n`);
  }
});
