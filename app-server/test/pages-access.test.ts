import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { patiently } from "@anteroom/shared/testing/patience";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Site, startSite, type Visitor } from "./support/visitor.ts";
import { goodPassword } from "./support/walk.ts";

let site: Site;
let axe: string;

beforeAll(async () => {
  [site, axe] = await Promise.all([
    startSite(),
    readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"),
  ]);
});

afterAll(() => site?.stop());

/** What axe finds that is serious or critical: rule and place. It comes in past the policy, as a browser's own tools do. */
async function findBarriers(page: Page): Promise<string[]> {
  await page.evaluate(`window.axe ?? (() => { ${axe} })()`);
  return page.evaluate(`axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + " " + target + " " + failureSummary)))`);
}

/** What does not fit: the page into its window, whatever sticks out without a way to scroll there, text into its box. */
const findOverflow = `(() => {
  const width = document.documentElement.clientWidth;
  const isScrolled = (element) => element && (/auto|scroll|hidden/.test(getComputedStyle(element).overflowX) || isScrolled(element.parentElement));
  const out = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.height > 1 && (box.right > width + 1 || box.left < -1) && !isScrolled(element.parentElement);
  });
  const wide = document.documentElement.scrollWidth > width ? ["the page is wider than its window"] : [];
  const overfull = [...document.querySelectorAll("main *")].filter((element) => !element.firstElementChild && element.clientWidth > 1 &&
    element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX === "visible");
  return [...wide, ...[...out, ...overfull].map((element) => element.outerHTML.slice(0, 80))];
})()`;

/** At 320 px (a phone, or 1280 px at 400 %), and at 640 px with text of twice the size. */
async function findCut(page: Page): Promise<string[]> {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 640 });
  const narrow = await page.evaluate<string[]>(findOverflow);
  await page.setViewportSize({ width: 640, height: 640 });
  await page.evaluate("document.documentElement.style.fontSize = '200%'");
  const zoomed = await page.evaluate<string[]>(findOverflow);
  await page.evaluate("document.documentElement.style.fontSize = ''");
  if (before) await page.setViewportSize(before);
  return [...narrow.map((found) => `320 px: ${found}`), ...zoomed.map((found) => `200 %: ${found}`)];
}

/** Everything that moves, for somebody who asked that nothing does. */
const findMotion = `document.getAnimations().filter((animation) => animation.playState === "running" &&
  animation.effect.getComputedTiming().duration > 1).map((animation) => animation.animationName ?? "transition")`;

const looks = [
  { locale: "en", colorScheme: "light", reducedMotion: "reduce" },
  { locale: "nl", colorScheme: "dark", reducedMotion: "reduce" },
] as const;

type Room = [name: string, enter: (visitor: Visitor) => Promise<unknown>];

interface Inspection {
  session?: { cookie: string };
  /** Answers that say no, which these rooms are to show. */
  refused?: string[];
}

/** Looks at rooms in both languages and both colour schemes. */
async function inspect(rooms: Room[], { session, refused = [] }: Inspection = {}): Promise<void> {
  for (const look of looks) {
    const visitor = await site.visit(look);
    if (session) await visitor.carry(session);
    for (const [name, enter] of rooms) {
      await enter(visitor);
      await visitor.page.locator(".loading").first().waitFor({ state: "detached" });
      const found = [
        ...(await findBarriers(visitor.page)),
        // Dutch takes more room.
        ...(look.locale === "nl" ? await findCut(visitor.page) : []),
        ...(await visitor.page.evaluate<string[]>(findMotion)),
      ];
      expect.soft({ name, ...look, found }).toEqual({ name, ...look, found: [] });
    }
    await visitor.leave(refused);
  }
}

const at = (path: string): Room => [path, (visitor) => visitor.open(path)];
const submit = ({ page }: Visitor) => page.locator("main form button[type=submit]").first().click();

test("axe, 320 px, 200 % and still pages: everything that a registrant sees", {
  timeout: patiently(60_000),
}, async () => {
  const waiting = await site.client.register("waits@example.com");
  const open = await site.walk.open("opens@example.com");
  await site.walk.activate("member@example.com");
  await site.client.app.post("/account/request_password_link", { email: "member@example.com" });
  const reset = (await site.walk.newestMail("member@example.com", "password_reset")).link ?? "";
  const { url: setup } = await site.client.command("app", "create_setup_link");
  await inspect(
    [
      at("/"),
      at("/account/register"),
      at(`/account/signup?token=${waiting}`),
      [
        "activation",
        async (visitor) => {
          await visitor.open(`/account/signup?token=${open.token}&code=ABCD2345`);
          await visitor.fill({ password: "password1234" });
          await visitor.page.locator("meter").waitFor();
          await submit(visitor);
          await visitor.page.locator(".field-message, .note-bad").first().waitFor();
        },
      ],
      at("/account/signup"),
      at("/account/signup?token=gone"),
      [
        "login",
        async (visitor) => {
          await visitor.open("/account/login");
          await visitor.fill({ email: "nobody@example.com", password: "not the right one" });
          await submit(visitor);
          await visitor.page.locator(".note-bad").waitFor();
        },
      ],
      at("/account/recover"),
      ["reset", (visitor) => visitor.open(reset)],
      ["setup", (visitor) => visitor.open(setup)],
      at("/nowhere"),
    ],
    { refused: ["404 /auth/registration_status", "404 /nowhere"] },
  );
});

test("axe, 320 px, 200 % and still pages: everything that a member sees", { timeout: patiently(60_000) }, async () => {
  const { session } = await site.walk.activate("account@example.com");
  await site.client.app.post("/account/change_email", { email: "new@example.com", password: goodPassword }, session);
  const change = (await site.walk.mailsTo("new@example.com")).at(-1)?.link ?? "";
  // The link works for twenty minutes, the password shown counts for fifteen.
  await site.client.advanceClocks(16 * 60);
  await inspect(
    [
      at("/"),
      [
        "account",
        async (visitor) => {
          await visitor.open("/account");
          await visitor.page.locator("#sessions li").first().waitFor();
          await visitor.page.locator("#address [name=code]").waitFor();
          for (const summary of await visitor.page.locator("summary").all()) await summary.click();
        },
      ],
      [
        "password asked for",
        async (visitor) => {
          await visitor.open("/account");
          await visitor.page.locator("#mails [name=signin_notification]").uncheck();
          await visitor.page.locator("#mails button[type=submit]").click();
          await visitor.page.locator("#mails .inset").waitFor();
        },
      ],
      ["change", (visitor) => visitor.open(change)],
      at("/admin"),
    ],
    { session, refused: ["403 /account/preferences/"] },
  );
});

/** What the listener for mails that come back would have written down. */
async function receiveMails(): Promise<void> {
  const { sql } = site.stack;
  const now = Math.floor(Date.now() / 1_000);
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    values (null, 'other', 'unknown_mail', null, ${"Unprompted words, as long as they like. ".repeat(20)}, ${now})`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    select id, 'complaint', 'noted', 'abuse', 'Feedback-Type: abuse', ${now} from mails limit 1`;
  await sql`insert into inbound_mails (mail_id, kind, outcome, reason, excerpt, received_at)
    select id, 'bounce', 'bounced', '550 5.1.1 No such user here', 'Final-Recipient: rfc822; x@example.com', ${now}
    from mails limit 1`;
}

test("axe, 320 px, 200 % and still pages: everything that an administrator sees", {
  timeout: patiently(60_000),
}, async () => {
  for (const name of ["one", "two"]) await site.client.register(`${name}@queue.example`);
  await site.client.register("bad@queue.example");
  await site.walk.decide("reject_user", "bad@queue.example", { reason: "Not found." });
  await site.walk.activate("managed@example.com");
  await receiveMails();
  await site.client.advanceClocks(16 * 60);
  const list = (visitor: Visitor) => visitor.page.locator("article, li, table").first().waitFor();
  const queue = async (visitor: Visitor, ...keys: string[]) => {
    await visitor.open("/admin");
    await list(visitor);
    for (const key of keys) await visitor.page.keyboard.press(key);
  };
  await inspect(
    [
      ["queue", (visitor) => queue(visitor, "j", "x")],
      [
        "rejection",
        async (visitor) => {
          await queue(visitor, "j", "r");
          await visitor.page.locator("dialog pre").waitFor();
        },
      ],
      ["keys", (visitor) => queue(visitor, "?")],
      at("/admin?show=rejected"),
      at("/admin/people"),
      [
        "password asked for",
        async (visitor) => {
          await visitor.open("/admin/people");
          await visitor.page.locator("li", { hasText: "managed@example.com" }).getByRole("link").click();
          await visitor.page.locator(".panel-part .danger").click();
          await visitor.page.locator("dialog .danger").click();
          await visitor.page.locator("dialog .inset").waitFor();
        },
      ],
      [
        "mail 21: what came back",
        async (visitor) => {
          await visitor.open("/admin/mail");
          const rows = visitor.page.locator("#inbound li");
          await rows.first().waitFor();
          expect(await rows.count()).toBe(3);
          expect(await rows.first().innerText()).toContain("550 5.1.1 No such user here");
          for (const summary of await rows.locator("summary").all()) await summary.click();
          await visitor.page.locator("#inbound pre", { hasText: "Unprompted" }).waitFor();
        },
      ],
      at("/admin/decisions"),
      at("/admin/overview"),
    ],
    { session: site.walk.admin, refused: ["403 /admin/delete_user/"] },
  );
});

/** Where the focus is: what is said of it, where it sits, and whether one can see that it is there. */
const readFocus = `(() => {
  const element = document.activeElement;
  const frame = element.closest(".field-frame") ?? element;
  const { left, top } = frame.getBoundingClientRect();
  const style = getComputedStyle(frame);
  return { name: element.getAttribute("aria-label") ?? (element.name || element.innerText.trim()),
    left, top: top + scrollY, isShown: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
})()`;

interface Focus {
  name: string;
  left: number;
  top: number;
  isShown: boolean;
}

/** Everything that Tab leads to, in its order, from the top of the page to its end. */
async function walk({ page }: Visitor): Promise<Focus[]> {
  const stops: Focus[] = [];
  await page.evaluate("document.activeElement.blur()");
  for (let turn = 0; turn < 60; turn++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate<boolean>("document.activeElement === document.body")) break;
    stops.push(await page.evaluate<Focus>(readFocus));
  }
  return stops;
}

/** Down the page, and along each line; a column to the right begins at the top again. */
function isInOrder(before: Focus, after: Focus): boolean {
  return after.top >= before.top - 24 || after.left > before.left + 100;
}

test("the Tab key leads through every page in the order one reads it, and one sees where it is", {
  timeout: patiently(60_000),
}, async () => {
  const waiting = await site.client.register("tabs@example.com");
  const open = await site.walk.open("tabs-open@example.com");
  const { session } = await site.walk.activate("tabs-member@example.com");
  const visitor = await site.visit();
  const look = async (paths: string[]) => {
    for (const path of paths) {
      await visitor.open(path);
      await visitor.page.locator("header nav").locator("a, button").first().waitFor();
      const stops = await walk(visitor);
      expect(stops[0]?.name).toBe("Skip to the content");
      const astray = stops.slice(1).filter((stop, index) => index > 0 && !isInOrder(stops[index] as Focus, stop));
      const unseen = stops.filter(({ isShown }) => !isShown);
      expect.soft({ path, astray, unseen }).toEqual({ path, astray: [], unseen: [] });
    }
  };
  await look(["/", "/account/register", `/account/signup?token=${waiting}`, `/account/signup?token=${open.token}`]);
  await look(["/account/login", "/account/recover", "/setup#link"]);
  await visitor.carry(session);
  await look(["/account"]);
  await visitor.page.context().clearCookies();
  await visitor.carry(site.walk.admin);
  await look(["/admin", "/admin/people", "/admin/mail", "/admin/overview"]);
  await visitor.leave();
});

test("from the home page to an account and out again with Tab, Enter and Space alone", async () => {
  const address = "keyboard@example.com";
  const visitor = await site.visit();
  const { page } = visitor;
  const { keyboard } = page;
  const type = async (name: string, text: string) => {
    await visitor.tabTo(page.locator(`main [name="${name}"]:visible`));
    await keyboard.type(text);
  };
  const choose = async (label: string, key = "Enter") => {
    await visitor.tabTo(page.locator("button:visible, a:visible, summary:visible", { hasText: label }).last());
    await keyboard.press(key);
  };
  await visitor.open("/");
  await keyboard.press("Tab");
  await keyboard.press("Enter");
  expect(await page.evaluate("document.activeElement.id")).toBe("content");
  await choose("Sign up");
  await visitor.sees("Ask for an account");
  await type("firstname", "Ada");
  await type("lastname", "Lovelace");
  await type("email", address);
  await keyboard.press("Enter");
  await visitor.sees("Your request is waiting for a decision");
  await site.walk.decide("accept_user", address);
  await visitor.returnToTab();
  await visitor.sees("Activate your account");
  expect(await page.evaluate("document.activeElement.tagName")).toBe("H1");
  await type("code", (await site.walk.mailsTo(address)).at(-1)?.code ?? "");
  await type("password", goodPassword);
  await visitor.tabTo(page.getByRole("button", { name: "Show the password" }));
  await keyboard.press("Space");
  expect(await page.locator("[name=password]").getAttribute("type")).toBe("text");
  await choose("Activate my account", "Space");
  await visitor.sees("Welcome");
  await type("lastname", " King");
  await keyboard.press("Enter");
  await visitor.reads("Your name is saved.");
  await choose("Choose a new password", "Space");
  await type("current", goodPassword);
  await type("password", "seven quiet boats at dawn");
  await type("again", "seven quiet boats at dawn");
  await keyboard.press("Enter");
  await visitor.reads("Your password is changed");
  await visitor.open("/account");
  await choose("Sign out", "Space");
  await visitor.sees(/^Welcome to/);
  await visitor.leave();
});

test("low: pages say what they are before a script runs; robots, manifest and the address for a new password are there", async () => {
  const { app } = site.stack.urls;
  const read = async (path: string) => (await fetch(app + path, { headers: { accept: "text/html" } })).text();
  for (const [path, title] of [
    ["/", "Welcome"],
    ["/account/login", "Sign in"],
    ["/account/register", "Ask for an account"],
  ]) {
    const html = await read(path ?? "");
    expect(html).toMatch(new RegExp(`<title>${title} – `));
    expect(html).toContain('<meta name="description" content="');
    for (const name of ["title", "description", "image"])
      expect(html).toContain(`<meta property="og:${name}" content="`);
    expect(html).not.toContain("noindex");
  }
  for (const path of ["/account", "/account/signup", "/admin", "/admin/people", "/setup", "/nowhere"])
    expect(await read(path), path).toContain('<meta name="robots" content="noindex">');
  const robots = await fetch(`${app}/robots.txt`);
  expect([robots.headers.get("content-type"), await robots.text()]).toEqual([
    expect.stringContaining("text/plain"),
    expect.stringContaining("Disallow: /admin\n"),
  ]);
  const manifest = await fetch(`${app}/manifest.webmanifest`);
  expect(manifest.headers.get("content-type")).toContain("application/manifest+json");
  const { icons } = (await manifest.json()) as { icons: { src: string }[] };
  for (const src of [...icons.map((icon) => icon.src), "/web/icon-180.png"]) {
    const icon = await fetch(app + src);
    expect([src, icon.status, icon.headers.get("content-type")]).toEqual([src, 200, expect.stringContaining("image/")]);
  }
  const change = await fetch(`${app}/.well-known/change-password`, { redirect: "manual" });
  expect([change.status, change.headers.get("location")]).toEqual([302, "/account#password"]);
});

test("looks: header, content and footer begin on one line, at any width; dates are those of the reader's region", async () => {
  const visitor = await site.visitAs("grid@example.com", [], { locale: "en-GB" });
  for (const [address, width] of [
    ["/", 1280],
    ["/account", 1920],
    ["/account", 390],
  ] as const) {
    await visitor.page.setViewportSize({ width, height: 800 });
    await visitor.open(address);
    const edges = await visitor.page.evaluate<number[]>(
      `[".brand", "h1", ".languages"].map((part) => Math.round(document.querySelector(part).getBoundingClientRect().left))`,
    );
    expect(new Set(edges).size, `${address} at ${width}: ${edges}`).toBe(1);
  }
  const signedIn = () => visitor.page.locator("#sessions li").first().innerText();
  expect(await signedIn()).toMatch(/signed in \d{1,2} \w+ \d{4}/);
  // As a system without a language names it, which Intl throws at.
  await visitor.page.addInitScript(`Object.defineProperty(navigator, "languages", { value: ["en-US@posix"] })`);
  await visitor.open("/account");
  expect(await signedIn()).toMatch(/signed in \d{1,2} \w+ \d{4}/);
  await visitor.leave();
});
