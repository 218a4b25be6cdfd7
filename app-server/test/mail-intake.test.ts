import { readdir, readFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { readMails, type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const isEverywhere = { type: "password_updated", email: "x@example.com" };

async function countMails(): Promise<number> {
  const [row] = await stack.sql`select count(*)::int as mails from mails`;
  return row?.mails;
}

/** The newest mail to an address, with its HTML and its source. */
async function newestMail(address: string) {
  const mail = (await walk.mailsTo(address)).at(-1);
  const names = (await readdir(stack.emailsDir)).sort();
  const stem = names.filter((name) => name.includes(`_${address.replace("@", "_at_").replaceAll(".", "_")}.`)).at(-1);
  const read = (kind: string) => readFile(join(stack.emailsDir, `${stem?.replace(/\.\w+$/, "")}.${kind}`), "utf8");
  return { ...mail, html: await read("html"), source: await read("eml") };
}

test("D-24: a mail is taken with 200 and success, once it is committed", async () => {
  const before = await countMails();
  const reply = await client.email(isEverywhere);
  expect([reply.status, reply.body]).toEqual([200, { success: true }]);
  expect(await countMails()).toBe(before + 1);
});

test("D-24: missing type or address is 400, and so is everything that is no JSON object", async () => {
  const before = await countMails();
  for (const body of [
    {},
    { type: "password_reset" },
    { email: "x@example.com" },
    { type: "", email: "" },
    [],
    null,
    3,
  ]) {
    const reply = await client.email(body);
    expect([reply.status, reply.body]).toEqual([400, { success: false, error: "Missing type or email" }]);
  }
  const headers = { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` };
  for (const body of ["", "{", '{"type":"password_reset","type":"password_reset","email":"x@example.com"}']) {
    const reply = await fetch(`${stack.urls.appPrivate}/email`, { method: "POST", headers, body });
    expect(reply.status, body).toBe(400);
  }
  expect(await countMails()).toBe(before);
});

test("D-58: an unknown type is 400 and names it; so are fields that are no line of text", async () => {
  const before = await countMails();
  const unknown = await client.email({ type: "newsletter", email: "x@example.com" });
  expect([unknown.status, unknown.body]).toEqual([400, { success: false, error: "Unknown type: newsletter" }]);
  for (const type of ["registration_rejected", "constructor", "__proto__", 5, ["password_reset"]])
    expect((await client.email({ type, email: "x@example.com" })).status).toBe(400);
  for (const wrong of [
    { email: ["x@example.com"] },
    { email: "x@example.com\r\nBcc: y@example.com" },
    { code: 12345678 },
    { displayName: "Ada\r\nBcc: y@example.com" },
    { newEmail: "a\u0000" },
    { timestamp: "t".repeat(1_001) },
  ])
    expect((await client.email({ ...isEverywhere, ...wrong })).status, JSON.stringify(wrong)).toBe(400);
  expect(await countMails()).toBe(before);
});

test("D-24: a wrong secret is 401, an oversized body 413, and nothing is queued", async () => {
  const before = await countMails();
  const body = JSON.stringify(isEverywhere);
  const url = `${stack.urls.appPrivate}/email`;
  expect((await fetch(url, { method: "POST", body })).status).toBe(401);
  const headers = { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` };
  const large = JSON.stringify({ ...isEverywhere, displayName: "x".repeat(17 * 1024) });
  expect((await fetch(url, { method: "POST", headers, body: large })).status).toBe(413);
  expect(await countMails()).toBe(before);
});

const details = { displayName: "Ada L", timestamp: "January 2, 2026 15:04:05", newEmail: "new@example.com" };

test.each([
  ["signup_verification", { code: "ABCD2345" }, ["ABCD2345"]],
  ["email_update_verification", { code: "ABCD2345", displayName: "Ada L" }, ["ABCD2345", "Ada L"]],
  ["password_reset", { code: "ABCD2345EFGH", displayName: "Ada L" }, ["ABCD2345EFGH", "Ada L"]],
  ["signin_notification", details, ["Ada L", "January 2, 2026 15:04:05"]],
  ["password_updated", details, ["Ada L", "January 2, 2026 15:04:05"]],
  ["email_updated", details, ["Ada L", "new@example.com"]],
])("D-58: %s is rendered as text and HTML, with and without its details", async (type, given, shown) => {
  const address = `${type}@example.com`.replaceAll("_", "-");
  expect((await client.email({ type, email: address, ...given })).status).toBe(200);
  const mail = await newestMail(address);
  expect(mail.type).toBe(type);
  expect(mail.subject).toMatch(/\S/);
  for (const text of shown) {
    expect(mail.text).toContain(text);
    expect(mail.html).toContain(text);
  }
  expect((await client.email({ type, email: `bare.${address}` })).status).toBe(200);
  const bare = await newestMail(`bare.${address}`);
  expect(`${bare.text}${bare.html}`).not.toMatch(/undefined|null|\{\{|\{%|\[object/);
});

test("D-22: the mail's source is multipart/alternative, text first", async () => {
  await walk.open("parts@example.com");
  const { source } = await newestMail("parts@example.com");
  expect(source).toMatch(/^Content-Type: multipart\/alternative;/m);
  expect(source.indexOf("Content-Type: text/plain")).toBeGreaterThan(0);
  expect(source.indexOf("Content-Type: text/html")).toBeGreaterThan(source.indexOf("Content-Type: text/plain"));
  expect(source).toMatch(/^Auto-Submitted: auto-generated\r$/m);
});

test("D-23: the newest code replaces the older; get_token reads it once and removes it", async () => {
  const email = "codes@example.com";
  await client.email({ type: "password_reset", email, code: "AAAABBBBCCCC" });
  await client.email({ type: "password_reset", email: " Codes@Example.com", code: "DDDDEEEEFFFF" });
  const rows = await stack.sql`select key, timestamp from tokens where key = 'password_reset:codes@example.com'`;
  expect(rows).toHaveLength(1);
  expect(Number(rows[0]?.timestamp)).toBeGreaterThan(0);
  const take = () => client.command("app", "get_token", { action: "password_reset", email });
  expect(await take()).toEqual({ found: true, code: "DDDDEEEEFFFF" });
  expect(await take()).toEqual({ found: false });
  const wrong = await client.command("app", "get_token", { action: "nonsense", email });
  expect(wrong.error).toContain("nonsense");
});

test("S-47: the Host header and its like never reach a mailed link", async () => {
  const url = new URL(stack.urls.app);
  const headers = {
    host: "evil.example",
    "x-forwarded-host": "evil.example",
    forwarded: "host=evil.example;proto=https",
    "x-original-host": "evil.example",
    ...walk.admin,
  };
  const post = (path: string, body: object) =>
    new Promise<number>((resolve, reject) => {
      const request = httpRequest({ host: url.hostname, port: url.port, path, method: "POST", headers }, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      });
      request.on("error", reject);
      request.end(JSON.stringify(body));
    });
  expect(await post("/auth/request_registration", { email: "host@example.com" })).toBe(200);
  expect(await post("/admin/accept_user/", { email: "host@example.com" })).toBe(200);
  const mail = await newestMail("host@example.com");
  expect(mail.link).toMatch(new RegExp(`^${stack.urls.app}/account/signup\\?`));
  expect(`${mail.source}${mail.html}`).not.toContain("evil.example");
});

test("S-47: names are escaped in HTML, plain in text, and add no header", async () => {
  const displayName = `<img src=x onerror=alert(1)> "O'Neil" & {{ code }} Bcc: z@example.com`;
  await client.email({ type: "password_updated", email: "escape@example.com", displayName });
  const mail = await newestMail("escape@example.com");
  expect(mail.html).not.toContain("<img");
  expect(mail.html).toContain("&lt;img src=x onerror=alert(1)&gt; &#34;O&#39;Neil&#34; &amp; {{ code }}");
  expect(mail.text).toContain(displayName);
  expect(mail.source.split("\r\n\r\n")[0]).not.toMatch(/^Bcc/m);
  await client.register("reason@example.com");
  await walk.decide("reject_user", "reason@example.com", { reason: "<b>no</b>\r\nBcc: z@example.com" });
  const rejected = await newestMail("reason@example.com");
  expect(rejected.html).toContain("&lt;b&gt;no&lt;/b&gt;");
  expect(rejected.source.split("\r\n\r\n")[0]).not.toMatch(/^Bcc/m);
});

test("S-47: an address is one recipient, whatever it looks like, and stays inside the mail folder", async () => {
  const email = "a,b@example.com/../../../x, <c@example.com>";
  expect((await client.email({ ...isEverywhere, email })).status).toBe(200);
  await client.drainMail();
  const mail = (await readMails(stack)).find(({ to }) => to === email);
  expect(mail?.type).toBe("password_updated");
  const names = await readdir(stack.emailsDir);
  expect(names.every((name) => /^[\w+-]+\.(txt|html|eml)$/.test(name))).toBe(true);
});

async function restartApp(testMode: "on" | "off"): Promise<void> {
  stack.env.TEST_MODE = testMode;
  await stack.servers.app.stop();
  await stack.servers.app.start();
}

test("D-23: without TEST_MODE the table holds no readable code, and lookup works all the same", async () => {
  await restartApp("off");
  const token = await client.register("production@example.com");
  await walk.decide("accept_user", "production@example.com");
  const mailed = async () => (await readMails(stack)).find(({ to }) => to === "production@example.com");
  await expect.poll(async () => (await mailed())?.code, { timeout: patiently(3_000) }).toEqual(expect.any(String));
  const code = (await mailed())?.code;
  const [row] =
    await stack.sql`select code, code_mac from tokens where key = 'signup_verification:production@example.com'`;
  expect(row?.code).toBeNull();
  expect(row?.code_mac).toHaveLength(32);
  const found = await client.app.post("/auth/lookup_registration", { email: "production@example.com", code });
  expect(found.body).toEqual({ found: true, token });
  await restartApp("on");
});

test("D-46: only the late mail of an acceptance stands for an approval, no other mail for a person who waits", async () => {
  const now = Math.floor(Date.now() / 1_000);
  const stateAfterMail = async (email: string, opening: { id: string | null; decidedAt: number | null }) => {
    await client.register(email);
    await stack.sql`update registration_state set opening_id = ${opening.id}, decided_at = ${opening.decidedAt}
      where email = ${email}`;
    await client.email({ type: "signup_verification", email, code: "ABCD2345" });
    const [row] = await stack.sql`select state, accepted from registration_state where email = ${email}`;
    return [row?.state, row?.accepted];
  };
  const waiting = ["REQUESTED", false];
  expect(await stateAfterMail("never-accepted@example.com", { id: null, decidedAt: null })).toEqual(waiting);
  expect(await stateAfterMail("given-up-long-ago@example.com", { id: "x", decidedAt: now - 120 })).toEqual(waiting);
  const [state, isAccepted] = await stateAfterMail("given-up-just-now@example.com", { id: "x", decidedAt: now - 5 });
  // The recovery may have opened it already.
  expect([isAccepted, ["ACCEPTED", "OPEN"].includes(state)]).toEqual([true, true]);
});
