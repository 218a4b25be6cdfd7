import { fileURLToPath } from "node:url";
import { buildPages } from "@anteroom/launch/pages";
import { patiently } from "@anteroom/shared/testing/patience";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { launchBrowser, openPage } from "./browser.ts";
import { type Client, createClient } from "./client.ts";
import { type Stack, type StackOptions, startStack } from "./stack.ts";
import { createWalk, type Walk } from "./walk.ts";

/** Both servers with their pages, and a browser to look at them. */
export interface Site {
  stack: Stack;
  client: Client;
  walk: Walk;
  browser: Browser;
  visit(options?: BrowserContextOptions): Promise<Visitor>;
  /** With an account of their own, signed in; `permissions` beside it. */
  visitAs(address: string, permissions?: readonly string[], options?: BrowserContextOptions): Promise<Visitor>;
  stop(): Promise<void>;
}

/** A person in front of a browser of their own: nothing is shared with other visitors. */
export interface Visitor {
  page: Page;
  /** An address of this site, and waits until the page says what it is about. */
  open(address: string): Promise<void>;
  /** Waits for a page, or a state of one, with this title. */
  sees(title: string | RegExp): Promise<void>;
  /** Waits for a text somewhere on the page. */
  reads(text: string | RegExp): Promise<void>;
  /** By the names of the fields. */
  fill(values: Record<string, string>): Promise<void>;
  /** A button or link of the content, by what it says. */
  press(label: string | RegExp): Promise<void>;
  signIn(email: string, password: string): Promise<void>;
  /** Gives the browser the cookie of a session that was opened elsewhere. */
  carry(session: { cookie: string }): Promise<void>;
  /** Presses Tab until the focus is there; it fails when the focus never comes by. */
  tabTo(target: Locator): Promise<void>;
  /** As if the person came back to the tab: what it shows is read again. */
  returnToTab(): Promise<void>;
  /**
   * Ends the visit. Fails if the browser had anything to complain about, or asked anybody else for anything. Answers
   * that say no are complained about too; those that were meant to come are named: `404 /auth/registration_status`.
   */
  leave(refused?: string[]): Promise<void>;
}

const checkout = fileURLToPath(new URL("../../..", import.meta.url));

export async function startSite(options: StackOptions = {}): Promise<Site> {
  const env = { AUTH_USER_CHECK_INTERVAL: "0s", ...options.env };
  const [stack, browser] = await Promise.all([startStack({ ...options, env }), launchBrowser(), buildPages(checkout)]);
  const client = createClient(stack);
  const walk = await createWalk(stack, client);
  const visit = (more?: BrowserContextOptions) => createVisitor(stack, browser, more);
  return {
    stack,
    client,
    browser,
    walk,
    visit,
    visitAs: async (address, permissions = [], more = {}) => {
      const [{ userId, session }, visitor] = await Promise.all([walk.activate(address), visit(more)]);
      for (const permission of permissions)
        await stack.sql`insert into permissions (user_id, permission, granted_by, granted_at)
          values (${userId}, ${permission}, 'test', 0)`;
      await visitor.carry(session);
      return visitor;
    },
    stop: async () => {
      await browser.close();
      await stack.stop();
    },
  };
}

async function createVisitor(
  { urls, servers }: Stack,
  browser: Browser,
  { colorScheme = "light", locale = "en", ...options }: BrowserContextOptions = {},
): Promise<Visitor> {
  const { page, complaints } = await openPage(browser, { colorScheme, locale, ...options });
  page.setDefaultTimeout(patiently(10_000));
  const refusals = collectRefusals(page, urls.app, complaints);
  const main = page.locator("main");

  const visitor: Visitor = {
    page,
    open: async (address) => {
      await page.goto(new URL(address, urls.app).href);
      await page.locator("h1").waitFor();
    },
    sees: (title) => page.getByRole("heading", { level: 1, name: title }).waitFor(),
    reads: (text) => page.getByText(text).first().waitFor(),
    fill: async (values) => {
      for (const [name, value] of Object.entries(values)) await main.locator(`[name="${name}"]:visible`).fill(value);
    },
    press: (label) =>
      main
        .getByRole("button", { name: label })
        .or(main.getByRole("link", { name: label }))
        .first()
        .click(),
    signIn: async (email, password) => {
      await visitor.open("/account/login");
      await visitor.fill({ email, password });
      await visitor.press("Sign in");
      await page.waitForURL(`${urls.app}/account`);
    },
    carry: async ({ cookie }) => {
      const [name = "", value = ""] = cookie.split("=");
      const url = urls.app.replace("http:", "https:");
      await page.context().addCookies([{ name, value, url, httpOnly: true, secure: true, sameSite: "Lax" }]);
    },
    tabTo: async (target) => {
      for (let turn = 0; turn < 40; turn++) {
        await page.keyboard.press("Tab");
        if (await target.evaluate((element) => element.matches(":focus"))) return;
      }
      throw new Error(`The Tab key does not lead to ${target}.`);
    },
    returnToTab: () => page.evaluate("void dispatchEvent(new Event('visibilitychange'))"),
    leave: async (refused = []) => {
      await page.context().close();
      const seen = { complaints: complaints.filter(isOwn), refusals: [...refusals].sort() };
      expect(seen, `The servers said:\n${faultsOf(servers)}`).toEqual({
        complaints: [],
        refusals: [...refused].sort(),
      });
    },
  };
  return visitor;
}

/** Lines of their logs at `error` and above. */
function faultsOf({ auth, app }: Stack["servers"]): string {
  const lines = [auth, app].flatMap((server) => server.output().split("\n"));
  return lines.filter((line) => /"level":[56]0/.test(line)).join("\n");
}

/** What becomes of a request without a network, or to a server that is not there, or ends just then. */
const noAnswer = /net::ERR_(CONNECTION_\w+|EMPTY_RESPONSE|INTERNET_DISCONNECTED|SOCKET_NOT_CONNECTED)$/;

/** The browser's own note of an answer that says no, or of none; those are collected by themselves. */
function isOwn(complaint: string): boolean {
  return !complaint.includes("Failed to load resource:") && !noAnswer.test(complaint);
}

function collectRefusals(page: Page, origin: string, complaints: string[]): Set<string> {
  const refusals = new Set<string>();
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("data:")) complaints.push(`asked somebody else: ${url}`);
    // Whoever is told where a person came from might be told a secret.
    if (request.headers().referer) complaints.push(`told where it came from: ${url}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) refusals.add(`${response.status()} ${new URL(response.url()).pathname}`);
  });
  page.on("requestfailed", (request) => {
    if (noAnswer.test(request.failure()?.errorText ?? "")) refusals.add(`no answer ${new URL(request.url()).pathname}`);
  });
  return refusals;
}
