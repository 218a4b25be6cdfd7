import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Site, startSite, type Visitor } from "./support/visitor.ts";
import { goodPassword } from "./support/walk.ts";

/** What pages say without scripts, without a network, before a server that hangs, and after Back and reload. */

let site: Site;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

const goOffline = ({ page }: Visitor) => page.context().setOffline(true);
const goOnline = ({ page }: Visitor) => page.context().setOffline(false);

/** A link or button of the header. */
const pressAbove = ({ page }: Visitor, name: string) => page.locator("header").getByText(name, { exact: true }).click();

/** Ends a visit whose requests were meant to get lost. */
async function leaveOffline({ page }: Visitor): Promise<void> {
  await page.context().close();
}

test("M1: without scripts, every page says on its first screen that it needs them", async () => {
  const { page } = await site.visit({ javaScriptEnabled: false, viewport: { width: 390, height: 700 } });
  for (const path of ["/", "/account/login", "/admin"]) {
    await page.goto(site.stack.urls.app + path);
    const box = await page.locator("noscript p", { hasText: "Deze pagina’s hebben JavaScript nodig." }).boundingBox();
    expect(box && box.y + box.height).toBeLessThan(700);
  }
  await page.context().close();
});

test("M2, M4: offline, signing out says that it failed, and lists say that they cannot be read; all goes on online", async () => {
  const visitor = await site.visitAs("offline@example.com", ["admin"]);
  await visitor.open("/admin");
  await visitor.open("/account");
  await goOffline(visitor);
  await pressAbove(visitor, "Sign out");
  await visitor.reads("You are still signed in. The server cannot be reached.");
  await visitor.sees("Your account");
  await goOnline(visitor);
  await pressAbove(visitor, "Sign out");
  await visitor.sees(/^Welcome to/);
  expect(await visitor.page.getByText("You are still signed in.").count()).toBe(0);
  await visitor.signIn("offline@example.com", goodPassword);
  await visitor.open("/admin");
  await goOffline(visitor);
  await visitor.press("People");
  await visitor.reads("The server cannot be reached.");
  await goOnline(visitor);
  await visitor.reads("offline@example.com");
  await leaveOffline(visitor);
});

test("M3: a page whose script does not come says so, spoils no other page, and comes when there is a network", async () => {
  const visitor = await site.visitAs("scripts@example.com");
  await visitor.open("/");
  await goOffline(visitor);
  await visitor.press("Your account");
  await visitor.sees("This page could not be loaded");
  await pressAbove(visitor, "Anteroom");
  await visitor.sees(/^Hello/);
  await goOnline(visitor);
  await visitor.press("Your account");
  await visitor.sees("Your account");
  // Its style has come too.
  await expect
    .poll(() => visitor.page.evaluate("getComputedStyle(document.querySelector('.account-nav ul')).listStyleType"))
    .toBe("none");
  await leaveOffline(visitor);
});

test("M3: a page that breaks is left by any link, and the next page is whole", async () => {
  const visitor = await site.visitAs("breaks@example.com");
  await visitor.page.route("**/account/sessions/", (route) => route.fulfill({ json: { sessions: 5 } }));
  await visitor.open("/account");
  await visitor.sees("This page stopped working");
  const { width } = (await visitor.page.getByRole("button", { name: "Load the page again" }).boundingBox()) ?? {
    width: 1e9,
  };
  expect(width).toBeLessThan(250);
  await pressAbove(visitor, "Anteroom");
  await visitor.sees(/^Hello/);
  await leaveOffline(visitor);
});

test("M4: a page that waits says that it cannot look, and looks again; what hangs is told while one waits", async () => {
  const waiting = await site.visit();
  await waiting.open(`/account/signup?token=${await site.client.register("hangs@example.com")}`);
  await waiting.sees("Your request is waiting for a decision");
  await goOffline(waiting);
  await waiting.reads("This page tries again by itself.");
  await goOnline(waiting);
  await waiting.reads("This page shows the decision as soon as there is one.");
  await leaveOffline(waiting);

  const visitor = await site.visitAs("slow@example.com");
  await visitor.page.route(/\/account\/(sessions\/|profile)$/, () => new Promise(() => undefined));
  const startedAt = performance.now();
  await visitor.open("/account");
  await visitor.press("Save");
  await visitor.reads("The server is taking long to answer.");
  await visitor.page
    .locator("#sessions")
    .getByText("The server cannot be reached.")
    .waitFor({ timeout: patiently(15_000) });
  expect(performance.now() - startedAt).toBeLessThan(patiently(15_000));
  await leaveOffline(visitor);
});

test("M14: what was typed is there after a reload and after Back; a chosen password leads to a form with the address", async () => {
  const address = "typed@example.com";
  const visitor = await site.visit();
  const { page } = visitor;
  const typed = { firstname: "Ada", lastname: "Lovelace", email: address };
  const reads = async () => {
    for (const [name, value] of Object.entries(typed))
      await expect.poll(() => page.locator(`[name=${name}]`).inputValue()).toBe(value);
  };
  await visitor.open("/account/register");
  await visitor.fill(typed);
  await page.reload();
  await reads();
  await visitor.press("Send my request");
  await visitor.sees("Your request is waiting for a decision");
  await page.goBack();
  await visitor.sees("Ask for an account");
  await reads();
  expect(await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")).toBe("[{},{}]");

  await site.walk.activate("again@example.com");
  await visitor.open("/account/recover");
  await visitor.fill({ email: "again@example.com" });
  await visitor.press("Send me a link");
  await visitor.sees("Check your email");
  await page.reload();
  await visitor.sees("Check your email");
  await page.getByText("Type the code from the email instead").click();
  const { code = "" } = await site.walk.newestMail("again@example.com", "password_reset");
  await visitor.fill({ code: ` ${code}. `, password: "seven quiet boats at dawn" });
  await visitor.press("Set the password");
  await visitor.reads("Your new password is set");
  await page.reload();
  expect(await page.locator("[name=email]").inputValue()).toBe("again@example.com");
  expect(await page.locator("[name=password]").inputValue()).toBe("");
  await visitor.leave();
});

test("H2: how long a password must be is read before it is typed, counted, and said when it is too short; the meter agrees", async () => {
  const { token, code } = await site.walk.open("counts@example.com");
  const visitor = await site.visit();
  await visitor.open(`/account/signup?token=${token}&code=${code}`);
  await visitor.reads("At least 15 characters.");
  await visitor.fill({ password: "Tr0ub4dor&3xQ!" });
  await visitor.reads("14 of 15");
  await visitor.reads("Strength: easy to guess");
  await visitor.press("Activate my account");
  await visitor.reads("This password is too short: it needs at least 15 characters.");
  await visitor.fill({ password: goodPassword });
  await visitor.reads("Strength: very good");
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");
  await visitor.leave();
});

test("acc F9: a link with a full stop, a bracket or an escaped ampersand leads where it should, and the code is clean", async () => {
  const { token, code } = await site.walk.open("copied@example.com");
  const visitor = await site.visit();
  for (const link of [
    `token=${token}&code=${code}.`,
    `token=${token}&amp;code=${code}&gt;`,
    `code=${code}&token=${token}).`,
  ]) {
    await visitor.open(`/account/signup?${link}`);
    await visitor.sees("Activate your account");
    expect(await visitor.page.locator("[name=code]").inputValue()).toBe(code);
  }
  await visitor.fill({ code: `\u201c${code.slice(0, 4)}\u2013${code.slice(4)}\u201d.`, password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");
  await visitor.leave();
});

test("the link that skips the header moves the focus to the content, and leaves the page's address as it is", async () => {
  const visitor = await site.visit();
  await visitor.open("/account/login");
  await visitor.page.keyboard.press("Tab");
  await visitor.page.keyboard.press("Enter");
  expect(await visitor.page.locator("main").evaluate((main) => main.matches(":focus"))).toBe(true);
  expect(visitor.page.url()).toBe(`${site.stack.urls.app}/account/login`);
  await visitor.page.keyboard.press("Tab");
  expect(await visitor.page.locator("[name=email]").evaluate((field) => field.matches(":focus"))).toBe(true);
  await visitor.leave();
});
