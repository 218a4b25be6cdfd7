import { expect } from "vitest";
import { goodPassword } from "../../test/support/walk.ts";
import { type Scene, site } from "./stage.ts";

/** For those who ask for an account, and whoever is not signed in. */
export const asVisitor: Scene[] = [
  { name: "home", title: "The home page", play: (it) => it.open("/") },
  { name: "home.nl", title: "The home page in Dutch", locale: "nl", play: (it) => it.open("/") },
  {
    name: "home-waits",
    title: "The home page, in a browser that asked for an account",
    play: async (it) => {
      await it.open("/account/register");
      await it.fill({ firstname: "Ada", lastname: "Lovelace", email: "ada.back@example.com" });
      await it.press("Send my request");
      await it.sees("Your request is waiting for a decision");
      await it.open("/");
      await it.reads("Open my request");
    },
  },
  { name: "register", title: "Asking for an account", play: (it) => it.open("/account/register") },
  {
    name: "register-wrong",
    title: "Asking for an account with an address that cannot be used",
    play: async (it) => {
      await it.open("/account/register");
      await it.fill({ firstname: "Ada", lastname: "Lovelace", email: `${"a".repeat(60)}@${"b".repeat(60)}.example` });
      await it.press("Send my request");
      await it.reads("This is not an email address we can use.");
    },
  },
  {
    name: "waiting",
    title: "Waiting for a decision",
    play: async (it) => it.open(`/account/signup?token=${await site.client.register("ada@example.com")}`),
  },
  {
    name: "waiting-unseen",
    title: "Waiting, while the server does not answer",
    play: async (it) => {
      await it.open(`/account/signup?token=${await site.client.register("ada.waits@example.com")}`);
      await it.page.route("**/auth/registration_status", (route) => route.abort());
      await it.returnToTab();
      await it.reads("tries again by itself");
      await it.page.locator("summary").click();
    },
  },
  {
    name: "activate",
    title: "Approved while the page was open",
    play: async (it) => {
      const { token } = await site.walk.open("ada.approved@example.com");
      await it.open(`/account/signup?token=${token}`);
      await it.press("have it sent again");
      await it.reads("A new email is on its way.");
    },
  },
  {
    name: "activate-link",
    title: "Come from the mailed link, with a password that is good",
    play: async (it) => {
      const { token, code } = await site.walk.open("ada.linked@example.com");
      await it.open(`/account/signup?token=${token}&code=${code}`);
      await it.fill({ code: "K7PMX2Q9", password: "blue heron over the wet marsh" });
      await it.page.locator("meter").waitFor();
    },
  },
  {
    name: "activate-wrong.nl",
    title: "A code that is not right, in Dutch",
    locale: "nl",
    play: async (it) => {
      const { token } = await site.walk.open("ada.wrong@example.com");
      await it.open(`/account/signup?token=${token}&code=ABCD2345`);
      await it.fill({ password: "wachtwoord123456" });
      await it.press("Activeer mijn account");
      await it.reads("Deze code klopt niet");
    },
  },
  {
    name: "expired",
    title: "The code has run out",
    play: async (it) => {
      const status = { email: "ada@example.com", accepted: true, signup_token: null };
      await it.page.route("**/auth/registration_status", (route) => route.fulfill({ json: status }));
      await it.open("/account/signup?token=late");
    },
  },
  {
    name: "rejected",
    title: "Rejected",
    play: async (it) => {
      const token = await site.client.register("ada.rejected@example.com");
      await site.walk.decide("reject_user", "ada.rejected@example.com", { reason: "No." });
      await it.open(`/account/signup?token=${token}`);
    },
  },
  {
    name: "withdrawn",
    title: "Withdrawn",
    play: async (it) => {
      await it.open(`/account/signup?token=${await site.client.register("ada.withdraws@example.com")}`);
      await it.page.locator("summary").click();
      await it.page.locator("form button").click();
      await it.sees("Your request is withdrawn");
    },
  },
  { name: "gone", title: "A link that no longer works", play: (it) => it.open("/account/signup?token=gone") },
  {
    name: "code",
    title: "Without a link: address and code",
    play: async (it) => {
      await it.open("/account/signup");
      await it.fill({ email: "ada@example.com", code: "K7PM X2Q9" });
      await it.press("Go on");
      await it.reads("No request waits");
    },
  },
  {
    name: "unreachable",
    title: "The server does not answer",
    play: async (it) => {
      await it.page.route("**/auth/registration_status", (route) => route.abort());
      await it.open("/account/signup?token=any");
    },
  },
  { name: "login", title: "Signing in", play: (it) => it.open("/account/login?next=/account") },
  {
    name: "login-wrong",
    title: "A wrong address or password",
    play: async (it) => {
      await it.open("/account/login");
      await it.fill({ email: "ada@example.com", password: "not the right one" });
      await it.press("Sign in");
      await it.reads("The address or password is wrong");
    },
  },
  {
    name: "login-cookies",
    title: "Signing in with a browser that keeps no cookies",
    play: async (it) => {
      await it.page.route("**/auth/session_info/", (route) => route.fulfill({ json: { error: "no_session" } }));
      await it.open("/account/login");
      await it.fill({ email: "grace@example.com", password: goodPassword });
      await it.press("Sign in");
      await it.reads("did not keep the cookie");
    },
  },
  {
    name: "login-reset.nl",
    title: "After a new password, in Dutch",
    locale: "nl",
    play: (it) => it.open("/account/login?reset"),
  },
  { name: "recover", title: "A forgotten password", play: (it) => it.open("/account/recover") },
  {
    name: "recover-sent",
    title: "The link is on its way",
    play: async (it) => {
      await it.open("/account/recover");
      await it.fill({ email: "ada@example.com" });
      await it.press("Send me a link");
      await it.sees("Check your email");
    },
  },
  {
    name: "recover-link",
    title: "The link of a forgotten password",
    play: async (it) => {
      await site.client.app.post("/account/request_password_link", { email: "grace@example.com" });
      await it.open((await site.walk.newestMail("grace@example.com", "password_reset")).link ?? "");
      await it.fill({ password: "password123" });
      await it.press("Set the password");
      await it.page.locator(".field-message").waitFor();
    },
  },
  {
    name: "recover-newer",
    title: "A link for a password, and a newer one is on its way",
    play: async (it) => {
      const links = async () =>
        (await site.walk.mailsTo("grace@example.com")).flatMap(({ type, link }) =>
          type === "password_reset" && link ? [link] : [],
        );
      const ask = async () => {
        const before = (await links()).length;
        await site.client.app.post("/account/request_password_link", { email: "grace@example.com" });
        await expect.poll(async () => (await links()).length, { timeout: 20_000 }).toBeGreaterThan(before);
        return (await links()).at(-1) ?? "";
      };
      const older = await ask();
      await ask();
      await it.open(older);
      await it.sees("There is a newer email");
    },
  },
  {
    name: "recover-over",
    title: "A link for a password that was used",
    play: (it) => it.open("/account/recover?token=used&code=x"),
  },
  {
    name: "setup",
    title: "The first administrator",
    play: async (it) => it.open((await site.client.command("app", "create_setup_link")).url),
  },
  { name: "setup-missing", title: "The first administrator, without a link", play: (it) => it.open("/setup") },
  { name: "not-found", title: "No such page", play: (it) => it.open("/nowhere") },
];
