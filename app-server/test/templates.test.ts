import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Language, languages } from "@anteroom/shared/wire/languages";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createCredentials } from "../src/credentials.ts";
import { checkTemplates } from "../src/mail/compose/check-templates.ts";
import { createComposer } from "../src/mail/compose/compose.ts";
import { builtInFolder, createEngines, readTemplates } from "../src/mail/compose/templates.ts";
import { choiceOf, exampleValues, type MailType, mailKinds, mailTypes, type WaitingPerson } from "../src/mail/kinds.ts";
import type { DueMail } from "../src/mail/request.ts";
import { readSettings } from "../src/settings.ts";

const origin = "https://people.example";
const secret = createHash("sha256").update("always the same links").digest("base64");
const every = mailTypes.flatMap((type) => languages.map((language) => [type, language] as const));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "anteroom-templates-"));
});

afterEach(() => vi.restoreAllMocks());

afterAll(() => rm(folder, { recursive: true, force: true }));

function composerWith(env: Record<string, string> = {}, onFault?: (fault: string) => void) {
  const settings = readSettings({
    BACKEND_DATABASE_URL: "postgres://nobody@localhost/none",
    BACKEND_SECRET: secret,
    BACKEND_FRONTEND_ORIGIN: origin,
    BACKEND_SITE_NAME: "Dodeka",
    ...env,
  });
  const credentials = createCredentials(settings.secret);
  return { compose: createComposer(settings, credentials, onFault), credentials };
}

const { compose, credentials } = composerWith();

function dueMail(type: MailType, language: Language, values = exampleValues(language)): DueMail {
  const { code } = mailKinds[type];
  return {
    id: "00000000-0000-4000-8000-000000000000",
    type,
    language,
    email: "ada@example.com",
    userId: "ada",
    createdAt: new Date(0),
    values,
    ...(code ? { code: code.example } : {}),
    ...(code?.opens === "registration" ? { registrationId: "r1" } : {}),
    ...(type === "email_update_verification" ? { linkId: "l1" } : {}),
  };
}

/** What a person sees of the HTML, roughly. */
function wordsOf(html: string): string {
  return html
    .replace(/<head>.*?<\/head>/gs, "")
    .replace(/<[^>]*>/g, "")
    .replace(/&#847;|&zwnj;|&nbsp;/g, "")
    .replaceAll("&amp;", "&")
    .replace(/\s+/g, " ");
}

/** Folder names are given as keys, contents as values. */
async function overridesOf(files: Record<string, string>): Promise<string> {
  const own = await mkdtemp(join(folder, "own-"));
  await writeInto(own, files);
  return own;
}

async function writeInto(own: string, files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(own, name)), { recursive: true });
    await writeFile(join(own, name), content);
  }
}

describe("a new kind of mail is one record and its templates", () => {
  const { text, html } = createEngines(readTemplates(builtInFolder));
  /** What the templates of a kind show or ask for, those included that they share with others. */
  const shownBy = (type: MailType, language: Language) =>
    [text, html].map((engine, index) => {
      const name = `${type}/${language}.${["txt", "html"][index]}`;
      return new Set(Object.keys(engine.analyzeSync(engine.parseFileSync(name)).globals));
    });

  test.each(every)("%s in %s shows every key of its record in both parts", (type, language) => {
    const { must, may } = mailKinds[type];
    for (const shown of shownBy(type, language)) expect([...shown]).toEqual(expect.arrayContaining([...must, ...may]));
  });

  test.each(every)("%s in %s has a page where it has a link, and a link where it has a page", (type, language) => {
    const { page, code } = mailKinds[type];
    for (const shown of shownBy(type, language)) expect(shown.has("link")).toBe(Boolean(page ?? code));
    for (const path of [page, code?.page].filter((each) => each !== undefined))
      expect(path).toMatch(/^\/(account|admin)\b/);
  });

  test.each(mailTypes)("%s shows its code if it has one, and how to switch it off if that may be", (type) => {
    const { must, code } = mailKinds[type];
    expect(must.includes("code")).toBe(code !== undefined);
    expect(must.includes("unsubscribeUrl")).toBe(choiceOf(type) !== undefined);
  });

  test("a security notice comes unless its reader switched it off", () => {
    const notices = mailTypes.filter((type) => mailKinds[type].isSecurityNotice);
    const policy = { notifyApprovers: "off" } as const;
    expect(notices.map((type) => mailKinds[type].choice?.unchosen(policy) ?? true)).not.toContain(false);
  });

  test("each has a folder of templates, and each folder its record", async () => {
    const folders = (await readdir(builtInFolder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    expect(folders.map(({ name }) => name).sort()).toEqual([...mailTypes].sort());
  });
});

describe("the built-in templates", () => {
  test.each(every)(
    "D-22, D-58: %s in %s says the same in text and HTML, with its code, link and reason",
    async (type, language) => {
      const mail = await compose(dueMail(type, language));
      expect([mail.subject, ...mail.text.trimEnd().split("\n")]).toMatchSnapshot();
      const code = mailKinds[type].code?.example;
      if (code) {
        expect(mail.text).toContain(`\n\n    ${code}\n\n`);
        expect(wordsOf(mail.html)).toContain(code);
        expect(mail.html).toContain(`"${code}"`);
        expect(mail.html).toContain(`>${code.slice(0, 4)}</span><span`);
        expect(mail.subject).not.toContain(code);
      }
      for (const link of mail.text.match(/https?:\/\/\S+/g) ?? []) {
        expect(mail.text).toContain(`\n\n${link}\n`);
        expect(mail.html).toContain(`href="${link.replaceAll("&", "&amp;")}"`);
      }
      expect(mail.html).toContain(`<html lang="${language}">`);
      for (const shown of [mail.text, wordsOf(mail.html)])
        expect(shown).toMatch(language === "nl" ? /Je krijgt deze mail omdat/ : /You get this email because/);
    },
  );

  test.each(every)("D-58: %s in %s holds without what may be missing", async (type, language) => {
    const mail = dueMail(type, language, {});
    const { subject, text, html } = await compose({ ...mail, userId: "" });
    expect(subject).toMatch(/\S/);
    expect(`${text}${wordsOf(html)}`).not.toMatch(/undefined|null|\{\{|\{%|\[object|\(\)| [,.]/);
  });

  test.each(every)(
    "%s in %s loads nothing from anywhere and takes the reader's colour scheme",
    async (type, language) => {
      const { html } = await compose(dueMail(type, language));
      expect(html).not.toMatch(/\ssrc=|url\(|@import|<link|<script|<form|http-equiv/i);
      expect(html).toContain('<meta name="color-scheme" content="light dark">');
      expect(html).toContain("@media (prefers-color-scheme: dark)");
      const hrefs = [...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href);
      expect(hrefs.every((href) => href?.startsWith(`${origin}/`))).toBe(true);
      // Gmail cuts longer mails.
      expect(html.length).toBeLessThan(20_000);
    },
  );

  test.each(every)("mail 20: %s in %s hides no text from whoever reads it", async (type, language) => {
    const { html } = await compose(dueMail(type, language));
    const shown = html.replace(/<head>.*?<\/head>/gs, "");
    expect(shown).not.toMatch(
      /display:\s*none|visibility:\s*hidden|opacity:\s*0|font-size:\s*[01]px|max-height:\s*0|hidden/i,
    );
    expect(shown).not.toMatch(/&#847;|&zwnj;|&zwj;|[\u034f\u200b-\u200f\u2060\ufeff]/);
  });

  test("D-21: the link of a sign-up is {origin}/account/signup?token={registration token}&code={code}, and none without a registration", async () => {
    const { registrationId: _, ...unregistered } = dueMail("signup_verification", "en");
    const mail = await compose(dueMail("signup_verification", "en"));
    expect(mail.link).toBe(`${origin}/account/signup?token=${credentials.registrationToken("r1")}&code=K7PMX2Q9`);
    expect(mail.text).toContain(`\n\n${mail.link}\n\n`);
    const bare = await compose(unregistered);
    expect([bare.link, bare.code]).toEqual([undefined, "K7PMX2Q9"]);
    expect(`${bare.text}${bare.html}`).not.toContain("http");
  });

  test("D-22: the Dutch subject of the sign-up is the original’s, spelt as one word", async () => {
    expect((await compose(dueMail("signup_verification", "nl"))).subject).toBe("Activeer je Dodeka-account");
  });

  const withContact = composerWith({
    BACKEND_SMTP_SEND: "true",
    BACKEND_SMTP_HOST: "relay.example",
    BACKEND_SMTP_SENDER_EMAIL: "noreply@people.example",
    BACKEND_SMTP_REPLY_TO: "board@people.example",
  });

  test.each([
    ["signin_notification", `\n\n${origin}/account/recover\n\n`, "(board@people.example)"],
    ["password_updated", `\n\n${origin}/account/recover\n\n`, "(board@people.example)"],
    ["email_updated", "ada@new.example", "(board@people.example)"],
    ["password_reset", "", ""],
  ] as const)("R18: %s says what to do if it was not you, in both parts and languages", async (type, way, contact) => {
    for (const [language, question] of [
      ["en", "Was this not you?"],
      ["nl", "Was jij dit niet?"],
    ] as const) {
      const { text, html } = await withContact.compose(dueMail(type, language));
      expect(text).toContain(way);
      for (const shown of [text, wordsOf(html)]) expect(shown).toContain(question);
      for (const shown of [text, wordsOf(html)]) expect(shown).toContain(contact);
    }
  });

  test("M-15: what may be switched off carries its link in both parts, for the person whose it is; nothing else does", async () => {
    for (const [type, language] of every) {
      const { unsubscribeUrl, text, html } = await compose(dueMail(type, language));
      expect(unsubscribeUrl !== undefined, type).toBe(choiceOf(type) !== undefined);
      if (unsubscribeUrl) for (const part of [text, html]) expect(part).toContain(unsubscribeUrl);
      const { userId: _, ...toNobody } = dueMail(type, language);
      const unknown = await compose(toNobody);
      expect([unknown.unsubscribeUrl, unknown.text.includes("unsubscribe")]).toEqual([undefined, false]);
    }
  });

  test("the auth server's time is said in the mail's language", async () => {
    const { text, html } = await compose(dueMail("signin_notification", "nl"));
    for (const part of [text, html]) expect(part).toContain("2 januari 2026 15:04:05 (UTC)");
    const other = await compose(dueMail("signin_notification", "nl", { timestamp: "yesterday" }));
    expect(other.text).toContain("yesterday");
  });
});

const hostile = {
  markup: `<script>alert(1)</script><img src=x onerror=alert(1)>`,
  quotes: `" onmouseover="alert(1)" x='y'`,
  "line breaks": "Ada\r\nBcc: z@example.com\r\n\r\nYour code is\n\n    EVIL1234",
  "other line breaks": "Ada\u2028Bcc:\u2029x\u0085y\u000bz\u0000",
  "bidi controls": "\u202eadA\u202c \u2066x\u2069 \u200f\u061c\ufeff\u200b",
  "a link": "Ada, win at http://evil.example/x or www.evil.example or evil。example",
  "100 characters": "A".repeat(100),
  "too many characters": "A b ".repeat(500),
  liquid: "{{ code }}{% layout 'base.html' %}{{ 'x' | raw }}",
  "half a character": "Ada \ud800",
};

describe("S-47: hostile names", () => {
  /** The HTML's tags and the text's number of lines: what a value must not change. */
  const shapeOf = ({ subject, text, html }: { subject: string; text: string; html: string }) => ({
    subject,
    lines: text.split("\n").length,
    tags: html.match(/<[^>]*>/g),
  });

  test.each(Object.entries(hostile))("%s: change no line, tag, link or subject of any mail", async (_name, value) => {
    const { waiting = "[]", ...others } = exampleValues("en");
    const people = (JSON.parse(waiting) as WaitingPerson[]).map((person) => ({
      ...person,
      firstname: person.firstname && value,
      lastname: person.lastname && value,
      email: value,
    }));
    const values = {
      ...Object.fromEntries(Object.keys(others).map((key) => [key, value])),
      waiting: JSON.stringify(people),
    };
    for (const [type, language] of every) {
      const mail = await compose(dueMail(type, language, values));
      expect(shapeOf(mail), type).toEqual(shapeOf(await compose(dueMail(type, language))));
      for (const shown of [mail.text, wordsOf(mail.html)]) {
        expect(shown).not.toMatch(/(?!\n)\p{Cc}|(?![\u200c\u200d])\p{Cf}|[\u2028\u2029]|\p{Cs}/u);
        expect(shown).not.toMatch(/^\s*EVIL1234/m);
        for (const word of shown.split(/\s+/).filter((each) => /:\/\/|evil.?example/u.test(each)))
          if (type !== "registration_rejected") expect(word.startsWith(origin), word).toBe(true);
      }
    }
  });

  test("names of 100 characters are shown whole, longer ones are cut with an ellipsis", async () => {
    const named = async (displayName: string) =>
      (await compose(dueMail("password_updated", "en", { displayName }))).text;
    expect(await named("Ä".repeat(100))).toContain(`Hello ${"Ä".repeat(100)},\n`);
    expect(await named("😀".repeat(101))).toContain(`Hello ${"😀".repeat(99)}…,\n`);
  });

  test("harmless names stay as they are: initials get a space, addresses, joiners and emoji stay", async () => {
    const named = async (displayName: string) =>
      (await compose(dueMail("password_updated", "en", { displayName }))).text;
    for (const name of ["J. O'Neil-Smith", "ada@example.com", "نیم\u200cفاصله", "👩\u200d🚀", "Dr. A"])
      expect(await named(name)).toContain(`Hello ${name},\n`);
    expect(await named("J.R.R. Tolkien")).toContain("Hello J. R. R. Tolkien,\n");
  });

  test("the name of the site is one line too", async () => {
    const { subject, text } = await composerWith({ BACKEND_SITE_NAME: "Do\u202edeka" }).compose(
      dueMail("account_ready", "en"),
    );
    expect([subject, text.includes("at Dodeka is")]).toEqual(["Welcome to Dodeka", true]);
  });
});

describe("G19: the operator's own templates", () => {
  const reset = (language: Language = "en") => dueMail("password_reset", language);

  test("any file replaces the built-in one of its name, base.html included, and the rest stays", async () => {
    const own = await overridesOf({
      "password_reset/en.txt": "Ours for {{ site }}\nTake {{ code }}.\n",
      "base.html": '<html lang="{{ language }}"><body class="ours">{% block body %}{% endblock %}</body></html>',
    });
    const ours = composerWith({ BACKEND_TEMPLATES_DIR: own });
    const mail = await ours.compose(reset());
    expect([mail.subject, mail.text]).toEqual(["Ours for Dodeka", "Take K7PMX2Q9RTWA.\n"]);
    expect(mail.html).toContain('<body class="ours">');
    expect(mail.html).toContain("K7PM</span><span");
    expect((await ours.compose(reset("nl"))).text).toBe((await compose(reset("nl"))).text);
  });

  test("values are escaped there as well", async () => {
    const own = await overridesOf({ "password_reset/en.html": "<b>{{ displayName }}</b> {{ code }}" });
    const mail = { ...reset(), values: { displayName: "<i>Ada</i>" } };
    const { html } = await composerWith({ BACKEND_TEMPLATES_DIR: own }).compose(mail);
    expect(html).toBe("<b>&lt;i&gt;Ada&lt;/i&gt;</b> K7PMX2Q9RTWA\n");
  });

  test("a changed, a new and a deleted file are seen a second later, without a restart", async () => {
    const own = await overridesOf({ "password_reset/en.txt": "First\n{{ code }}" });
    const ours = composerWith({ BACKEND_TEMPLATES_DIR: own });
    let now = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const subjects = async () => [(await ours.compose(reset())).subject, (await ours.compose(reset("nl"))).subject];
    expect(await subjects()).toEqual(["First", "Kies een nieuw wachtwoord voor Dodeka"]);
    await writeInto(own, {
      "password_reset/en.txt": "Second\n{{ code }}",
      "password_reset/nl.txt": "Tweede\n{{ code }}",
    });
    expect((await subjects())[0]).toBe("First");
    now += 1_001;
    expect(await subjects()).toEqual(["Second", "Tweede"]);
    await rm(join(own, "password_reset"), { recursive: true });
    now += 1_001;
    expect((await subjects())[0]).toBe("Choose a new password for Dodeka");
    await rm(own, { recursive: true });
    now += 1_001;
    expect((await subjects())[0]).toBe("Choose a new password for Dodeka");
  });

  test.each([
    ["does not parse", "x\n{% if code %}", /not closed/],
    ["asks for a file that is not there", '{% include "other.txt" %}', /other\.txt/],
    ["loses the code", "Subject\nHello", /password_reset: .* do not show code/],
  ])("one that %s delays no mail: the built-in one is sent and the fault told", async (_name, template, fault) => {
    const onFault = vi.fn();
    const own = await overridesOf({ "password_reset/en.txt": template });
    const { text } = await composerWith({ BACKEND_TEMPLATES_DIR: own }, onFault).compose(reset());
    expect(text).toContain("\n    K7PMX2Q9RTWA\n");
    expect(onFault).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(fault));
    expect(onFault.mock.calls.join()).not.toContain("K7PMX2Q9RTWA");
  });

  test("a language whose file is empty or missing gives way to the site's, then to English", async () => {
    const own = await overridesOf({ "password_reset/en.html": "" });
    const dutch = composerWith({ BACKEND_TEMPLATES_DIR: own, BACKEND_LANGUAGE: "nl" });
    expect((await dutch.compose(reset("en"))).subject).toBe("Kies een nieuw wachtwoord voor Dodeka");
    const english = composerWith({
      BACKEND_TEMPLATES_DIR: await overridesOf({ "password_reset/nl.txt": "" }),
      BACKEND_LANGUAGE: "nl",
    });
    expect((await english.compose(reset("nl"))).subject).toBe("Choose a new password for Dodeka");
  });

  test("templates reach no files outside of the two folders", async () => {
    const own = await overridesOf({ "password_reset/en.txt": 'S {% include "../../../../etc/passwd" %}\n{{ code }}' });
    const { text } = await composerWith({ BACKEND_TEMPLATES_DIR: own }).compose(reset());
    expect(text).toBe((await compose(reset())).text);
  });
});

describe("G19: the check of templates", () => {
  const check = (files: Record<string, string>) =>
    overridesOf(files).then((own) => checkTemplates({ templatesDir: own, language: "en" }));

  test("the built-in ones are clean, whatever the site's language, and so is an empty folder", async () => {
    for (const language of languages) expect(await checkTemplates({ templatesDir: undefined, language })).toEqual([]);
    expect(await check({ ".hidden/file": "x", ".DS_Store": "x" })).toEqual([]);
  });

  test.each<[string, Record<string, string>, (string | RegExp)[]]>([
    [
      "an unknown key, with file and line",
      { "password_reset/en.txt": "S\n\n{{ code }} {{ nmae }}" },
      [/^password_reset\/en\.txt, line 3: unknown key nmae; this mail has .*code/],
    ],
    [
      "a key of another mail",
      { "account_ready/nl.txt": "S\n{{ link }}{% if code %}x{% endif %}" },
      [/^account_ready\/nl\.txt, line 2: unknown key code;/],
    ],
    [
      "an unknown key in a shared file, once",
      { "code.html": "{{ code }}", "button.html": '<a href="{{ link }}">\n{{ lable }}</a>' },
      [/^button\.html, line 2: unknown key lable;/],
    ],
    [
      "a mail that never shows its code",
      { "password_reset/nl.txt": "Hallo\n{{ site }}" },
      ["password_reset/nl.txt does not show code."],
    ],
    [
      "HTML that never shows its code and link",
      { "signup_verification/en.html": "<p>{{ site }}</p>" },
      ["signup_verification/en.html does not show code.", "signup_verification/en.html does not show link."],
    ],
    [
      "a base without the body",
      { "base.html": "<p>{{ site }}</p>" },
      expect.arrayContaining([
        "password_reset/en.html does not show code.",
        "registration_rejected/nl.html does not show reason.",
      ]),
    ],
    [
      "an empty subject",
      { "password_reset/en.txt": "\n{{ code }}" },
      ["password_reset/en.txt, line 1: the subject is empty."],
    ],
    [
      "a tag that is not closed",
      { "password_reset/en.html": "<p>\n{% if code %}\n</p>" },
      [/^password_reset\/en\.html, line 2: tag \{% if code %\} not closed\.$/],
    ],
    [
      "an unknown tag",
      { "password_reset/en.html": "{{ code }}\n{% iff code %}" },
      [/^password_reset\/en\.html, line 2: tag "iff" not found\.$/],
    ],
    [
      "an unknown filter",
      { "password_reset/en.txt": "S\n{{ code | shout }}" },
      [/^password_reset\/en\.txt, line 2: undefined filter: shout\.$/],
    ],
    [
      "a file that another asks for and that is not there",
      { "password_reset/en.html": '{% layout "bass.html" %}' },
      ["password_reset/en.html: there is no template bass.html."],
    ],
    [
      "a file that is empty",
      { "password_reset/nl.html": "" },
      ["password_reset/nl.html is missing or empty: these mails are sent in en."],
    ],
    [
      "a kind of mail that is none",
      { "welcome/en.txt": "x" },
      [/^welcome\/en\.txt: there is no kind of mail welcome; there are signup_verification, /],
    ],
    [
      "a language that is none",
      { "password_reset/de.txt": "x" },
      ["password_reset/de.txt: there is no language de; there are en, nl."],
    ],
    [
      "a file that is no part of a mail",
      { "password_reset/en.md": "x" },
      ["password_reset/en.md is neither the text (.txt) nor the HTML (.html) of a mail."],
    ],
    ["a file that nothing uses", { "bass.html": "x" }, ["bass.html is used by no template and replaces none."]],
  ])("names %s", async (_name, files, faults) => {
    expect(await check(files)).toEqual(
      Array.isArray(faults)
        ? faults.map((fault) => (typeof fault === "string" ? fault : expect.stringMatching(fault)))
        : faults,
    );
  });

  test("a file of one's own that another uses is no fault", async () => {
    const files = { "ours.html": "<p>{{ site }}</p>", "password_reset/en.html": '{% include "ours.html" %}{{ code }}' };
    expect(await check(files)).toEqual([]);
  });

  test("a built-in file that is missing is named, with the language sent instead", async () => {
    const builtIn = join(folder, "built-in");
    await cp(builtInFolder, builtIn, { recursive: true });
    await rm(join(builtIn, "email_updated/nl.html"));
    await rm(join(builtIn, "account_ready"), { recursive: true });
    expect(await checkTemplates({ templatesDir: undefined, language: "nl", builtIn })).toEqual([
      "email_updated/nl.html is missing or empty: these mails are sent in en.",
      "account_ready/en.txt is missing or empty.",
      "account_ready/en.html is missing or empty.",
      "account_ready/nl.txt is missing or empty: these mails are sent in en.",
      "account_ready/nl.html is missing or empty: these mails are sent in en.",
    ]);
  });

  test("a folder that is none is named", async () => {
    const templatesDir = join(folder, "nowhere");
    expect(await checkTemplates({ templatesDir, language: "en" })).toEqual([`${templatesDir} is not a folder.`]);
  });
});
