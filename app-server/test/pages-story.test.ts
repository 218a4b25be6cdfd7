import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pagePaths } from "../src/http/pages.ts";
import { type Site, startSite, type Visitor } from "./support/visitor.ts";
import { goodPassword } from "./support/walk.ts";

let site: Site;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

const newPassword = "seven quiet boats at dawn";

/** What the header offers, as soon as it is known who is there. */
async function headerOf({ page }: Visitor): Promise<string[]> {
  const offers = page.locator("header nav").locator("a, button");
  await offers.first().waitFor();
  return offers.allInnerTexts();
}

/** What the newest mail of a kind to the address carries. */
async function newestMail(address: string, type: string): Promise<{ code: string; link: string }> {
  const mail = await site.walk.newestMail(address, type);
  if (!mail.code || !mail.link) throw new Error(`No ${type} with code and link was mailed to ${address}.`);
  return { code: mail.code, link: mail.link };
}

test("D-1, D-3, D-4, D-5, D-39, D-47, D-48, E-10, E-11: from the home page to an account and out again, with two devices", async () => {
  const address = "ada@example.com";
  const first = await site.visit();
  await first.open("/");
  expect(await headerOf(first)).toEqual(["Sign in", "Sign up"]);
  await first.press("Sign up");
  await first.sees("Ask for an account");
  await first.fill({ firstname: "Ada", lastname: "Lovelace", email: address });
  const visited: string[] = [];
  first.page.on("framenavigated", (frame) => visited.push(frame.url()));
  await first.press("Send my request");
  await first.sees("Your request is waiting for a decision");
  await first.reads(address);
  expect(visited[0]).toMatch(/\/account\/signup\?token=[\w-]{43}$/);

  let loads = 0;
  first.page.on("load", () => loads++);
  const approvedAt = performance.now();
  expect((await site.walk.decide("accept_user", address)).status).toBe(200);
  await first.sees("Activate your account");
  expect(performance.now() - approvedAt).toBeLessThan(patiently(10_000));
  expect(loads).toBe(0);

  const { code, link } = await newestMail(address, "signup_verification");
  const second = await site.visit();
  await second.open(link);
  await second.sees("Activate your account");
  expect(await second.page.locator("[name=code]").inputValue()).toBe(code);
  expect(await site.walk.states(address)).toEqual(["OPEN"]);

  await first.fill({ code: ` ${code.slice(0, 4)}-${code.slice(4).toLowerCase()} `, password: goodPassword });
  await first.press("Activate my account");
  await first.sees("Welcome");
  expect(await headerOf(first)).toEqual(["Ada Lovelace", "Sign out"]);
  const cookies = await first.page.context().cookies();
  expect(
    cookies.map(({ name, httpOnly, secure, sameSite, path }) => ({ name, httpOnly, secure, sameSite, path })),
  ).toEqual(
    ["__Host-request", "__Host-session", "__Host-device"].map((name) => {
      return { name, httpOnly: true, secure: true, sameSite: "Lax", path: "/" };
    }),
  );

  await second.fill({ password: goodPassword });
  await second.press("Activate my account");
  await second.sees("This link no longer works");
  await second.open(link);
  await second.sees("This link no longer works");
  await second.press("Sign in");
  await second.fill({ email: address, password: goodPassword });
  await second.press("Sign in");
  await second.sees("Your account");
  await second.leave(["404 /auth/registration_status"]);

  await first.page.getByRole("button", { name: "Sign out" }).click();
  await first.sees(/^Welcome to/);
  expect(await headerOf(first)).toEqual(["Sign in", "Sign up"]);
  const replayed = await site.client.app.get("/auth/session_info/", {
    cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "),
  });
  expect(replayed.status).toBe(401);
  await first.leave();
});

test("D-49, D-50, D-51, D-53: without the link, address and code lead to the form", async () => {
  const { code } = await site.walk.open("grace@example.com");
  const visitor = await site.visit();
  await visitor.open("/account/signup");
  await visitor.sees("Activate your account");
  await visitor.fill({ email: "grace@example.com", code: "ABCD2345" });
  await visitor.press("Go on");
  await visitor.reads("No request waits for this address and code.");
  await visitor.fill({ email: "Grace@Example.com", code: code.toLowerCase() });
  await visitor.press("Go on");
  await visitor.page.locator("[name=password]").waitFor();
  expect(await visitor.page.locator("[name=code]").inputValue()).toBe(code);
  await visitor.page.reload();
  await visitor.page.locator("[name=password]").waitFor();
  await visitor.fill({ password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");
  await visitor.leave();
});

test("E-1: whoever is not signed in finds “Sign in” and “Sign up” on every page", async () => {
  const visitor = await site.visit();
  for (const path of [...pagePaths, "/nowhere"]) {
    await visitor.open(path);
    expect([path, await headerOf(visitor)]).toEqual([path, ["Sign in", "Sign up"]]);
  }
  await visitor.leave(["404 /nowhere"]);
});

test("E-12, K-20, K-21, M-18, M-22: a forgotten password is replaced by link; everybody is signed out, and the link is used up", async () => {
  const address = "forgetful@example.com";
  const elsewhere = await site.visitAs(address);
  const visitor = await site.visit();
  await visitor.open("/account/login");
  await visitor.fill({ email: address, password: "something else entirely" });
  await visitor.press("Sign in");
  await visitor.reads("The address or password is wrong.");
  await visitor.press("Forgot your password?");
  await visitor.fill({ email: address });
  await visitor.press("Send me a link");
  await visitor.sees("Check your email");
  const { link } = await newestMail(address, "password_reset");
  await visitor.open(link.replace(/code=\w+/, "code=ABCD2345"));
  await visitor.fill({ password: newPassword });
  await visitor.press("Set the password");
  await visitor.reads("This code is wrong.");
  expect(await visitor.page.locator("[name=code]").evaluate((field) => field.matches(":focus"))).toBe(true);
  await visitor.open(link);
  await visitor.sees("Your new password");
  await visitor.fill({ password: "password123456password" });
  await visitor.press("Set the password");
  await visitor.reads("Many people use this password");
  await visitor.fill({ password: newPassword });
  await visitor.press("Set the password");
  await visitor.reads("Your new password is set");
  expect(await headerOf(visitor)).toEqual(["Sign in", "Sign up"]);
  await visitor.open(link);
  await visitor.reads("This link has expired or was used already.");
  await visitor.signIn(address, newPassword);
  await elsewhere.open("/account");
  await elsewhere.sees("Sign in");
  await elsewhere.leave(["401 /auth/session_info/"]);
  await visitor.leave(["404 /account/password_link_status", "422 /account/use_password_link"]);
});

test("E-18, E-19, K-14, K-16, K-17: names are in the header at once, a new address counts once it is confirmed elsewhere", async () => {
  const visitor = await site.visitAs("mover@example.com");
  await visitor.open("/account");
  await visitor.sees("Your account");
  await visitor.fill({ firstname: "Augusta", lastname: "King" });
  await visitor.press("Save");
  await visitor.reads("Your name is saved.");
  expect(await headerOf(visitor)).toEqual(["Augusta King", "Sign out"]);

  const form = visitor.page.locator("#address");
  await form.getByText("Use another address").click();
  await form.getByText("Make sure that you can read email at the new address").waitFor();
  await form.locator("[name=email]").fill("moved@example.com");
  await form.locator("[name=password]").fill("not my password at all");
  await form.getByRole("button", { name: "Send the link" }).click();
  await form.getByText("This password is wrong.").waitFor();
  await form.locator("[name=password]").fill(goodPassword);
  await form.getByRole("button", { name: "Send the link" }).click();
  await form.getByText("An email is on its way to moved@example.com").waitFor();
  await form.getByText("You sign in with mover@example.com").waitFor();

  const { link } = await newestMail("moved@example.com", "email_update_verification");
  const other = await site.visit();
  await other.open(link);
  await other.sees("Confirm your new address");
  expect(new URL(other.page.url()).search).toBe("");
  await other.press("Use this address");
  await other.sees("Your new address is confirmed");
  await other.open(link);
  await other.press("Use this address");
  await other.sees("Your address was confirmed before");
  await other.leave();
  await visitor.page.reload();
  await form.getByText("You sign in with moved@example.com").waitFor();
  await visitor.leave(["403 /account/change_email"]);
});

test("E-20, K-13, K-25: the password is changed with the old one once and the new one twice, or by a mailed link", async () => {
  const address = "changer@example.com";
  const [visitor, elsewhere] = [await site.visitAs(address), await site.visit()];
  await elsewhere.signIn(address, goodPassword);
  await visitor.open("/account");
  const form = visitor.page.locator("#password");
  await form.getByText("Choose a new password").click();
  const change = async (current: string, password: string, again: string) => {
    await form.locator("[name=current]").fill(current);
    await form.locator("[name=password]").fill(password);
    await form.locator("[name=again]").fill(again);
    await form.getByRole("button", { name: "Change my password" }).click();
  };
  await change(goodPassword, newPassword, "seven quiet goats at dawn");
  await form.getByText("The two passwords are not the same.").waitFor();
  await change("not my password at all", newPassword, newPassword);
  await form.getByText("This password is wrong.").waitFor();
  expect(await site.client.signIn(address, goodPassword)).toEqual(expect.any(String));
  await change(goodPassword, newPassword, newPassword);
  await form.getByText("Your password is changed").waitFor();
  await form.getByRole("button", { name: "Send me a link to change it" }).click();
  await form.getByText(`An email with a link is on its way to ${address}.`).waitFor();
  expect((await newestMail(address, "password_reset")).link).toContain("/account/recover?token=");
  await visitor.leave();
  await elsewhere.page.reload();
  await elsewhere.sees("Sign in");
  await elsewhere.leave(["401 /auth/session_info/"]);
});

test("sessions are listed with their device; the other one is ended, and its page says so", async () => {
  const address = "devices@example.com";
  const visitor = await site.visitAs(address);
  const phone = await site.visit({
    userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
  });
  await phone.signIn(address, goodPassword);
  await visitor.open("/account");
  const list = visitor.page.locator("#sessions");
  await list.getByRole("heading", { name: "Safari on iPhone" }).waitFor();
  await list.getByRole("button", { name: /^Sign out: Safari on iPhone/ }).click();
  await list.getByText("That session has ended.").waitFor();
  await phone.fill({ firstname: "Somebody" });
  await phone.press("Save");
  await phone.sees("Sign in");
  await phone.reads("Sign in to go on");
  await phone.leave(["401 /account/profile"]);
  await visitor.leave();
});

test("G17: an administrator approves and rejects with the keyboard alone; who comes second is told who was first", async () => {
  for (const name of ["one", "two", "three"]) {
    await site.stack.sql`update registration_state set created_at = created_at - 1`;
    await site.client.register(`${name}@queue.example`);
  }
  const first = await site.visitAs("first@example.com", ["admin"]);
  const second = await site.visitAs("second@example.com", ["admin"]);
  await Promise.all([first.open("/admin"), second.open("/admin")]);
  await second.reads("three@queue.example");
  const { keyboard } = first.page;
  await first.page.locator("article").first().waitFor();
  await keyboard.press("j");
  await keyboard.press("a");
  await first.reads("Ada Lovelace is approved.");
  expect((await newestMail("one@queue.example", "signup_verification")).link).toContain("/account/signup?token=");

  await keyboard.press("r");
  await first.page.locator("dialog textarea").waitFor();
  await keyboard.type("We could not find you.");
  await first.page.locator("dialog pre", { hasText: "We could not find you." }).waitFor();
  await first.tabTo(first.page.getByRole("dialog").getByRole("button", { name: "Reject" }));
  await keyboard.press("Enter");
  await first.reads("Ada Lovelace was rejected.");
  const [rejection] = (await site.walk.mailsTo("two@queue.example")).slice(-1);
  expect([rejection?.type, rejection?.text]).toEqual([
    "registration_rejected",
    expect.stringContaining("We could not find you."),
  ]);

  const row = (visitor: Visitor, address: string) => visitor.page.locator("article", { hasText: address });
  await row(second, "one@queue.example").getByRole("button", { name: "Approve" }).click();
  await second.reads(/Ada Lovelace approved this request/);
  await row(second, "one@queue.example").waitFor({ state: "detached" });
  expect((await site.walk.mailsTo("one@queue.example")).map(({ type }) => type)).toEqual(["signup_verification"]);
  await second.leave(["409 /admin/approve_after_hold/"]);
  await first.leave();
});

test("G17, H4: many are approved at once, with the keyboard, and the page tells how far it is", async () => {
  await site.stack.sql`update registration_state set state = 'WITHDRAWN' where state = 'REQUESTED'`;
  const addresses = ["red", "green", "blue"].map((name) => `${name}@many.example`);
  for (const address of addresses) await site.client.register(address);
  const visitor = await site.visitAs("third@example.com", ["admin"]);
  await visitor.open("/admin");
  await visitor.reads("blue@many.example");
  const { keyboard } = visitor.page;
  for (const key of ["j", "x", "j", "x", "j", "x"]) await keyboard.press(key);
  await visitor.reads("3 selected");
  await visitor.page.locator(".selection").getByRole("button", { name: "Approve" }).focus();
  await keyboard.press("Enter");
  await visitor.page.getByRole("dialog", { name: "Approve 3 people?" }).waitFor();
  await keyboard.press("Shift+Tab");
  await keyboard.press("Enter");
  await visitor.reads("3 of 3 people approved");
  await visitor.reads("Nobody is waiting");
  await visitor.page.getByRole("link", { name: "Choose whether an email tells you, too" }).click();
  await visitor.page.getByRole("checkbox", { name: "when somebody asks for an account" }).waitFor();
  for (const address of addresses) expect(await site.walk.states(address)).toEqual(["OPEN"]);
  await visitor.leave();
});

test("M17, M9, M11: from the list to a person's own page and through the log and the mails; each keeps its place in the address", async () => {
  const { userId } = await site.walk.activate("known@people.example");
  const visitor = await site.visitAs("overseer@example.com", ["admin"]);
  const { page } = visitor;
  const kept = async (what: string) => {
    await expect.poll(() => page.url()).toContain(what);
    await page.reload();
    await page.locator("h1").waitFor();
  };
  await visitor.open("/admin/people");
  await page.getByRole("searchbox").fill("known@people");
  await kept("search=known%40people");
  await page.locator("li", { hasText: "known@people.example" }).getByRole("link").click();
  await visitor.sees("Ada Lovelace");
  expect(page.url()).toMatch(new RegExp(`/admin/people/${userId}$`));
  await visitor.reads(/approved by Test Administrator/);
  await page.locator("li", { hasText: "Code to activate the account" }).getByText("Written to a file").waitFor();
  await visitor.press("End all sessions");
  await page.getByRole("dialog", { name: "End all sessions of Ada Lovelace?" }).getByText("Cancel").click();
  await visitor.press("Block the account");
  const dialog = page.getByRole("dialog", { name: "Block the account of Ada Lovelace?" });
  await dialog.getByRole("button", { name: "Block the account" }).click();
  await page.locator("td", { hasText: "blocked the account" }).waitFor();
  await visitor.press("All people");
  await visitor.press("Blocked accounts");
  await visitor.reads("known@people.example");
  await kept("only=closed");
  const [file] = await Promise.all([page.waitForEvent("download"), visitor.press("Export (CSV)")]);
  expect(file.suggestedFilename()).toBe("people.csv");

  const emails = ["b1", "b2", "b3"].map((name) => `${name}@folded.example`);
  for (const email of emails) await site.client.register(email);
  await site.client.app.post("/admin/decide_many/", { decision: "reject", emails }, site.walk.admin);
  await expect.poll(() => site.stack.sql`select from batches where finished_at is null`).toHaveLength(0);
  await visitor.open("/admin/decisions");
  await visitor.reads(/90 days at least/);
  await page.getByLabel("What").selectOption("rejected");
  await kept("action=reject");
  expect(await page.getByText("b2@folded.example").count()).toBe(0);
  await page.getByRole("button", { name: "3 people" }).first().click();
  await page
    .locator(".log-batch li", { hasText: "b2@folded.example" })
    .getByRole("link", { name: "Ada Lovelace" })
    .click();
  await visitor.sees("Ada Lovelace");
  await page.locator("td", { hasText: "rejected" }).waitFor();
  const decide = page.getByRole("link", { name: "Decide about the request" });
  expect(await decide.count()).toBe(0);
  await site.client.register("undecided@folded.example");
  const [asks] = await site.stack.sql`select id from registration_state where email = 'undecided@folded.example'`;
  await visitor.open(`/admin/people/${asks?.id}`);
  await decide.click();
  await visitor.reads("undecided@folded.example");
  expect(page.url()).toContain("/admin?search=undecided%40folded.example");
  await page.goBack();
  await visitor.reads("undecided@folded.example");
  expect(await page.getByText("no approval in the log").count()).toBe(0);

  await visitor.open("/admin/mail");
  await page.getByRole("button", { name: /^Written to a file\s*\d+$/ }).click();
  await page.getByRole("searchbox").fill("b2@folded");
  await kept("search=b2%40folded");
  expect(page.url()).toContain("state=accepted");
  await page.locator("li", { hasText: "b2@folded.example" }).waitFor();
  expect(await page.locator(".rows").first().locator("li").count()).toBe(1);
  await visitor.open("/admin/overview");
  await visitor.reads("Median time to decision");
  await visitor.press("Written to a file");
  await visitor.sees("Emails");
  await visitor.leave();
});

test("H1, M12, M13: keys decide only about the row that has the focus; the search stays in the address; a range is selected with Shift", async () => {
  await site.stack.sql`update registration_state set state = 'WITHDRAWN' where state = 'REQUESTED'`;
  for (const name of ["anna", "bob", "cem"]) {
    await site.stack.sql`update registration_state set created_at = created_at - 1`;
    await site.client.register(`${name}@keys.example`, { firstname: "Zoë", lastname: name });
  }
  const visitor = await site.visitAs("keys@example.com", ["admin"]);
  const { page } = visitor;
  await visitor.open("/admin");
  await visitor.reads("cem@keys.example");
  await page.getByRole("link", { name: "Requests 3" }).waitFor();
  expect(await page.title()).toMatch(/^\(3\) Requests/);
  // Whoever types so thinks that the search has the focus.
  await page.keyboard.type("anxra");
  expect(await page.getByRole("dialog").count()).toBe(0);
  expect(await page.locator(".selection").count()).toBe(0);
  expect(await site.walk.states("anna@keys.example")).toEqual(["REQUESTED"]);

  await page.getByRole("checkbox", { name: "Select Zoë anna" }).check();
  await page.getByRole("checkbox", { name: "Select Zoë cem" }).click({ modifiers: ["Shift"] });
  await visitor.reads("3 selected");
  await page.keyboard.press("Escape");

  await page.getByRole("searchbox").fill("BOB zoe");
  await page.locator("article", { hasText: "anna@" }).waitFor({ state: "detached" });
  await page.reload();
  await visitor.reads("bob@keys.example");
  expect(await page.getByRole("searchbox").inputValue()).toBe("BOB zoe");
  expect(await page.locator("article").count()).toBe(1);
  await page.getByRole("link", { name: "People" }).click();
  await page.getByRole("heading", { level: 1, name: "People" }).waitFor();
  await page.goBack();
  await visitor.reads("bob@keys.example");
  expect(await page.locator("article").count()).toBe(1);

  await page.keyboard.press("j");
  await page.keyboard.press("r");
  await page.locator("dialog textarea").fill("Not this year.");
  await page.keyboard.press("Control+Enter");
  await visitor.reads("Zoë bob was rejected.");
  await page.getByRole("link", { name: "Requests 2" }).waitFor();
  await visitor.leave();
});

test("S-F15, G17: whoever signed in some time ago types the password once, and what they pressed goes on", async () => {
  await site.stack.sql`update registration_state set state = 'WITHDRAWN' where state = 'REQUESTED'`;
  const visitor = await site.visitAs("fourth@example.com", ["admin"]);
  await site.client.advanceClocks(900);
  const addresses = ["left", "right"].map((name) => `${name}@proof.example`);
  for (const address of addresses) await site.client.register(address);
  await visitor.open("/admin");
  await visitor.reads("right@proof.example");
  for (const key of ["j", "x", "j", "x"]) await visitor.page.keyboard.press(key);
  await visitor.page.locator(".selection").getByRole("button", { name: "Approve" }).click();
  await visitor.page
    .getByRole("dialog", { name: "Approve 2 people?" })
    .getByRole("button", { name: "Approve" })
    .click();
  const dialog = visitor.page.getByRole("dialog", { name: "Is it you?" });
  const answer = async (password: string) => {
    await dialog.getByLabel("Your password").fill(password);
    await dialog.getByRole("button", { name: "Go on" }).click();
  };
  await answer("not the password at all");
  await dialog.locator(".field-message").waitFor();
  await answer(goodPassword);
  await visitor.reads("2 of 2 people approved");
  await dialog.waitFor({ state: "detached" });
  for (const address of addresses) expect(await site.walk.states(address)).toEqual(["OPEN"]);
  await visitor.leave(["403 /admin/decide_many/"]);
});
