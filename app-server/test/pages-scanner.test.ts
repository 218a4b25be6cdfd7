import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { patiently } from "@anteroom/shared/testing/patience";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mailTypes } from "../src/mail/kinds.ts";
import { type Site, startSite } from "./support/visitor.ts";
import { goodPassword } from "./support/walk.ts";

let site: Site;
let authSql: postgres.Sql;

beforeAll(async () => {
  site = await startSite({ env: { BACKEND_NOTIFY_APPROVERS: "each" } });
  authSql = postgres(site.stack.databases.auth.url, { max: 1, onnotice: () => undefined });
});

afterAll(async () => {
  await authSql?.end({ timeout: 1 });
  await site?.stop();
});

const newPassword = "seven quiet boats at dawn";

/** One mail of every kind there is, each with its real links. */
async function mailEverything(): Promise<void> {
  const { app, register, setSession, signIn, drainMail } = site.client;
  const admin = site.walk.admin;
  await app.post("/account/preferences/", { mail: { approval_request: true } }, admin);
  await register("refused@example.com");
  await site.walk.decide("reject_user", "refused@example.com", { reason: "See https://example.com/why not." });
  const { session } = await site.walk.activate("member@example.com");
  await register("member@example.com");
  await setSession(await signIn("member@example.com", goodPassword));
  await site.walk.activate("forgets@example.com");
  await app.post("/account/request_password_link", { email: "forgets@example.com" });
  await app.post("/account/change_email", { email: "member-new@example.com", password: goodPassword }, session);
  for (const type of ["password_updated", "email_updated"])
    await site.client.email({
      type,
      email: "member@example.com",
      timestamp: "January 2, 2026 15:04:05",
      newEmail: "x@example.com",
    });
  await register("waits@example.com");
  await site.walk.decide("accept_user", "waits@example.com");
  await nameOtherAdministrator();
  const { body } = await app.get("/admin/people/?search=member@", admin);
  await app.post("/admin/send_reset_link/", { user_id: body.rows[0].user_id }, admin);
  await site.walk.newestMail("member@example.com", "signin_notification");
  await app.post("/account/preferences/", { mail: { signin_notification: false } }, session);
  for (const name of ["member", "forgets"]) await site.walk.newestMail(`${name}@example.com`, "password_reset");
  await drainMail();
}

async function nameOtherAdministrator(): Promise<void> {
  const { userId } = await site.walk.activate("colleague@example.com");
  await site.stack.sql`insert into permissions (user_id, permission, granted_by, granted_at)
    values (${userId}, 'admin', 'test', 0)`;
}

/** What the newest mail with such a link to the address links to. */
async function linkOf(address: string, kind: string): Promise<string> {
  const link = (await site.walk.mailsTo(address)).findLast((mail) => mail.link?.includes(kind))?.link;
  if (!link) throw new Error(`No link with ${kind} was mailed to ${address}.`);
  return link;
}

/** Every address of this site in any part of any mail, oldest first. */
async function collectLinks(): Promise<{ types: Set<string>; links: string[] }> {
  const { emailsDir, urls } = site.stack;
  const [types, links] = [new Set<string>(), new Set<string>()];
  for (const name of (await readdir(emailsDir)).sort()) {
    types.add(mailTypes.find((type) => name.includes(`_${type}_`)) ?? name);
    const text = (await readFile(join(emailsDir, name), "utf8")).replaceAll("=\r\n", "").replaceAll("=3D", "=");
    for (const [link] of text.matchAll(/https?:\/\/[^\s"'<>)]+/g))
      if (link.startsWith(urls.app)) links.add(link.replaceAll("&amp;", "&").replaceAll("&#38;", "&"));
  }
  return { types, links: [...links] };
}

/**
 * Everything in both databases, row by row, but for what counts the callers' tries, and the queue's own housekeeping.
 * Each time a page with an open sign-up is loaded it gets a sibling of that sign-up, which holds nothing but what its
 * family holds and ends with it: new siblings are left out, and so is their number.
 */
async function dump(): Promise<Record<string, string>> {
  const [app, auth] = await Promise.all([readTables(site.stack.sql, "app"), readTables(authSql, "auth")]);
  const signups = auth["auth.signups"] ?? [];
  const family = signups.filter((row) => row.id === row.family_id).map(({ siblings: _, ...row }) => row);
  const tables = Object.entries({ ...app, ...auth, "auth.signups": family });
  return Object.fromEntries(tables.map(([table, rows]) => [table, `${rows.length} rows, ${digest(rows)}`]));
}

function digest(rows: object[]): string {
  const lines = rows.map((row) => JSON.stringify(row)).sort();
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

async function readTables(sql: postgres.Sql, server: string): Promise<Record<string, postgres.Row[]>> {
  const tables = await sql`select tablename as name from pg_tables
    where schemaname = 'public' and tablename <> 'rate_limits'`;
  const read = async ({ name }: postgres.Row) => [`${server}.${name}`, await sql`select * from ${sql(name)}`] as const;
  return Object.fromEntries(await Promise.all(tables.map(read)));
}

/** As a gateway does that checks what people are sent: it fetches the page, runs it, looks, and presses nothing. */
async function scan(links: readonly string[]): Promise<void> {
  const turns = Array.from({ length: 20 }, (_, turn) => turn);
  for (const link of links)
    await Promise.all(
      turns.flatMap(() =>
        ["GET", "HEAD"].map((method) =>
          fetch(link, { method, headers: { accept: "text/html" } }).then((it) => it.text()),
        ),
      ),
    );
  // Loading a page costs far more: the newest link of each kind that carries a secret.
  const secret = links.filter((link) => link.includes("?"));
  const newest = new Map(secret.map((link) => [link.replace(/=[^&]*/g, ""), link]));
  const opened = turns.flatMap(() => [...newest.values()]).values();
  const visit = async () => {
    const scanner = await site.visit();
    for (const link of opened) {
      await scanner.page.goto(link, { waitUntil: "commit" });
      await scanner.page.locator("h1").waitFor();
    }
    return scanner;
  };
  // The newest code of all belongs to somebody whose account is active by now.
  for (const scanner of await Promise.all([visit(), visit(), visit()]))
    await scanner.leave(["404 /auth/registration_status"]);
}

test("G5, D-39, M-16: a scanner that opens every link of every mail twenty times, scripts and all, changes nothing and is in nobody's way", {
  timeout: patiently(90_000),
}, async () => {
  await mailEverything();
  const { types, links } = await collectLinks();
  // Those that carry a token, and most of the others.
  expect(types.size).toBeGreaterThanOrEqual(12);
  for (const type of ["signup_verification", "password_reset", "email_update_verification"] as const)
    expect([...types]).toContain(type);
  const before = await dump();
  await scan(links);
  expect(await dump()).toEqual(before);

  // Everybody gets where they were going, with a second device.
  const visitor = await site.visit();
  const { code = "" } = (await site.walk.mailsTo("waits@example.com")).at(-1) ?? {};
  await visitor.open("/account/signup");
  await visitor.fill({ email: "waits@example.com", code: "ABCD2345" });
  await visitor.press("Go on");
  await visitor.reads("No request waits for this address and code.");
  await visitor.fill({ code });
  await visitor.press("Go on");
  await visitor.fill({ password: goodPassword });
  await visitor.press("Activate my account");
  await visitor.sees("Welcome");

  await visitor.open(await linkOf("member-new@example.com", "?change="));
  await visitor.press("Use this address");
  await visitor.sees("Your new address is confirmed");
  await visitor.open(await linkOf("forgets@example.com", "/recover?"));
  await visitor.fill({ password: newPassword });
  await visitor.press("Set the password");
  await visitor.reads("The new password is set.");
  await visitor.leave();
});
