import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AppContext } from "../src/context.ts";
import { createPublicApp, type Readiness } from "../src/http/app.ts";
import { readSettings } from "../src/settings.ts";
import { launchBrowser, openPage } from "./support/browser.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";

let stack: Stack;
let client: Client;
let browser: Browser;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack({ startServers: false }), launchBrowser()]);
  await stack.servers.app.start();
  client = createClient(stack);
});

afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});

/** Each test finds the mailbox empty. */
beforeEach(async () => {
  await rm(stack.emailsDir, { recursive: true });
  await mkdir(stack.emailsDir);
});

const path = "/dev/mailbox";

async function mail(type: string, email: string, more: object = {}): Promise<void> {
  await client.email({ type, email, ...more });
  await client.drainMail();
}

/** Visits the mailbox, does something there, and sees that the browser had nothing to complain about. */
async function visit(look: (page: Page) => Promise<void>, options: BrowserContextOptions = {}): Promise<void> {
  const { page, complaints } = await openPage(browser, options);
  await page.goto(stack.urls.app + path);
  await look(page);
  expect(complaints).toEqual([]);
  await page.context().close();
}

const row = (page: Page, text: string) => page.locator(".row", { hasText: text });

const text = (page: Page, selector: string) => page.locator(selector).innerText();

test("dev mailbox: mails appear by themselves, unread, newest first; the one that is open stays open", async () => {
  await visit(async (page) => {
    await page.getByText("No mails yet").waitFor();
    await mail("password_updated", "first@example.com", { timestamp: "January 2, 2026 15:04:05" });
    await row(page, "first@example.com").waitFor();
    expect(await text(page, "#count")).toBe("1 mail, 1 unread");
    await row(page, "first@example.com").click();
    await page.getByRole("heading", { level: 2 }).waitFor();
    await mail("email_update_verification", "second@example.com", { code: "NEWC2345" });
    await row(page, "NEWC2345").waitFor();
    expect(await page.locator(".row .who").allInnerTexts()).toEqual(["second@example.com", "first@example.com"]);
    expect(await text(page, "#to")).toBe("first@example.com");
    expect([await text(page, "#count"), await page.title()]).toEqual(["2 mails, 1 unread", "(1) Mailbox"]);
    await page.reload();
    await page.locator("#count", { hasText: "2 mails, 1 unread" }).waitFor();
    expect(await text(page, "#to")).toBe("first@example.com");
    await page.getByRole("button", { name: "Mark all read" }).click();
    expect(await text(page, "#count")).toBe("2 mails");
  });
});

test("dev mailbox: code and link are one click away; the mail is there as HTML, text and source", async () => {
  const email = "link@example.com";
  await client.command("app", "prepare_user", { email });
  await mail("signup_verification", email, { code: "ABCD2345" });
  const options = { permissions: ["clipboard-read", "clipboard-write"] };
  await visit(async (page) => {
    await row(page, email).click();
    await page.locator("#code", { hasText: "ABCD 2345" }).waitFor();
    await page.getByRole("button", { name: "Copy code" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe("ABCD2345");
    const link = page.getByRole("link", { name: "Open link" });
    const address = await link.getAttribute("href");
    expect(address).toMatch(new RegExp(`^${stack.urls.app}/account/signup\\?token=[\\w-]+&code=ABCD2345$`));
    expect([await link.getAttribute("target"), await link.getAttribute("rel")]).toEqual([
      "_blank",
      "noopener noreferrer",
    ]);
    const frame = page.frameLocator("#html");
    await frame.getByText("ABCD", { exact: false }).first().waitFor();
    await page.getByRole("tab", { name: "Text" }).click();
    await page.locator("#text", { hasText: address ?? "" }).waitFor();
    await page.getByRole("tab", { name: "Text" }).press("ArrowRight");
    await page.locator("#source", { hasText: "Content-Type: multipart/alternative" }).waitFor();
    const [popup] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
    await popup.waitForURL(address ?? "");
    await popup.close();
  }, options);
});

test("dev mailbox: it can be searched and used without a mouse", async () => {
  await mail("password_reset", "keys@example.com", { code: "KEYS2345KEYS", displayName: "Grace Hopper" });
  await visit(async (page) => {
    await row(page, "keys@example.com").waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("grace reset");
    await page.locator("#count", { hasText: /^1 mail/ }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.getByRole("heading", { name: /new password/i }).waitFor();
    expect(await page.locator(".row:focus").getAttribute("aria-current")).toBe("true");
    await page.keyboard.press("/");
    await page.keyboard.type(" nowhere");
    await page.getByText("Nothing found").waitFor();
    expect(await text(page, "#to")).toBe("keys@example.com");
    await page.locator("#search").fill("");
    await row(page, "keys@example.com").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.getByText("Choose a mail").waitFor();
  });
});

test("dev mailbox: it fits a screen 320 pixels wide, in the dark too", async () => {
  const email = `${"long".repeat(15)}@example.com`;
  await mail("password_reset", email, { code: "ABCD2345EFGH" });
  const width = (page: Page) => page.evaluate("document.documentElement.scrollWidth");
  await visit(
    async (page) => {
      await row(page, email).waitFor();
      expect(await width(page)).toBe(320);
      await row(page, email).click();
      await page.getByRole("button", { name: "Copy code" }).waitFor();
      expect([await width(page), await row(page, email).isVisible()]).toEqual([320, false]);
      await page.getByRole("link", { name: "All mails" }).click();
      await row(page, email).waitFor();
      expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(14, 18, 23)");
    },
    { viewport: { width: 320, height: 640 }, colorScheme: "dark" },
  );
});

test("dev mailbox: it says when the server cannot be reached, and goes on when it can", async () => {
  const { page } = await openPage(browser);
  await page.goto(stack.urls.app + path);
  await page.locator("#connection", { hasText: "Live" }).waitFor();
  await page.context().setOffline(true);
  await page.locator("#connection", { hasText: "Not connected" }).waitFor();
  await page.context().setOffline(false);
  await page.locator("#connection", { hasText: "Live" }).waitFor();
  await page.context().close();
});

test("S-47: a mail in the mailbox runs nothing and fetches nothing, whatever is written in it", async () => {
  const id = "20990101_000000_000000_password_reset_evil_at_example_com";
  const evil = `<head></head><body>Evil<script>top.document.title = "ran"</script>
    <img src="${stack.urls.app}/alive" onerror="top.document.title='ran'"><form action="/alive"><button>go</button></form>
    <link rel="stylesheet" href="${stack.urls.app}/alive"><iframe src="/alive"></iframe></body>`;
  await Promise.all([
    writeFile(join(stack.emailsDir, `${id}.html`), evil),
    writeFile(join(stack.emailsDir, `${id}.eml`), "Subject: evil\r\n"),
    writeFile(
      join(stack.emailsDir, `${id}.txt`),
      `To: evil@example.com\nSubject: ${evil}\nLink: javascript:alert(1)\n${"-".repeat(72)}\n${evil}`,
    ),
  ]);
  const { page } = await openPage(browser);
  const fetched: string[] = [];
  page.on("response", (response) => fetched.push(new URL(response.url()).pathname));
  await page.goto(stack.urls.app + path);
  await row(page, "evil@example.com").click();
  await page.frameLocator("#html").getByText("Evil").waitFor();
  await page.getByRole("tab", { name: "Text" }).click();
  await page.locator("#text", { hasText: "Evil" }).waitFor();
  expect(await page.getByRole("link", { name: "Open link" }).isVisible()).toBe(false);
  expect(fetched.filter((fetched) => !fetched.startsWith(path))).toEqual([]);
  expect(await page.title()).toMatch(/Mailbox$/);
  await page.context().close();
});

const answer = (target: string, headers: Record<string, string>, method = "GET") =>
  new Promise<number>((resolve, reject) => {
    const { hostname, port } = new URL(stack.urls.app);
    const request = httpRequest({ hostname, port, path: target, method, headers }, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    request.on("error", reject);
    request.end();
  });

test("S-47: a name that was made to lead to this machine does not open the mailbox", async () => {
  for (const host of [
    "evil.example",
    "evil.example:80",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "[::ffff:8.8.8.8]",
    "@",
  ])
    for (const target of [path, `${path}/mails`, `${path}/mailbox.js`])
      expect([400, 403], host + target).toContain(await answer(target, { host }));
  for (const host of ["localhost", "localhost:3000", "127.0.0.1", "[::1]:80"])
    expect(await answer(path, { host })).toBe(200);
});

test("S-24: only mails in the folder can be asked for, and only looked at", async () => {
  for (const name of ["one", "two", "three"]) await mail("password_updated", `${name}@example.com`);
  await writeFile(join(stack.emailsDir, "notes.txt"), "not a mail");
  await writeFile(join(stack.emailsDir, "20990101_000000_000000_unknown_type_a_at_b.txt"), "not a mail of ours");
  const { body } = await client.app.get(`${path}/mails`);
  const ids: string[] = body.mails.map(({ id }: { id: string }) => id);
  expect(ids.map((id) => id.split("_password_updated_")[1])).toEqual(
    ["three", "two", "one"].map((name) => `${name}_at_example_com`),
  );
  const target = (id: string, view = "text") => `${path}/mails/${id}/${view}`;
  expect((await client.app.get(target(ids[0] ?? ""))).status).toBe(200);
  const other = encodeURIComponent("../../etc/passwd");
  for (const wrong of [
    target("notes"),
    target("..%2f..%2fetc%2fpasswd"),
    target(other),
    target(`${ids[0]}%00`),
    target("20990101_000000_000000_password_reset_nobody"),
    target(ids[0] ?? "", "constructor"),
    target(ids[0] ?? "", "txt"),
    `${path}/index.html`,
    `${path}/..%2fdev-mailbox.ts`,
  ])
    expect((await client.app.get(wrong)).status, wrong).toBe(404);
  for (const method of ["POST", "PUT", "DELETE"]) expect(await answer(path, {}, method), method).toBe(404);
});

const sound = {
  BACKEND_DATABASE_URL: "postgres://127.0.0.1/none",
  BACKEND_SECRET: randomBytes(32).toString("base64"),
  INTERNAL_SECRET: randomBytes(32).toString("base64"),
};

const smtp = {
  BACKEND_SMTP_SEND: "true",
  BACKEND_SMTP_HOST: "mail.example",
  BACKEND_SMTP_SENDER_EMAIL: "a@people.example",
};

test.each([
  ["there by default", {}, 200],
  ["there for a frontend on another port", { BACKEND_FRONTEND_ORIGIN: "http://localhost:5173" }, 200],
  ["not there in production", { NODE_ENV: "production" }, 404],
  ["not there when mails are sent", smtp, 404],
  [
    "not there when others can reach the server",
    { BACKEND_HOST: "0.0.0.0", BACKEND_FRONTEND_ORIGIN: "http://127.0.0.1" },
    404,
  ],
  ["not there behind a public name", { BACKEND_FRONTEND_ORIGIN: "https://people.example" }, 404],
])("dev mailbox: it is %s", async (_, environment, status) => {
  const settings = readSettings({ ...sound, ...environment });
  const app = createPublicApp({ settings } as AppContext, async () => ({}) as Readiness);
  for (const target of [path, `${path}/mails`])
    expect((await app.request(target, { headers: { host: "127.0.0.1" } })).status).toBe(status);
});
