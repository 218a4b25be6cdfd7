import { freePort } from "@anteroom/shared/testing/ports";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { elsewhere } from "./support/browser.ts";
import { createServer } from "./support/stack.ts";
import { type Site, startSite, type Visitor } from "./support/visitor.ts";
import { goodPassword } from "./support/walk.ts";

/** Who is signed in, whether the browser keeps it, and what asks for the password once more. */

let site: Site;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

const wrongPassword = "not my password at all";
const quarter = 900;

/** A second tab of the same browser. */
async function openTab({ page }: Visitor, path: string): Promise<Page> {
  const tab = await page.context().newPage();
  await tab.goto(`${site.stack.urls.app}${path}`);
  return tab;
}

async function signInOn(page: Page, email: string): Promise<void> {
  await page.locator("[name=email]").fill(email);
  await page.locator("[name=password]").fill(goodPassword);
  await page.locator("main").getByRole("button", { name: "Sign in" }).click();
}

async function namesOf({ page }: Visitor): Promise<string> {
  const { user } = await page.evaluate<{ user: { firstname: string; lastname: string } }>(
    "fetch('/auth/session_info/').then((answer) => answer.json())",
  );
  return `${user.firstname} ${user.lastname}`;
}

/** Signs Alice out in another tab, and Bob in; this tab does not know. */
async function replaceByBob(alice: Visitor): Promise<void> {
  const tab = await openTab(alice, "/account");
  await tab.getByRole("button", { name: "Sign out" }).click();
  await tab.getByRole("link", { name: "Sign in" }).first().click();
  await signInOn(tab, "bob@example.com");
  await tab.getByRole("heading", { level: 1, name: "Your account" }).waitFor();
  await tab.close();
}

test("acc F3: a tab that shows Alice changes, takes and ends nothing of Bob's, and says that he is signed in now", async () => {
  await site.walk.activate("bob@example.com");
  const alice = await site.visitAs("alice@example.com");
  const deeds: ((visitor: Visitor) => Promise<unknown>)[] = [
    async (visitor) => {
      await visitor.fill({ firstname: "Alice", lastname: "Liddell" });
      await visitor.press("Save");
    },
    (visitor) => visitor.press("Save my data as a file"),
    async ({ page }) => {
      await page.getByText("Delete my account", { exact: true }).click();
      await page.locator("#data [name=password]").fill(goodPassword);
      await page.getByRole("button", { name: "Delete my account for good" }).click();
    },
    ({ page }) => page.locator("header").getByRole("button", { name: "Sign out" }).click(),
  ];
  for (const deed of deeds) {
    await alice.page.context().clearCookies();
    await alice.signIn("alice@example.com", goodPassword);
    await alice.sees("Your account");
    await alice.reads("alice@example.com");
    await replaceByBob(alice);
    await deed(alice);
    await alice.reads("Somebody else has signed in in this browser. You see the account of bob@example.com now.");
    await alice.reads("You sign in with bob@example.com");
    expect(await namesOf(alice)).toBe("Ada Lovelace");
  }
  await alice.leave([
    "409 /account/delete",
    "409 /account/export",
    "409 /account/profile",
    "409 /cookies/clear_session/",
  ]);
});

test("acc F4: on a site without TLS, which browsers sign nobody in to, the form says so", async () => {
  const [port, privatePort] = await Promise.all([freePort(), freePort()]);
  const origin = `http://${elsewhere}:${port}`;
  const ports = { BACKEND_PORT: String(port), BACKEND_PRIVATE_PORT: String(privatePort) };
  const env = { ...site.stack.env, ...ports, BACKEND_FRONTEND_ORIGIN: origin };
  const server = createServer("app-server", env, `http://127.0.0.1:${port}/ready`);
  await server.start();
  await site.walk.activate("insecure@example.com");
  const page = await site.browser.newPage({ locale: "en" });
  await page.goto(`${origin}/account/login?next=/account`);
  await signInOn(page, "insecure@example.com");
  await page.getByText("browsers sign nobody in over a connection that is not secure").waitFor();
  expect(await page.locator("[name=email]").inputValue()).toBe("insecure@example.com");
  await page.close();
  await server.stop();
});

/** As a browser that is told to keep nothing of any site: no cookie is kept, and storage throws. */
async function keepNothing({ page }: Visitor): Promise<void> {
  await page.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"])
      Object.defineProperty(globalThis, name, {
        get: () => {
          throw new DOMException("Access is denied for this document.", "SecurityError");
        },
      });
  });
  await page.route("**/auth/actions", async (route) => {
    const response = await route.fetch();
    await page.context().clearCookies();
    const headers = Object.entries(response.headers()).filter(([name]) => name !== "set-cookie");
    await route.fulfill({ response, headers: Object.fromEntries(headers) });
  });
}

test("acc F4: a browser that refuses cookies is told so, at the sign-in and at the end of a sign-up", async () => {
  await site.walk.activate("cookieless@example.com");
  const visitor = await site.visit();
  await keepNothing(visitor);
  await visitor.open("/account/login");
  await visitor.fill({ email: "cookieless@example.com", password: goodPassword });
  await visitor.press("Sign in");
  await visitor.reads("your browser did not keep the cookie that signs you in");
  expect(await visitor.page.locator("[name=email]").inputValue()).toBe("cookieless@example.com");
  const { token, code } = await site.walk.open("new-cookieless@example.com");
  await visitor.open(`/account/signup?token=${token}&code=${code}`);
  await visitor.fill({ password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.reads("your browser did not keep the cookie that signs you in");
  expect(await site.client.signIn("new-cookieless@example.com", goodPassword)).toEqual(expect.any(String));
  await visitor.leave();
});

/** What stands beside a form when the password was shown some time ago. */
async function prove({ page }: Visitor, within: string, action: string): Promise<void> {
  const box = page.locator(`${within} .inset`);
  await box.getByText("Type your password, so that we know it is you.").waitFor();
  const password = box.locator("[name=password]");
  expect(await password.evaluate((field) => field.matches(":focus"))).toBe(true);
  await password.fill(wrongPassword);
  await box.getByRole("button", { name: action }).click();
  await box.getByText("This password is wrong.").waitFor();
  await password.fill(goodPassword);
  await box.getByRole("button", { name: action }).click();
  await box.waitFor({ state: "detached" });
}

test("R29: who signed in some time ago shows the password on the page before other sessions end, all or one", async () => {
  const address = "devices@example.com";
  const visitor = await site.visitAs(address);
  for (let other = 0; other < 4; other++) await site.client.signIn(address, goodPassword);
  await site.client.advanceClocks(600);
  await visitor.open("/account");
  const list = visitor.page.locator("#sessions");
  await expect.poll(() => list.locator("li").count()).toBe(5);
  await list
    .getByRole("button", { name: /^Sign out: / })
    .first()
    .click();
  await prove(visitor, "#sessions", "Sign out there");
  await list.getByText("That session has ended.").waitFor();
  await expect.poll(() => list.locator("li").count()).toBe(4);
  await list.getByRole("button", { name: "Sign out everywhere else" }).click();
  await list.getByRole("button", { name: "Leave it" }).click();
  expect(await list.locator("h2").evaluate((title) => title.matches(":focus"))).toBe(true);
  expect(await list.locator("li").count()).toBe(4);
  await list.getByRole("button", { name: "Sign out everywhere else" }).click();
  await prove(visitor, "#sessions", "Sign out there");
  await list.getByText("You are signed out everywhere else.").waitFor();
  await expect.poll(() => list.locator("li").count()).toBe(1);
  await visitor.leave(["403 /account/end_other_sessions/", "403 /account/end_session/"]);
});

test("S-F15: the page asks for the password before notices of sign-ins are switched off", async () => {
  const visitor = await site.visitAs("quiet@example.com");
  await site.client.advanceClocks(quarter);
  await visitor.open("/account");
  const notices = visitor.page.locator("#mails [name=signin_notification]");
  await notices.uncheck();
  await visitor.page.locator("#mails").getByRole("button", { name: "Save" }).click();
  await prove(visitor, "#mails", "Save");
  await visitor.reads("Your choices are saved.");
  await visitor.page.reload();
  await notices.waitFor();
  expect(await notices.isChecked()).toBe(false);
  await visitor.leave(["403 /account/preferences/"]);
});

test("S-F15: an administrator’s page asks for the password before it grants or destroys, goes on, and asks no more", async () => {
  await site.walk.activate("member@example.com");
  const visitor = await site.visitAs("keeper@example.com", ["admin"]);
  const { page } = visitor;
  await site.client.advanceClocks(quarter);
  await visitor.open("/admin/people");
  await page.getByRole("searchbox").fill("member@example.com");
  await page.locator("li", { hasText: "member@example.com" }).getByRole("link").click();
  const row = page.locator(".person-panel");
  const grant = async (permission: string) => {
    await row.getByPlaceholder("Permission to grant").fill(permission);
    await row.getByRole("button", { name: "Grant" }).click();
  };
  const dialog = page.getByRole("dialog", { name: "Is it you?" });
  await grant("editor");
  await dialog.getByRole("button", { name: "Leave it" }).click();
  await dialog.waitFor({ state: "detached" });
  expect(await site.stack.sql`select * from permissions where permission = 'editor'`).toHaveLength(0);
  await grant("editor");
  await prove(visitor, "dialog", "Go on");
  await visitor.reads("Ada Lovelace now holds the permission editor.");
  await row.getByRole("button", { name: "Delete the account" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the account" }).click();
  await visitor.reads("The account of Ada Lovelace is deleted.");
  expect(await site.stack.sql`select * from users where email = 'member@example.com'`).toHaveLength(0);

  await site.walk.activate("second@example.com");
  await site.client.advanceClocks(quarter);
  await page.getByRole("searchbox").fill("second@example.com");
  await page.locator("li", { hasText: "second@example.com" }).getByRole("link").click();
  await row.getByRole("button", { name: "Delete the account" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the account" }).click();
  await prove(visitor, "dialog", "Go on");
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  expect(await site.stack.sql`select * from users where email = 'second@example.com'`).toHaveLength(0);
  await visitor.leave(["403 /admin/add_permission/", "403 /admin/delete_user/"]);
});
