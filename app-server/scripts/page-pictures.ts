import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Visitor } from "../test/support/visitor.ts";
import { type Site, startSite } from "../test/support/visitor.ts";
import { goodPassword } from "../test/support/walk.ts";
import { shrinkPng } from "./small-png.ts";

/** What `picture-pages.ts` runs. */
const folder = fileURLToPath(new URL("../../docs/pages", import.meta.url));

/** Always the same day, so that the same pages make the same pictures. */
const now = Date.UTC(2026, 0, 14, 10) / 1_000;
const day = 86_400;

let site: Site;

beforeAll(async () => {
  site = await startSite({ env: { BACKEND_SITE_NAME: "Dodeka" } });
  await mkdir(folder, { recursive: true });
}, 60_000);

afterAll(() => site.stop());

interface Scene {
  name: string;
  title: string;
  locale?: string;
  /** What the window shows, not the whole page: something stays at its edge or over it. */
  isWindow?: true;
  /** Goes to the page and brings it into the state. */
  play: (visitor: Visitor) => Promise<unknown>;
}

const people = [
  ["Grace", "Hopper"],
  ["Edsger", "Dijkstra"],
  ["Barbara", "Liskov"],
  ["Alan", "Turing"],
  ["Katherine", "Johnson"],
  ["Annie", "van der Berg-Oosterhuizen"],
  ["Radia", "Perlman"],
  ["Hedy", "Lamarr"],
  ["Tim", "Berners-Lee"],
  ["Frances", "Allen"],
  ["Niklaus", "Wirth"],
  ["Mary", "Jackson"],
] as const;

function addressOf([firstname, lastname]: readonly [string, string]): string {
  return `${firstname}.${lastname.replaceAll(" ", "")}@example.com`.toLowerCase();
}

async function setClocks(time: number): Promise<void> {
  await Promise.all([
    site.client.command("auth", "set_clock", { now: Math.round(time) }),
    site.client.command("app", "set_clock", { now: Math.round(time) }),
  ]);
}

async function register(person: readonly [string, string]): Promise<string> {
  return site.client.register(addressOf(person), { firstname: person[0], lastname: person[1] });
}

async function join(person: readonly [string, string]) {
  const address = addressOf(person);
  const token = await register(person);
  await site.walk.decide("accept_user", address);
  const code = (await site.walk.mailsTo(address)).at(-1)?.code ?? "";
  const { body } = await site.client.status(token);
  const { values } = await site.client.completeSignup(body.signup_token, code);
  return {
    userId: values.session.user_id as string,
    session: { cookie: await site.client.setSession(values.session_token) },
  };
}

/** A month of an association: people ask, two administrators decide, some become members. */
async function fillMonth(): Promise<void> {
  for (let ago = 29; ago > 0; ago--) {
    await setClocks(now - ago * day);
    for (let turn = 0; turn < (ago * 7) % 5; turn++) {
      const person = [`Guest${ago}`, `Number${turn}`] as const;
      await register(person);
      await setClocks(now - ago * day + 1_800 * (turn + 1) * (ago % 4));
      await site.walk.decide(turn === 3 ? "reject_user" : "accept_user", addressOf(person));
    }
  }
  await site.stack.sql`delete from newusers`;
  await site.stack.sql`delete from registration_state`;
}

async function fillQueue(): Promise<void> {
  await setClocks(now - 9 * day);
  await register(["Alan", "Turing"]);
  await site.walk.decide("reject_user", "alan.turing@example.com", { reason: "No membership number was given." });
  await site.stack
    .sql`update registration_state set created_at = created_at - ${60 * day}, decided_at = decided_at - ${60 * day}`;
  await site.walk.decide("reopen_registration", "alan.turing@example.com");
  for (const [index, person] of people.entries()) {
    await setClocks(now - (people.length - index) ** 2 * 3_600);
    if (person[1] !== "Turing") await register(person);
  }
  await site.client.register("second.hopper@example.org", { firstname: "Grace", lastname: "Hopper" });
}

async function fillDecided(): Promise<void> {
  const approved = [
    ["Dorothy", "Vaughan"],
    ["Ken", "Thompson"],
    ["Margaret", "Hamilton"],
    ["Donald", "Knuth"],
  ] as const;
  for (const [index, person] of approved.entries()) {
    await setClocks(now - (5 - index) * 900);
    await register(person);
    await site.walk.decide("accept_user", addressOf(person));
  }
  const reason = "We could not find you among this year's members. Write to us when your membership has been paid.";
  for (const person of [
    ["Bob", "Bemer"],
    ["Mallory", "Smith"],
  ] as const) {
    await register(person);
    await site.walk.decide("reject_user", addressOf(person), person[0] === "Bob" ? { reason } : {});
  }
  await site.client.drainMail();
  const { sql } = site.stack;
  await sql`update mails set status = 'bounced', reason = '550 5.1.1 No such user here' where email_norm = 'ken.thompson@example.com'`;
  await sql`update mails set status = 'deferred', reason = '451 4.7.1 Greylisted, try again later', attempts = 3,
    next_try_at = ${now + 1_800} where email_norm = 'margaret.hamilton@example.com'`;
  await sql`update mails set status = 'failed', reason = '554 5.7.1 Refused by policy', attempts = 1 where email_norm = 'bob.bemer@example.com'`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    values (null, 'other', 'unknown_mail', null, 'Subject: Out of office', ${now - 9_000})`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    select id, 'delay', 'delayed', '4.2.2 Mailbox full', 'Action: delayed', ${now - 5_400} from mails
    where email_norm = 'margaret.hamilton@example.com'`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    select id, 'bounce', 'bounced', reason, 'Reporting-MTA: dns; mx.example.com', ${now - 1_800} from mails
    where email_norm = 'ken.thompson@example.com'`;
}

const anonymous: Scene[] = [
  { name: "home", title: "The home page", play: (it) => it.open("/") },
  { name: "home.nl", title: "The home page in Dutch", locale: "nl", play: (it) => it.open("/") },
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
      await it.reads("A new mail is on its way.");
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
    title: "Not accepted",
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
  { name: "gone", title: "A link that leads nowhere any more", play: (it) => it.open("/account/signup?token=gone") },
  {
    name: "code",
    title: "Without a link: address and code",
    play: async (it) => {
      await it.open("/account/signup");
      await it.fill({ email: "ada@example.com", code: "K7PM X2Q9" });
      await it.press("Go on");
      await it.reads("No sign-up waits");
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
    title: "Address or password not right",
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
      const link = (await site.walk.mailsTo("grace@example.com")).at(-1)?.link ?? "";
      await it.open(link);
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

const asMember: Scene[] = [
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

/** The queue and what is about it; everything is there, nothing more is loading. */
async function openAdmin(it: Visitor, address: string): Promise<void> {
  await it.open(address);
  const loading = it.page.locator(".loading");
  while ((await loading.count()) > 0) await loading.first().waitFor({ state: "detached" });
}

async function selectThree(it: Visitor): Promise<void> {
  await openAdmin(it, "/admin");
  await it.page.locator("article").first().waitFor();
  for (const key of ["j", "x", "j", "x", "j", "x"]) await it.page.keyboard.press(key);
  await it.page.locator(".selection").waitFor();
}

async function openPerson(it: Visitor): Promise<void> {
  await openAdmin(it, "/admin/people");
  await it.page
    .getByRole("button", { name: /Manage/ })
    .nth(1)
    .click();
}

const asAdministrator: Scene[] = [
  {
    name: "queue-empty",
    title: "Nobody waits",
    play: async (it) => {
      await it.page.route("**/admin/registrations/?*", async (route) => {
        const answer = await (await route.fetch()).json();
        await route.fulfill({ json: { ...answer, rows: [], next: null, counts: { ...answer.counts, REQUESTED: 0 } } });
      });
      await openAdmin(it, "/admin");
    },
  },
  { name: "queue", isWindow: true, title: "The queue", play: (it) => openAdmin(it, "/admin") },
  {
    name: "queue-selected.nl",
    isWindow: true,
    title: "Three people selected, in Dutch",
    locale: "nl",
    play: selectThree,
  },
  {
    name: "queue-nothing-found",
    title: "A search that finds nobody",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.locator("input[type=search]").fill("nobody like this");
      await it.reads("Nobody here matches");
    },
  },
  {
    name: "queue-reject",
    isWindow: true,
    title: "Rejecting, with the mail that it makes",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.locator("article").first().waitFor();
      await it.page.keyboard.press("j");
      await it.page.keyboard.press("r");
      await it.page.keyboard.type("We could not find you among this year's members.");
      await it.page.locator("dialog pre", { hasText: "this year's members" }).waitFor();
    },
  },
  {
    name: "queue-approve-many",
    isWindow: true,
    title: "Approving many at once",
    play: async (it) => {
      await selectThree(it);
      await it.page.locator(".selection").getByRole("button", { name: "Approve" }).click();
      await it.page.getByRole("dialog").waitFor();
    },
  },
  {
    name: "queue-batch",
    isWindow: true,
    title: "Many are being approved",
    play: async (it) => {
      const batch = {
        ...{ id: "1", decision: "accept", reason: null, actor: "x", actor_name: "Grace Hopper", total: 240, done: 131 },
        ...{
          failed: [
            { email: "eve@example.com", error: "registration_not_found", decided_by_name: null, decided_at: null },
          ],
        },
        ...{ created_at: now - 20, finished_at: null },
      };
      await it.page.route("**/admin/batches/", (route) => route.fulfill({ json: { batches: [batch] } }));
      await openAdmin(it, "/admin");
    },
  },
  {
    name: "queue-help",
    isWindow: true,
    title: "The keys of the queue",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.keyboard.press("?");
    },
  },
  {
    name: "queue-decided-before",
    isWindow: true,
    title: "Somebody else was quicker",
    play: async (it) => {
      await openAdmin(it, "/admin");
      await it.page.locator("article").first().waitFor();
      await it.page.route("**/admin/accept_user/", (route) =>
        route.fulfill({
          status: 409,
          json: {
            ...{ code: "invalid_transition", detail: "", state: "REJECTED", decided_by: "x" },
            ...{ decided_by_name: "Edsger Dijkstra", decided_at: now - 240 },
          },
        }),
      );
      await it.page.locator("article").first().getByRole("button", { name: "Approve" }).click();
      await it.page.locator(".message").waitFor();
    },
  },
  {
    name: "queue-approved",
    isWindow: true,
    title: "Approved and not yet active",
    play: (it) => openAdmin(it, "/admin?show=approved"),
  },
  { name: "queue-rejected", isWindow: true, title: "Rejected", play: (it) => openAdmin(it, "/admin?show=rejected") },
  {
    name: "people",
    title: "People, one of them opened",
    play: openPerson,
  },
  {
    name: "people-asks",
    isWindow: true,
    title: "The password is asked for before an account is deleted",
    play: async (it) => {
      await openPerson(it);
      await it.page.getByRole("button", { name: "Delete the account" }).click();
      await it.page.getByRole("dialog").getByRole("button", { name: "Delete the account" }).click();
      await it.page.locator("dialog .inset").waitFor();
    },
  },
  { name: "mail", title: "Mail that failed, and what came back", play: (it) => openAdmin(it, "/admin/mail") },
  {
    name: "mail-delayed.nl",
    title: "Mail that is delayed, in Dutch",
    locale: "nl",
    play: async (it) => {
      await openAdmin(it, "/admin/mail");
      await it.page.getByRole("button", { name: /^Vertraagd/ }).click();
      await it.page.locator(".loading").first().waitFor({ state: "detached" });
    },
  },
  { name: "decisions", isWindow: true, title: "The log of decisions", play: (it) => openAdmin(it, "/admin/decisions") },
  { name: "overview", title: "The overview", play: (it) => openAdmin(it, "/admin/overview") },
  { name: "overview.nl", title: "The overview in Dutch", locale: "nl", play: (it) => openAdmin(it, "/admin/overview") },
];

const looks = [
  { width: 1_200, colorScheme: "light" },
  { width: 1_200, colorScheme: "dark" },
  { width: 320, colorScheme: "light" },
  { width: 320, colorScheme: "dark" },
] as const;

/** One state as it looks wide and narrow, light and dark, beside one another. */
async function takeSheet({ name, locale, isWindow, play }: Scene, session?: { cookie: string }): Promise<void> {
  const visitor = await site.visit({ reducedMotion: "reduce", timezoneId: "Europe/Amsterdam", locale: locale ?? "en" });
  const { page } = visitor;
  await page.clock.setFixedTime(now * 1_000);
  if (session) await visitor.carry(session);
  await play(visitor);
  const pictures: string[] = [];
  for (const { width, colorScheme } of looks) {
    await page.setViewportSize({ width, height: width === 320 ? 720 : 800 });
    await page.emulateMedia({ colorScheme });
    await page.evaluate("scrollTo(0, 0)");
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    const picture = await page.screenshot({ fullPage: !isWindow, animations: "disabled" });
    pictures.push(`<img src="data:image/png;base64,${picture.toString("base64")}">`);
  }
  await page.context().close();
  await writeFile(`${folder}/${name}.png`, await arrange(pictures));
}

async function arrange(pictures: string[]): Promise<Buffer> {
  const sheet = await site.browser.newPage({ viewport: { width: 3_104, height: 200 } });
  await sheet.setContent(`<body style="margin:0;background:#888"><div style="display:flex;align-items:start;gap:16px;padding:8px">
    ${pictures.join("")}</div></body>`);
  const png = await sheet.screenshot({ fullPage: true });
  await sheet.close();
  return shrinkPng(png);
}

function indexOf(groups: readonly (readonly [string, Scene[]])[]): string {
  const sections = groups.map(([heading, scenes]) => {
    const pictures = scenes.map(({ name, title }) => `### ${title}\n\n![${title}](${name}.png)`);
    return [`## ${heading}`, ...pictures].join("\n\n");
  });
  return `# How the pages look

Each sheet shows one state of a page wide (1200 px) and narrow (320 px), in light and dark, drawn by Chromium from the
real servers. Made anew with \`node app-server/scripts/picture-pages.ts\`.

${sections.join("\n\n")}
`;
}

/** The cookie of a session that a browser opened, this one or another. */
async function signInWith(userAgent?: string): Promise<{ cookie: string }> {
  const visitor = await site.visit(userAgent ? { userAgent } : {});
  await visitor.signIn("grace@example.com", goodPassword);
  const cookie = (await visitor.page.context().cookies()).find(({ name }) => name === "__Host-session");
  await visitor.page.context().close();
  return { cookie: `${cookie?.name}=${cookie?.value}` };
}

test("pictures", { timeout: 3_600_000 }, async () => {
  const wanted = process.env.PICTURES ?? "";
  const isWanted = ({ name }: Scene) => new RegExp(wanted).test(name);
  if (asAdministrator.some(isWanted)) await fillMonth();
  await setClocks(now - 40 * 60);
  const member = await join(["Grace", "Hopper"]);
  const { sql } = site.stack;
  await sql`update users set email = 'grace@example.com', email_norm = 'grace@example.com' where id = ${member.userId}`;
  await sql`update users set created_at = ${now - 200 * day}, email = 'root@example.com', email_norm = 'root@example.com'
    where id <> ${member.userId}`;
  await setClocks(now - 3 * day);
  await signInWith(
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
  );
  await setClocks(now - 40 * 60);
  const session = await signInWith();
  await setClocks(now - 60);
  for (const scene of anonymous.filter(isWanted)) await takeSheet(scene);
  for (const scene of asMember.filter(isWanted)) await takeSheet(scene, session);
  if (asAdministrator.some(isWanted)) {
    await sql`delete from newusers`;
    await sql`delete from registration_state`;
    for (const person of [
      ["Linus", "Torvalds"],
      ["Adele", "Goldberg"],
      ["Sophie", "Wilson"],
    ] as const)
      await join(person);
    await sql`insert into permissions (user_id, permission, granted_by, granted_at)
      select id, 'member', ${member.userId}, ${now} from users`;
    await sql`insert into permissions (user_id, permission, granted_by, granted_at)
      values (${member.userId}, 'admin', 'cli', ${now})`;
    await fillQueue();
    await fillDecided();
    await setClocks(now);
    for (const scene of asAdministrator.filter(isWanted)) await takeSheet(scene, session);
  }
  const groups = [
    ["For those who ask for an account", anonymous],
    ["For members", asMember],
    ["For administrators", asAdministrator],
  ] as const;
  await writeFile(`${folder}/README.md`, indexOf(groups));
  if (wanted === "") await removeOthers(groups.flatMap(([, scenes]) => scenes));
});

/** Pictures of pages that are no more. */
async function removeOthers(scenes: Scene[]): Promise<void> {
  const kept = new Set(["README.md", ...scenes.map(({ name }) => `${name}.png`)]);
  for (const file of await readdir(folder)) if (!kept.has(file)) await rm(`${folder}/${file}`);
}
