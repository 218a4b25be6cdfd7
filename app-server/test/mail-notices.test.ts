import { openAny } from "@anteroom/shared/runtime/kept-secret";
import type { SwitchableMailType } from "@anteroom/shared/wire/app/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createUnsubscribeLinks } from "../src/mail/opt-out/unsubscribe.ts";
import { type Client, createClient } from "./support/client.ts";
import { readMails, type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

let secret: Buffer;

beforeAll(async () => {
  stack = await startStack({ env: { BACKEND_SITE_NAME: "Dodeka", BACKEND_NOTIFY_APPROVERS: "each" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
  const [kept] = await stack.sql<{ sealed: Uint8Array[] }[]>`select sealed from kept_secret`;
  secret = openAny([Buffer.from(stack.env.BACKEND_SECRET ?? "", "base64")], kept?.sealed ?? []) ?? Buffer.alloc(32);
});

afterAll(() => stack?.stop());

type Person = Awaited<ReturnType<Walk["activate"]>>;

const preferences = "/account/preferences/";

const readPreferences = (session: { cookie: string }) => client.app.get(preferences, session);

const choose = (session: { cookie: string }, changes: object) => client.app.post(preferences, changes, session);

/** The administrator of the walk, as a person with a session. */
async function askedFor(isOn: boolean): Promise<void> {
  await choose(walk.admin, { mail: { approval_request: isOn } });
}

async function languageOf(table: "newusers" | "users", address: string): Promise<string | null> {
  const [row] = await stack.sql`select language from ${stack.sql(table)} where email = ${address}`;
  return row?.language;
}

/** The kinds of mail an address got, in the order of their causes. */
async function typesTo(address: string): Promise<string[]> {
  return (await walk.mailsTo(address)).map(({ type }) => type);
}

/** Where an unsubscribe link of this installation leads, without its origin. */
function pathOf(userId: string, type: SwitchableMailType = "signin_notification"): string {
  const links = createUnsubscribeLinks({ secret, frontendOrigin: stack.urls.app });
  return links.urlOf(userId, type).slice(stack.urls.app.length);
}

const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  client.app.raw(path, { method: "POST", body: new URLSearchParams(form), headers });

const oneClick = { "List-Unsubscribe": "One-Click" };

async function isTold({ session }: Person): Promise<boolean> {
  return (await readPreferences(session)).body.mail.signin_notification;
}

test.each([
  ["what was chosen", { language: "nl" }, "en", "nl"],
  ["what the browser asks for most", {}, "de, en;q=0.5, nl-BE;q=0.8", "nl"],
  ["what the browser asks for, in capitals", {}, "EN-GB", "en"],
  ["the site's, when the browser asks for none of ours", {}, "fr-FR, de;q=0.9, *;q=0.1", null],
  ["the site's, when the browser refuses ours", {}, "nl;q=0", null],
  ["the site's, when the header is nonsense", {}, ";;q=,,-nl;q=x", null],
])("G19: a registration's language is %s", async (_, chosen, accepted, expected) => {
  const email = `language${accepted.length}@example.com`;
  await client.app.post("/auth/request_registration", { email, ...chosen }, { "accept-language": accepted });
  expect(await languageOf("newusers", email)).toBe(expected);
});

test("G19: a language we do not have is refused and named", async () => {
  const reply = await client.app.post("/auth/request_registration", { email: "x@example.com", language: "fr" });
  expect([reply.status, reply.body.errors]).toEqual([422, [{ field: "language", message: "Use one of en, nl." }]]);
});

test("G19: the language goes along to the account, whose owner is told once that it is ready, in it", async () => {
  const email = "jan@example.com";
  await client.app.post("/auth/request_registration", {
    email,
    firstname: "Jan",
    lastname: "de Vries",
    language: "nl",
  });
  await walk.decide("accept_user", email);
  const [verification] = await walk.mailsTo(email);
  expect(verification?.text).toMatch(/\bje\b/);
  const token = new URL(verification?.link ?? "no:link").searchParams.get("token") ?? "";
  const { signup_token } = (await client.status(token)).body;
  const completed = await client.completeSignup(signup_token, verification?.code ?? "");
  expect(completed.ok).toBe(true);
  expect(await languageOf("users", email)).toBe("nl");
  const mails = await walk.mailsTo(email);
  const ready = mails.filter(({ type }) => type === "account_ready");
  expect(ready).toHaveLength(1);
  expect(ready[0]?.text).toMatch(/Jan de Vries[\s\S]*\bje\b/);
  const again = await client.invoke("create_user", {
    email_address: email,
    password_hash: "",
    password_hash_algorithm_id: "x",
    password_salt: "",
  });
  expect(again.body.ok).toBe(false);
  expect((await walk.mailsTo(email)).filter(({ type }) => type === "account_ready")).toHaveLength(1);
});

test("G2: a rejected person is told why in the language of the registration, once", async () => {
  const email = "rejected@example.com";
  await client.app.post("/auth/request_registration", { email, language: "nl" });
  const decisions = Array.from({ length: 4 }, () => walk.decide("reject_user", email, { reason: "Onbekend hier" }));
  expect((await Promise.all(decisions)).filter(({ status }) => status === 200)).toHaveLength(1);
  const mails = await walk.mailsTo(email);
  expect(mails.map(({ type }) => type)).toEqual(["registration_rejected"]);
  expect(mails[0]?.text).toContain("Onbekend hier");
  expect(mails[0]?.text).toMatch(/\bje\b/);
});

test("M-15: preferences need a session, and a page of ours to change them from", async () => {
  expect((await client.app.get(preferences)).status).toBe(401);
  expect((await client.app.post(preferences, { language: "nl" })).body.code).toBe("no_session");
  const forged = { cookie: "__Host-session=abc.def" };
  expect((await choose(forged, { language: "nl" })).body.code).toBe("invalid_session");
  const foreign = await client.app.post(
    preferences,
    { language: "nl" },
    { ...walk.admin, origin: "https://evil.example" },
  );
  expect([foreign.status, foreign.body.code]).toEqual([403, "invalid_origin"]);
});

test("M-15: a person reads and changes language and mails; what is left out stays", async () => {
  const { session } = await walk.activate("prefers@example.com");
  const initial = { language: "en", mail: { signin_notification: true } };
  expect((await readPreferences(session)).body).toEqual(initial);
  expect((await choose(session, { language: "nl" })).body).toEqual({ ...initial, language: "nl" });
  const changed = { language: "nl", mail: { signin_notification: false } };
  expect((await choose(session, { mail: { signin_notification: false } })).body).toEqual(changed);
  expect((await choose(session, {})).body).toEqual(changed);
  for (const wrong of [
    { language: "de" },
    { mail: { password_updated: false } },
    { mail: { signin_notification: "no" } },
    { mail: [] },
  ])
    expect((await choose(session, wrong)).status, JSON.stringify(wrong)).toBe(422);
  expect((await readPreferences(session)).body).toEqual(changed);
});

test("M-15: who switched sign-in notices off gets none, though /email answers as ever; mandatory ones come", async () => {
  const email = "quiet@example.com";
  const { session } = await walk.activate(email);
  const before = await typesTo(email);
  await choose(session, { mail: { signin_notification: false } });
  const notice = { type: "signin_notification", email: " Quiet@Example.com", displayName: "Q", timestamp: "now" };
  expect((await client.email(notice)).body).toEqual({ success: true });
  expect((await client.email({ ...notice, type: "password_updated" })).body).toEqual({ success: true });
  expect((await walk.mailsTo(email)).map(({ type }) => type)).toEqual([...before, "notices_off"]);
  const [row] =
    await stack.sql`select count(*)::int as mails from mails where email_norm = ${email} and type = 'signin_notification'`;
  await choose(session, { mail: { signin_notification: true } });
  await client.email({ ...notice, email });
  expect(await typesTo(email)).toEqual([...before, "notices_off", "signin_notification"]);
  expect(row?.mails).toBe(before.filter((type) => type === "signin_notification").length);
});

test("M-15: the header's link switches off with one click: no cookie, any origin, any of both encodings, repeated", async () => {
  const person = await walk.activate("oneclick@example.com");
  const path = pathOf(person.userId);
  const multipart = new FormData();
  multipart.set("List-Unsubscribe", "One-Click");
  for (const init of [
    { method: "POST", body: new URLSearchParams(oneClick) },
    {
      method: "POST",
      body: new URLSearchParams(oneClick),
      headers: { origin: "https://mail.example", "sec-fetch-site": "cross-site" },
    },
    { method: "POST", body: multipart, headers: { origin: "null" } },
    { method: "POST", body: "{", headers: { "content-type": "multipart/form-data" } },
    { method: "POST" },
  ]) {
    await choose(person.session, { mail: { signin_notification: true } });
    for (let turn = 0; turn < 2; turn++) expect((await client.app.raw(path, init)).status).toBe(200);
    expect(await isTold(person), JSON.stringify(init)).toBe(false);
  }
});

test("M-15: opening the link changes nothing and shows a page without scripts, in the person's language", async () => {
  const person = await walk.activate("opens@example.com");
  await choose(person.session, { language: "nl" });
  const path = pathOf(person.userId);
  const page = await client.app.get(path);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-security-policy")).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self';/,
  );
  expect(page.body).toContain('<html lang="nl">');
  expect(page.body).toMatch(/<form method="post"><button name="preference" value="off">/);
  expect(page.body).not.toContain("<script");
  expect((await client.app.raw(path, { method: "HEAD" })).status).toBe(200);
  expect(await isTold(person)).toBe(true);
  const done = await post(path, { preference: "off" });
  expect(done.body).toContain("Uitgeschakeld");
  expect(done.body).toContain('value="on"');
  expect(await isTold(person)).toBe(false);
  expect((await client.app.get(path)).body).toContain('value="on"');
  expect((await post(path, { preference: "on" })).body).toContain("Ingeschakeld");
  expect(await isTold(person)).toBe(true);
});

test("M-15: forged, changed, foreign and cut links do nothing; people get a page, programs a problem", async () => {
  const [one, other] = await Promise.all([walk.activate("forged1@example.com"), walk.activate("forged2@example.com")]);
  const path = pathOf(one.userId);
  const key = path.slice(path.lastIndexOf(".") + 1);
  const forge = (token: string) => `/mail/unsubscribe?token=${encodeURIComponent(token)}`;
  for (const wrong of [
    "/mail/unsubscribe",
    path.slice(0, -1),
    `${path}A`,
    path.replace(one.userId, other.userId),
    path.replace("signin_notification", "approval_request"),
    forge(`${one.userId}.password_updated.${key}`),
    forge(`${one.userId}.signin_notification.${"A".repeat(43)}`),
    forge(`${one.userId}.__proto__.${key}`),
    forge("\u0000"),
  ]) {
    const reply = await post(wrong, oneClick);
    expect([reply.status, reply.body.code], wrong).toEqual([400, "unsubscribe_link_not_valid"]);
    const page = await client.app.get(wrong, { accept: "text/html,*/*;q=0.8", "accept-language": "nl" });
    expect([page.status, page.body], wrong).toEqual([400, expect.stringContaining("Deze link werkt niet")]);
  }
  expect([await isTold(one), await isTold(other)]).toEqual([true, true]);
  const stranger = await post(pathOf("nobody"), oneClick);
  expect(stranger.status).toBe(200);
});

test("M-15: only mails that may be switched off carry a link for it, and it is the person's own", async () => {
  const person = await walk.activate("headers@example.com");
  await client.email({ type: "signin_notification", email: "headers@example.com", timestamp: "now" });
  await client.email({ type: "password_updated", email: "headers@example.com", timestamp: "now" });
  const mails = await walk.mailsTo("headers@example.com");
  const withLink = mails.filter(({ text }) => text.includes("/mail/unsubscribe?"));
  expect(new Set(withLink.map(({ type }) => type))).toEqual(new Set(["signin_notification"]));
  expect(withLink.at(-1)?.text).toContain(stack.urls.app + pathOf(person.userId));
});

test("G2: administrators hear of each new registration unless they do not want to; nobody hears of decoys", async () => {
  const admin: string = (await client.command("app", "get_admin_credentials")).email;
  const asked = async () =>
    (await walk.mailsTo(admin)).filter(({ type, text }) => type === "approval_request" && /heard2?@/.test(text));
  expect((await readPreferences(walk.admin)).body.mail.approval_request).toBe(true);
  await askedFor(false);
  await client.register("unheard@example.com");
  expect(await asked()).toEqual([]);
  await askedFor(true);
  const names = { firstname: "Ada\u202e", lastname: "<b>Lovelace</b>" };
  await client.register("heard@example.com", names);
  await client.register("heard@example.com");
  await client.register("unheard@example.com");
  await client.register(admin);
  const mails = await asked();
  expect(mails).toHaveLength(1);
  expect(mails[0]?.text).toContain("heard@example.com");
  expect(mails[0]?.text).toContain("<b>Lovelace</b>");
  await askedFor(false);
  await client.register("unheard2@example.com");
  expect(await asked()).toHaveLength(1);
});

test("G2: no mail for those who are no administrators any more, or not yet, whatever they have chosen", async () => {
  const people = await Promise.all(["lapsed", "disabled", "plain"].map((name) => walk.activate(`${name}@example.com`)));
  for (const { session } of people)
    expect((await choose(session, { mail: { approval_request: true } })).body.mail).toEqual({
      signin_notification: true,
    });
  const [lapsed, disabled] = people.map(({ userId }) => userId);
  await stack.sql`insert into permissions (user_id, permission, granted_by, granted_at, expires_at) values
    (${lapsed ?? ""}, 'admin', 'test', 0, 1), (${disabled ?? ""}, 'admin', 'test', 0, null)`;
  await stack.sql`update users set disabled = true where id = ${disabled ?? ""}`;
  await client.register("untold@example.com");
  await client.drainMail();
  const types = (await readMails(stack))
    .filter(({ to }) => /^(lapsed|disabled|plain)@/.test(to))
    .map(({ type }) => type);
  expect(types).not.toContain("approval_request");
});

test("S-1: that administrators are told of a registration shows in no answer's time", async () => {
  await walk.activate("timed@example.com");
  await askedFor(true);
  const took = async (email: string) => {
    const start = performance.now();
    await client.register(email);
    return performance.now() - start;
  };
  const times: number[] = [];
  for (let turn = 0; turn < 5; turn++)
    times.push(await took(`timed${turn}@example.com`), await took("timed@example.com"));
  await askedFor(false);
  // As long for everybody: the usual 40 ms, and 5 for the administrator who is told.
  expect(Math.min(...times)).toBeGreaterThan(44);
});

test("S-32: no mail, no mail's row and no line of the log ever holds a submitted password", async () => {
  const submitted = [goodPassword, "another staple for batteries", "wrong battery staple horse"] as const;
  const email = "secretive@example.com";
  await walk.activate(email, submitted[0]);
  const { values } = await client.auth("create_signin", { user_email_address: email });
  const wrong = await client.auth("verify_signin_user_password", {
    signin_token: values.signin_token,
    password: submitted[2],
  });
  expect(wrong.ok).toBe(false);
  const sessionToken = await client.signIn(email, submitted[0]);
  const update = await client.auth("create_user_password_update", { session_token: sessionToken });
  const token = { session_token: sessionToken, user_password_update_token: update.values.user_password_update_token };
  await client.auth("verify_user_password_update_user_password", { ...token, password: submitted[0] });
  await client.auth("set_user_password_update_new_password", { ...token, password: submitted[1] });
  expect((await client.auth("complete_user_password_update", token)).ok).toBe(true);
  // The auth server does not let anybody wait for a notice.
  await waitUntil(
    () => typesTo(email),
    (types) => types.includes("password_updated") && types.includes("signin_notification"),
  );
  const rows = await stack.sql<{ mail: string }[]>`select mails::text as mail from mails`;
  const everything = [
    ...(await readMails(stack)).map(({ text }) => text),
    ...rows.map(({ mail }) => mail),
    stack.servers.app.output(),
    stack.servers.auth.output(),
  ];
  expect(everything.length).toBeGreaterThan(20);
  for (const password of submitted) expect(everything.filter((text) => text.includes(password))).toEqual([]);
});

test("H4: by default a digest tells of who waits, soon after the first asked, with the link that switches it off", async () => {
  await askedFor(true);
  await stack.servers.app.stop();
  await stack.sql`delete from newusers`;
  await stack.sql`delete from registration_state`;
  stack.env.BACKEND_NOTIFY_APPROVERS = "digest";
  await stack.servers.app.start();
  const admin: string = (await client.command("app", "get_admin_credentials")).email;
  const before = (await typesTo(admin)).length;
  await client.register("digested@example.com", { firstname: "Grace", lastname: "Hopper" });
  expect(await typesTo(admin), "nothing is mailed in the request").toHaveLength(before);
  await client.command("app", "advance_clock", { seconds: 60 });
  const digest = await walk.newestMail(admin, "approval_digest");
  expect(digest.text).toContain("    Grace Hopper, digested@example.com\n    since ");
  expect(digest.text).toContain(`${stack.urls.app}/admin\n`);
  const [, path = ""] = /(\/mail\/unsubscribe\?\S+)/.exec(digest.text) ?? [];
  expect((await post(path, oneClick)).status).toBe(200);
  expect((await readPreferences(walk.admin)).body.mail.approval_request).toBe(false);
});
