import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pagePaths } from "../src/http/pages.ts";
import { type Site, startSite, type Visitor } from "./support/visitor.ts";
import { goodPassword } from "./support/walk.ts";

let site: Site;

const links = {
  BACKEND_CONTACT: "board@people.example",
  BACKEND_PRIVACY_URL: "https://people.example/privacy",
  BACKEND_TERMS_URL: "https://people.example/terms",
};

beforeAll(async () => {
  const question = {
    BACKEND_APPROVAL_HOLD: "4s",
    BACKEND_MESSAGE: "optional",
    BACKEND_MESSAGE_QUESTION: "Whom do you know here?",
  };
  site = await startSite({ env: { ...question, ...links } });
});

afterAll(() => site?.stop());

const inDutch = { locale: "nl" };

/** On the page of a registration, as its holder. */
async function visitWaitingRoom(token: string, options = {}): Promise<Visitor> {
  const visitor = await site.visit(options);
  await visitor.open(`/account/signup?token=${token}`);
  return visitor;
}

/** Everything that a script of the page, or somebody who looks over a shoulder, could find there. */
async function leftBehind({ page }: Visitor): Promise<string> {
  return page.evaluate(
    "JSON.stringify([location.href, document.title, document.referrer, document.cookie, {...localStorage}, {...sessionStorage}])",
  );
}

test("S-15, R32, R34: tokens and codes are neither in the address nor in storage nor in the title, and a reload keeps the place", async () => {
  const waiting = await site.client.register("waits@example.com");
  const visitor = await visitWaitingRoom(waiting);
  await visitor.sees("Your request is waiting for a decision");
  expect(visitor.page.url()).toBe(`${site.stack.urls.app}/account/signup`);
  await visitor.page.reload();
  await visitor.sees("Your request is waiting for a decision");
  await visitor.page.getByRole("button", { name: "Nederlands" }).click();
  await visitor.sees("Je aanvraag wacht op een beslissing");
  expect(await leftBehind(visitor)).not.toContain(waiting);
  const { token, code } = await site.walk.open("opens@example.com");
  await visitor.open(`/account/signup?token=${token}&code=${code}`);
  await visitor.sees("Activeer je account");
  const left = await leftBehind(visitor);
  for (const secret of [token, code]) expect(left).not.toContain(secret);
  expect(JSON.parse(left).slice(2)).toEqual(["", "", { language: "nl" }, {}]);
  const printed = site.stack.servers.app.output() + site.stack.servers.auth.output();
  for (const secret of [waiting, token, code]) expect(printed).not.toContain(secret);
  await visitor.leave();
});

test("H8: who decides reads what was written beside the name; as text, whatever it is", async () => {
  const visitor = await site.visit();
  await visitor.open("/account/register");
  const written = "Ada and Grace.\n<img src=x onerror=alert(1)> \u202ecba";
  await visitor.fill({ firstname: "Charles", email: "writes@example.com", message: written });
  await visitor.reads("Whom do you know here?");
  await visitor.press("Send my request");
  await visitor.sees("Your request is waiting for a decision");
  await visitor.leave();
  const admin = await site.visitAs("reads@example.com", ["admin"]);
  await admin.open("/admin");
  const message = admin.page
    .locator("article, li, .row", { hasText: "writes@example.com" })
    .locator("blockquote")
    .first();
  expect(await message.textContent()).toBe("Ada and Grace.\n<img src=x onerror=alert(1)> cba");
  await admin.leave();
});

test("H1: an approval is held back for some seconds and can be undone until it is made, by key and by button", async () => {
  await site.client.register("stays@example.com");
  await site.client.register("goes@example.com");
  const admin = await site.visitAs("holds@example.com", ["admin"]);
  const row = (address: string) => admin.page.locator(".row", { hasText: address });
  const approve = (address: string) =>
    row(address)
      .getByRole("button", { name: /^Approve/ })
      .first()
      .click();
  await admin.open("/admin?search=stays");
  await approve("stays@example.com");
  await admin.reads(/is approved in 4 seconds/);
  await admin.page.keyboard.press("u");
  await admin.reads(/waits on. Nothing was sent/);
  await admin.open("/admin?search=goes");
  await approve("goes@example.com");
  await admin.reads(/is approved in 4 seconds/);
  expect(await site.walk.states("goes@example.com")).toEqual(["REQUESTED"]);
  await admin.reads(/is approved\. /);
  await row("goes@example.com").waitFor({ state: "detached" });
  expect(await site.walk.states("goes@example.com")).toEqual(["OPEN"]);
  expect(await site.walk.states("stays@example.com")).toEqual(["REQUESTED"]);
  expect(await site.walk.mailsTo("stays@example.com")).toEqual([]);
  await admin.leave();
});

test("H6: the browser that asked leads back to the request, shows it to no script, and forgets it when told or when it is over", async () => {
  const visitor = await site.visit();
  await visitor.open("/account/register");
  await visitor.fill({ firstname: "Ada", lastname: "Back", email: "back@example.com" });
  await visitor.press("Send my request");
  await visitor.reads(/^You asked on /);
  const [cookie] = (await visitor.page.context().cookies()).filter(({ name }) => name === "__Host-request");
  expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
  // Another request for the address, such as a second press, does not take the way back to the first.
  await visitor.open("/account/register");
  await visitor.fill({ firstname: "Ada", email: "back@example.com" });
  await visitor.press("Send my request");
  await visitor.sees("Your request is waiting for a decision");
  const page = await visitor.page.context().newPage();
  await visitor.page.close();
  const again: Visitor = { ...visitor, page };
  await page.goto(`${site.stack.urls.app}/`);
  const note = page.getByRole("status").filter({ hasText: "Your request for back@example.com" });
  await note.getByText("is waiting for a decision").waitFor();
  expect(await leftBehind(again)).not.toContain(cookie?.value);
  await page.goto(`${site.stack.urls.app}/account/login`);
  await note.getByRole("link", { name: "Open my request" }).click();
  await page.getByRole("heading", { name: "Your request is waiting for a decision" }).waitFor();
  await site.walk.decide("accept_user", "back@example.com");
  await page.getByRole("heading", { name: "Activate your account" }).waitFor();
  await page.goto(`${site.stack.urls.app}/`);
  await note.getByText("is approved").waitFor();
  await note.getByRole("button", { name: "Forget it on this device" }).click();
  await note.waitFor({ state: "detached" });
  expect((await page.context().cookies()).map(({ name }) => name)).not.toContain("__Host-request");
  await page.close();
});

test("R33: a page of another origin changes nothing, though the browser would send the cookie along", async () => {
  const victim = await site.visitAs("victim@example.com");
  // Another port is another origin, but the same site: its requests carry the cookie.
  await victim.page.goto(`${site.stack.urls.auth}/alive`);
  const attack = (init: string) =>
    victim.page.evaluate(`fetch("${site.stack.urls.app}/account/profile", { method: "POST", credentials: "include", ${init} })
      .then((answer) => answer.status, () => "no answer")`);
  const body = `body: '{"firstname":"Mallory","lastname":""}'`;
  expect(await attack(`mode: "no-cors", ${body}`)).toBe(0);
  expect(await attack(`headers: { "content-type": "application/json" }, ${body}`)).toBe("no answer");
  await victim.page.goto(`${site.stack.urls.app}/account`);
  await victim.page.getByRole("link", { name: "Ada Lovelace" }).waitFor();
  await victim.page.context().close();
});

test("M10: who is rejected is greeted by name and led to the administrators; footers lead to privacy and terms", async () => {
  const address = "turned-away@example.com";
  const token = await site.client.register(address);
  await site.walk.decide("reject_user", address);
  const { text } = await site.walk.newestMail(address, "registration_rejected");
  expect(text).toContain("Hello Ada Lovelace,");
  for (const shown of Object.values(links)) expect(text).toContain(shown);
  const visitor = await visitWaitingRoom(token);
  await visitor.sees("Your request was rejected");
  const leadsTo = (name: string, part: string) =>
    visitor.page.locator(part).getByRole("link", { name }).getAttribute("href");
  expect(await leadsTo("Write to the administrators", "main")).toBe("mailto:board@people.example");
  expect(await Promise.all(["Contact", "Privacy", "Terms"].map((name) => leadsTo(name, "footer")))).toEqual([
    "mailto:board@people.example",
    links.BACKEND_PRIVACY_URL,
    links.BACKEND_TERMS_URL,
  ]);
  await visitor.leave();
});

test("every page forbids foreign and inline scripts, frames and referrers", async () => {
  for (const path of pagePaths) {
    const { headers } = await site.client.app.get(path);
    const policy = headers.get("content-security-policy") ?? "";
    for (const rule of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"])
      expect(policy).toContain(rule);
    expect(policy).not.toContain("unsafe");
    expect([headers.get("x-content-type-options"), headers.get("referrer-policy")]).toEqual(["nosniff", "no-referrer"]);
  }
});

test("G6: a code that ran out is renewed with one click; the new one works, the old one does not", async () => {
  const address = "late@example.com";
  const { token, code } = await site.walk.open(address);
  const visitor = await site.visit();
  await visitor.open(`/account/signup?token=${token}&code=${code}`);
  await visitor.sees("Activate your account");
  await site.client.advanceClocks(25 * 3_600);
  await visitor.fill({ password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Your code has run out");
  await visitor.press("Send me a new code");
  await visitor.sees("Activate your account");
  expect(await visitor.page.locator("[name=code]").inputValue()).toBe("");
  const newCode = (await site.walk.mailsTo(address)).at(-1)?.code ?? "";
  expect(newCode).not.toBe(code);
  await visitor.fill({ code, password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.reads("This code is wrong.");
  await visitor.page.reload();
  await visitor.fill({ code: newCode, password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");
  await visitor.leave();
});

test("S-13: whoever has the code gets in, though others opened the page so often that it gives no form by itself", async () => {
  const address = "crowded@example.com";
  const { token, code } = await site.walk.open(address);
  for (let turn = 0; turn < 20; turn++) await site.client.status(token);
  const visitor = await visitWaitingRoom(token);
  await visitor.fill({ email: address, code });
  await visitor.press("Go on");
  await visitor.fill({ password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");
  await visitor.leave();
});

test("the form says what is wrong with code and password, and when there were too many tries", async () => {
  const { token, code } = await site.walk.open("clumsy@example.com");
  const visitor = await visitWaitingRoom(token, inDutch);
  await visitor.sees("Activeer je account");
  await visitor.press("laat hem opnieuw sturen");
  await visitor.reads("Een nieuwe mail is onderweg.");
  const tryWith = async (values: Record<string, string>) => {
    await visitor.fill(values);
    await visitor.press("Activeer mijn account");
    await visitor.page.getByRole("button", { name: "Activeer mijn account" }).waitFor();
  };
  await tryWith({ code, password: "kort" });
  await visitor.reads("Dit wachtwoord is te kort: het moet minstens 15 tekens hebben.");
  await tryWith({ password: "passwordpassword" });
  await visitor.reads("Veel mensen gebruiken dit wachtwoord");
  expect(await visitor.page.locator("[name=password]").evaluate((field) => field.matches(":focus"))).toBe(true);
  await visitor.page.getByRole("button", { name: "Toon het wachtwoord" }).click();
  expect(await visitor.page.locator("[name=password]").getAttribute("type")).toBe("text");
  await visitor.reads("Sterkte: heel makkelijk te raden");
  const other = await site.walk.open("guesser@example.com");
  await visitor.open(`/account/signup?token=${other.token}`);
  for (let guess = 0; guess < 5; guess++) await tryWith({ code: "ABCD2345", password: goodPassword });
  await visitor.reads("Deze code klopt niet.");
  await tryWith({ code: other.code });
  await visitor.reads("Te veel pogingen in korte tijd.");
  await visitor.leave();
});

/** The next call of an action gets no answer: it is lost on its way `there`, or on its way `back`. */
async function loseOnce({ page }: Visitor, action: string, way: "there" | "back"): Promise<void> {
  let isDue = true;
  await page.route("**/auth/actions", async (route) => {
    if (!isDue || route.request().postDataJSON().action !== action) return route.continue();
    isDue = false;
    if (way === "back") await route.fetch().then(() => page.context().clearCookies());
    await route.abort("connectionreset");
  });
}

test("acc F1: when the last answer is lost, the page says that the password may hold, and the last one typed does", async () => {
  const typed = ["the first that was typed", "the second that was typed"] as const;
  for (const way of ["there", "back"] as const) {
    const address = `${way}@lost.example`;
    const { token, code } = await site.walk.open(address);
    const visitor = await site.visit();
    await visitor.open(`/account/signup?token=${token}&code=${code}`);
    await loseOnce(visitor, "complete_signup", way);
    await visitor.fill({ password: typed[0] });
    await visitor.press("Activate my account");
    await visitor.reads("No answer came, so your new password may hold already. Try again, or sign in with it.");
    await visitor.fill({ password: typed[1] });
    await visitor.press("Activate my account");
    const [holds, doesNot] = way === "there" ? [typed[1], typed[0]] : typed;
    if (way === "there") await visitor.sees("Welcome");
    else await visitor.reads("Most often the account is active already: then sign in.");
    await expect(site.client.signIn(address, doesNot)).rejects.toThrow();
    expect(await site.client.signIn(address, holds)).toEqual(expect.any(String));
    await visitor.leave(["no answer /auth/actions", ...(way === "back" ? ["404 /auth/registration_status"] : [])]);
  }
});

test("acc F10: a password that is too long is told so, with how long it may be, wherever one is chosen", async () => {
  const tooLong = "This password is too long: it may have 256 characters at most.";
  const { token, code } = await site.walk.open("verbose@example.com");
  const visitor = await site.visit();
  await visitor.open(`/account/signup?token=${token}&code=${code}`);
  for (const length of [257, 18_000]) {
    await visitor.page.reload();
    await visitor.fill({ password: "long enough ".repeat(2_000).slice(0, length) });
    await visitor.press("Activate my account");
    await visitor.reads(tooLong);
  }
  await visitor.fill({ password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");
  await visitor.page.locator("#password summary").click();
  await visitor.fill({ current: goodPassword, password: "x".repeat(300), again: "x".repeat(300) });
  await visitor.press("Change my password");
  await visitor.reads(tooLong);
  await site.client.app.post("/account/request_password_link", { email: "verbose@example.com" });
  await visitor.open((await site.walk.newestMail("verbose@example.com", "password_reset")).link ?? "");
  await visitor.fill({ password: "y".repeat(300) });
  await visitor.press("Set the password");
  await visitor.reads(tooLong);
  await visitor.leave();
});

test("acc F12: who asked on two devices is approved once; on either the mailed code leads on", async () => {
  const address = "twice@example.com";
  const devices = [await site.visit(), await site.visit()] as const;
  for (const device of devices) {
    await device.open("/account/register");
    await device.fill({ firstname: "Ada", lastname: "Lovelace", email: address });
    await device.press("Send my request");
    await device.sees("Your request is waiting for a decision");
  }
  await site.walk.decide("accept_user", address);
  const [first, second] = devices;
  await first.returnToTab();
  await first.sees("Activate your account");
  await second.returnToTab();
  await second.reads("perhaps because you asked on another device too?");
  await second.press("Type address and code");
  await second.fill({ email: address, code: (await site.walk.mailsTo(address)).at(-1)?.code ?? "" });
  await second.press("Go on");
  await second.fill({ password: goodPassword });
  await second.press("Activate my account");
  await second.sees("Welcome");
  await first.leave();
  await second.leave();
});

test("a request can be withdrawn; what was rejected, withdrawn or never there says what to do", async () => {
  const visitor = await visitWaitingRoom(await site.client.register("regrets@example.com"));
  await visitor.page.locator("summary").click();
  await visitor.page.locator("form button").click();
  await visitor.sees("Your request is withdrawn");
  await visitor.page.locator("header").getByText("Anteroom", { exact: true }).click();
  await visitor.sees(/^Welcome to/);
  await visitor.page.goBack();
  await visitor.sees("This link no longer works");
  await visitor.open("/account/signup?token=made-up");
  await visitor.sees("This link no longer works");
  await visitor.press("Ask for an account");
  await visitor.sees("Ask for an account");

  const refused = await visitWaitingRoom(await site.client.register("refused@example.com"), inDutch);
  await refused.sees("Je aanvraag wacht op een beslissing");
  await site.walk.decide("reject_user", "refused@example.com", { reason: "Niet gevonden." });
  await refused.returnToTab();
  await refused.sees("Je aanvraag is afgewezen");
  await refused.leave();
  await visitor.leave(["404 /auth/registration_status"]);
});

test("the waiting room asks less and less often, and not at all in a hidden tab", async () => {
  const token = await site.client.register("patient@example.com");
  const visitor = await site.visit();
  const { page } = visitor;
  await page.clock.install();
  let looks = 0;
  page.on("response", (response) => {
    if (response.url().endsWith("/auth/registration_status")) looks++;
  });
  await visitor.open(`/account/signup?token=${token}`);
  await visitor.sees("Your request is waiting for a decision");
  const pass = async (seconds: number) => {
    const before = looks;
    for (let second = 0; second < seconds; second++) {
      await page.clock.runFor(1_000);
      await page.evaluate("fetch('/web/icon.svg').then((answer) => answer.text())");
    }
    return looks - before;
  };
  const atFirst = await pass(30);
  expect(atFirst).toBeGreaterThanOrEqual(4);
  expect(atFirst).toBeLessThanOrEqual(7);
  await page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })");
  await visitor.returnToTab();
  await page.clock.runFor(11_000);
  expect(await pass(20)).toBe(0);
  await page.evaluate("delete document.visibilityState");
  const comesBack = page.waitForResponse(/registration_status/);
  await visitor.returnToTab();
  await comesBack;
  await visitor.leave();
});

test("M16: /setup makes the first administrator, once, whom nobody is said to have approved; without a link it says how to get one", async () => {
  const { url } = await site.client.command("app", "create_setup_link");
  const visitor = await site.visit();
  await visitor.open("/setup");
  await visitor.sees("This page needs a setup link");
  await visitor.open(url);
  await visitor.sees("Become the first administrator");
  expect(visitor.page.url()).toBe(`${site.stack.urls.app}/setup`);
  await visitor.fill({ firstname: "Grace", lastname: "Hopper", email: "grace@example.com" });
  await visitor.press("Go on");
  await visitor.sees("Activate your account");
  await visitor.reads("With it you choose your password, and are the administrator.");
  expect(await visitor.page.locator("main").innerText()).not.toMatch(/approved|Wait/);
  expect(await visitor.page.getByRole("link", { name: "Mailbox" }).getAttribute("href")).toBe("/dev/mailbox");
  const code = (await site.walk.mailsTo("grace@example.com")).at(-1)?.code ?? "";
  await visitor.fill({ code, password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");
  await visitor.page.getByRole("link", { name: "Administration" }).click();
  await visitor.sees("Requests");
  const late = await site.visit();
  await late.open(url);
  await late.fill({ firstname: "Eve", lastname: "Late", email: "eve@example.com" });
  await late.press("Go on");
  await late.reads("This setup link has expired or was used.");
  await late.leave(["410 /auth/setup_administrator"]);
  await visitor.leave();
});

test("signing in, registering and recovering say what is wrong, and do not tell who has an account", async () => {
  await site.walk.activate("member@example.com");
  const visitor = await site.visit();
  const said: string[] = [];
  for (const email of ["member@example.com", "nobody@example.com"]) {
    await visitor.open("/account/login");
    await visitor.fill({ email, password: "not the right password" });
    await visitor.press("Sign in");
    await visitor.page.locator(".note-bad").waitFor();
    said.push(await visitor.page.locator("main").innerText());
  }
  expect(said[0]).toBe(said[1]);
  await visitor.signIn("member@example.com", goodPassword);
  await visitor.open("/account/login");
  await visitor.reads("You are signed in already.");
  await visitor.open("/admin");
  await visitor.sees("This page is for administrators");
  await visitor.open("/nowhere");
  await visitor.sees("There is no such page");
  await visitor.open("/account/register");
  await visitor.fill({ firstname: "Ada", lastname: "Lovelace", email: `${"a".repeat(60)}@${"b".repeat(60)}.example` });
  await visitor.press("Send my request");
  await visitor.reads("This is not an email address we can use.");
  await visitor.page.route("**/auth/request_registration", (route) =>
    route.fulfill({ status: 422, json: { code: "invalid_field", errors: [{ field: "language", message: "" }] } }),
  );
  await visitor.press("Send my request");
  await visitor.reads("Something in this form cannot be used.");
  await visitor.leave(["404 /nowhere", "422 /auth/request_registration"]);
});

test("M-18: a link for a new password that expired is renewed with one click", async () => {
  const address = "slow@example.com";
  await site.walk.activate(address);
  await site.client.app.post("/account/request_password_link", { email: address });
  const linkOf = async () => (await site.walk.newestMail(address, "password_reset")).link ?? "";
  const old = await linkOf();
  await site.client.advanceClocks(21 * 60);
  const visitor = await site.visit();
  await visitor.open(old);
  await visitor.sees("This link has expired");
  await visitor.press("Send me a new link");
  await visitor.reads("A new link is on its way");
  await expect.poll(linkOf).not.toBe(old);
  await visitor.open(await linkOf());
  await visitor.sees("Your new password");
  await visitor.leave(["404 /account/password_link_status"]);
});

test("one’s data is a file, and an account is deleted with its password, for good", async () => {
  const visitor = await site.visitAs("leaves@example.com");
  await visitor.open("/account");
  const [download] = await Promise.all([
    visitor.page.waitForEvent("download"),
    visitor.press("Save my data as a file"),
  ]);
  expect(JSON.parse(await readFile(await download.path(), "utf8")).account.email).toBe("leaves@example.com");
  await visitor.page.getByText("Delete my account", { exact: true }).click();
  const remove = async (password: string) => {
    await visitor.page.locator("#data [name=password]").fill(password);
    await visitor.press("Delete my account for good");
  };
  await remove("not my password at all");
  await visitor.reads("This password is wrong.");
  await remove(goodPassword);
  await visitor.sees("Your account is deleted");
  await visitor.page.getByRole("link", { name: "Sign up" }).waitFor();
  await visitor.leave(["403 /account/delete"]);
});

test("while the server thinks, pages say that they load; what cannot be read is said, with a way to try again", async () => {
  const visitor = await site.visitAs("watcher@example.com", ["admin"]);
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  await visitor.page.route("**/auth/registration_status", (route) => held.then(() => route.continue()));
  await visitor.page.goto(
    `${site.stack.urls.app}/account/signup?token=${await site.client.register("slowly@example.com")}`,
  );
  await visitor.page.getByRole("status").getByText("Loading…").waitFor();
  answer();
  await visitor.sees("Your request is waiting for a decision");
  await visitor.page.route("**/admin/registrations/*", (route) =>
    route.fulfill({ status: 500, json: { code: "internal_error" } }),
  );
  await visitor.open("/admin");
  await visitor.reads("Something went wrong on our side.");
  await visitor.page.unroute("**/admin/registrations/*");
  await visitor.press("Try again");
  await visitor.reads("slowly@example.com");
  await visitor.leave(["500 /admin/registrations/"]);
});

test("a server that does not answer is said, nothing is lost, and pages go on by themselves when it is back", async () => {
  const [waiting, member] = [await site.client.register("still@example.com"), await site.visitAs("there@example.com")];
  const visitor = await visitWaitingRoom(waiting);
  await visitor.sees("Your request is waiting for a decision");
  const newcomer = await site.visit();
  await newcomer.open("/account/register");
  await newcomer.fill({ firstname: "Ada", lastname: "Lovelace", email: "newcomer@example.com" });
  await site.stack.servers.auth.kill();
  await member.open("/account");
  await member.sees("We can’t load this right now");
  await member.reads("Signing in and signing up are not available just now.");
  await site.stack.servers.app.kill();
  await newcomer.press("Send my request");
  await newcomer.reads("The server cannot be reached.");
  expect(await newcomer.page.locator("[name=email]").inputValue()).toBe("newcomer@example.com");
  await visitor.returnToTab();
  await visitor.reads("This page tries again by itself.");
  await Promise.all([site.stack.servers.auth.start(), site.stack.servers.app.start()]);
  await visitor.returnToTab();
  await visitor.reads("This page shows the decision as soon as there is one.");
  await newcomer.press("Send my request");
  await newcomer.sees("Your request is waiting for a decision");
  await member.press("Try again");
  await member.sees("Your account");
  await member.leave(["503 /auth/session_info/"]);
  await newcomer.leave(["no answer /auth/request_registration"]);
  await visitor.leave(["no answer /auth/registration_status"]);
});
