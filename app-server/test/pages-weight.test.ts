import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Site, startSite } from "./support/visitor.ts";

let site: Site;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

test("whoever registers loads less than 100 kB of compressed script, and nothing of the administration", async () => {
  const visitor = await site.visit();
  const scripts = new Map<string, number>();
  const read: Promise<unknown>[] = [];
  visitor.page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (pathname.endsWith(".js"))
      read.push(response.body().then((body) => scripts.set(pathname, gzipSync(body).length)));
  });
  await visitor.open("/");
  await visitor.press("Sign up");
  await visitor.fill({ firstname: "Ada", lastname: "Lovelace", email: "ada@example.com" });
  await visitor.press("Send my request");
  await visitor.sees("Your request is waiting for a decision");
  await site.walk.decide("accept_user", "ada@example.com");
  await visitor.returnToTab();
  await visitor.sees("Activate your account");
  await Promise.all(read);
  const bytes = [...scripts.values()].reduce((sum, size) => sum + size, 0);
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(100_000);
  expect([...scripts.keys()].filter((path) => /admin|account|uplot/i.test(path))).toEqual([]);
  await visitor.leave();
});

test("scripts and styles are compressed, kept for a year and named after their content; pages are asked for anew", async () => {
  const { body, headers } = await site.client.app.get("/");
  expect(headers.get("cache-control") ?? "").not.toContain("max-age");
  const paths = [...String(body).matchAll(/(?:src|href)="(\/web\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
  expect(paths.length).toBeGreaterThanOrEqual(2);
  for (const path of paths) {
    const answer = await site.client.app.get(path, { "accept-encoding": "gzip" });
    expect(answer.headers.get("content-encoding")).toBe("gzip");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  }
});
