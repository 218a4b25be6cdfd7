import { goodPassword } from "../../test/support/walk.ts";
import { type Scene, site } from "./stage.ts";

export const asMember: Scene[] = [
  { name: "home-signed-in", title: "The home page, signed in", play: (it) => it.open("/") },
  { name: "welcome", title: "After activation", play: (it) => it.open("/account?welcome") },
  {
    name: "account-open",
    title: "The account with everything opened",
    play: async (it) => {
      await it.open("/account");
      await it.page.locator("#sessions li").first().waitFor();
      for (const summary of await it.page.locator("summary").all()) await summary.click();
      await it.page.locator("#password [name=password]").fill("blue heron");
      await it.page.locator("meter").waitFor();
    },
  },
  {
    name: "account-address",
    title: "A new address waits for its confirmation",
    locale: "nl",
    play: async (it) => {
      await it.open("/account");
      await it.page.locator("#address summary").click();
      await it.page.locator("#address [name=email]").fill("grace@new.example");
      await it.page.locator("#address [name=password]").fill(goodPassword);
      await it.page.locator("#address form button[type=submit]").click();
      await it.page.locator("#address [name=code]").waitFor();
    },
  },
  {
    name: "confirm-address",
    title: "The link in the mail to the new address",
    play: async (it) => it.open((await site.walk.mailsTo("grace@new.example")).at(-1)?.link ?? ""),
  },
  {
    name: "confirm-address-done",
    title: "The new address is confirmed",
    play: async (it) => {
      await it.open((await site.walk.mailsTo("grace@new.example")).at(-1)?.link ?? "");
      await it.press("Use this address");
      await it.sees("Your new address is confirmed");
    },
  },
  {
    name: "confirm-address-over",
    title: "A link for an address that is over",
    play: async (it) => {
      await it.open("/account?change=used&code=K7PMX2Q9");
      await it.press("Use this address");
      await it.sees("This link no longer works");
    },
  },
  {
    name: "account-asks",
    title: "The password is asked for before notices are switched off",
    play: async (it) => {
      await it.open("/account");
      await it.page.locator("#mails [name=signin_notification]").uncheck();
      await it.page.locator("#mails").getByRole("button", { name: "Save" }).click();
      await it.page.locator("#mails .inset").waitFor();
      await it.page.locator("#mails .inset [name=password]").fill("not the right one");
      await it.page.locator("#mails .inset button[type=submit]").click();
      await it.reads("This password is wrong.");
    },
  },
  {
    name: "account-other",
    isWindow: true,
    title: "Somebody else has signed in in another tab",
    play: async (it) => {
      await it.open("/account");
      await it.sees("Your account");
      await it.page.route("**/account/profile", (route) =>
        route.fulfill({ status: 409, json: { code: "another_person_signed_in", detail: "" } }),
      );
      await it.page.route("**/auth/session_info/", async (route) => {
        const { user } = await (await route.fetch()).json();
        const other = {
          user_id: "other",
          email: "edsger.dijkstra@example.com",
          firstname: "Edsger",
          lastname: "Dijkstra",
        };
        await route.fulfill({ json: { user: { ...user, ...other } } });
      });
      await it.press("Save");
      await it.reads("Somebody else has signed in");
    },
  },
  {
    name: "account-unreachable",
    title: "The account, while the auth server does not answer",
    play: async (it) => {
      await it.page.route("**/auth/session_info/", (route) =>
        route.fulfill({ status: 503, json: { code: "auth_server_unavailable", detail: "" } }),
      );
      await it.open("/account");
    },
  },
  {
    name: "admin-refused",
    title: "Administration, for somebody who is no administrator",
    play: (it) => it.open("/admin"),
  },
];
