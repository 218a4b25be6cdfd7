import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { freePort } from "@anteroom/shared/testing/ports";
import { createTransport, type NodemailerError } from "nodemailer";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type MailRelay, startMailRelay } from "./support/mail-relay.ts";
import { type Stack, startStack } from "./support/stack.ts";

/** Mails that come back, sent to the inbound listener as other servers do. */

const domain = "bounces.people.example";

let relay: MailRelay;
let stack: Stack;
let client: Client;
let admin: { cookie: string };
let port: number;

beforeAll(async () => {
  [relay, port] = await Promise.all([startMailRelay(), freePort()]);
  stack = await startStack({
    env: {
      BACKEND_SMTP_SEND: "true",
      BACKEND_SMTP_HOST: "127.0.0.1",
      BACKEND_SMTP_PORT: String(relay.port),
      BACKEND_SMTP_TLS: "none",
      BACKEND_SMTP_SENDER_EMAIL: "anteroom@people.example",
      BACKEND_INBOUND: "true",
      BACKEND_INBOUND_SMTP_PORT: String(port),
      BACKEND_INBOUND_DOMAIN: domain,
      BACKEND_BOUNCE_LIMIT: "3",
    },
  });
  client = createClient(stack);
  admin = await client.adminCookie();
});

afterAll(async () => {
  await stack?.stop();
  relay?.close();
});

/** Causes a mail; answers the address that it comes back to, from its envelope. */
async function cause(email: string): Promise<string> {
  await client.email({ type: "password_updated", email });
  await client.drainMail();
  return relay.mails.findLast(({ to }) => to === email)?.from ?? "";
}

interface Report {
  fields?: string;
  contentType?: string;
  partType?: string;
  headers?: string;
}

const failed = "Final-Recipient: rfc822; x@example.com\r\nAction: failed\r\nStatus: 5.1.1";

/** As Postfix writes it. */
function report({ fields = failed, contentType = "multipart/report", partType, headers = "" }: Report = {}): string {
  return [
    "From: MAILER-DAEMON@mx.example (Mail Delivery System)",
    "Subject: Undelivered Mail Returned to Sender",
    "Auto-Submitted: auto-replied",
    ...(headers ? [headers] : []),
    "MIME-Version: 1.0",
    `Content-Type: ${contentType}; report-type=delivery-status; boundary="b"`,
    "",
    "--b\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.",
    `--b\r\nContent-Type: ${partType ?? "message/delivery-status"}\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n${fields}\r\n`,
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Hello\r\n\r\nAction: failed",
    "--b--\r\n",
  ].join("\r\n");
}

async function send(to: string | string[], raw: string, from = ""): Promise<number> {
  const transport = createTransport({ host: "127.0.0.1", port, ignoreTLS: true });
  const envelope = { from, to };
  try {
    const { response } = await transport.sendMail({ envelope, raw });
    return Number(response.slice(0, 3));
  } catch (error) {
    return (error as NodemailerError).responseCode ?? 0;
  } finally {
    transport.close();
  }
}

async function newest(email: string) {
  const { body } = await client.app.get(`/admin/mails/?email=${encodeURIComponent(email)}`, admin);
  return body.mails[0];
}

test("G4: a report that a mail came back flips the registration's mail to bounced, once, with the diagnosis", async () => {
  const email = "ada@example.com";
  await client.register(email);
  await client.app.post("/admin/accept_user/", { email }, admin);
  await client.drainMail();
  const returnPath = relay.mails.findLast(({ to }) => to === email)?.from ?? "";
  expect(returnPath).toMatch(/^bounce\+[0-9a-f]{32}-[0-9a-f]{16}@bounces\.people\.example$/);
  const mailOf = async () => (await client.app.get("/admin/list_newusers/", admin)).body[0].mail;
  expect(await mailOf()).toMatchObject({ status: "accepted" });
  const fields = `${failed}\r\nRemote-MTA: dns; mx\r\nDiagnostic-Code: smtp; 550 5.1.1 <ada@example.com>:\r\n    no such\tuser\u0007 here`;
  expect(await send(returnPath.toUpperCase(), report({ fields }))).toBe(250);
  expect(await mailOf()).toMatchObject({
    type: "signup_verification",
    status: "bounced",
    reason: "550 5.1.1 <ada@example.com>: no such user here",
  });
  expect(await send(returnPath, report({ fields: `${failed}\r\nDiagnostic-Code: smtp; again` }))).toBe(250);
  expect((await mailOf()).reason).toContain("no such user");
  const [counted] = await stack.sql`select bounces from mail_suppressions where email_norm = ${email}`;
  expect(counted?.bounces).toBe(1);
  const { body } = await client.app.get(`/admin/mails/?status=bounced&email=${email}`, admin);
  expect(body.mails).toHaveLength(1);
});

test("a delay is noted, success and everything else changes nothing", async () => {
  const returnPath = await cause("delayed@example.com");
  const accepted = await newest("delayed@example.com");
  for (const raw of [
    report({ fields: failed.replace("failed", "delivered") }),
    report({ fields: failed.replace("failed", "relayed") }),
    report({ fields: "" }),
    report({ fields: "Action failed" }),
    report({ partType: "text/plain", contentType: "multipart/mixed", fields: "" }),
    "",
    "Content-Type: multipart/report; boundary=x\r\n\r\n--x",
    `Content-Type: ${"multipart/report;".repeat(2_000)}\r\n\r\n`,
  ])
    expect(await send(returnPath, raw)).toBe(250);
  expect(await newest("delayed@example.com")).toEqual(accepted);
  const fields = failed.replace("failed", "Delayed (still trying)").replace("5.1.1", "4.4.1 (no answer)");
  expect(await send(returnPath, report({ fields }))).toBe(250);
  expect(await newest("delayed@example.com")).toMatchObject({ status: "accepted", reason: "Delayed: Status 4.4.1" });
  expect(await send(returnPath, report())).toBe(250);
  expect(await newest("delayed@example.com")).toMatchObject({ status: "bounced", reason: "Status 5.1.1" });
});

test("S-28, P-40: automatic and personal answers to a return path are taken and lead to nothing", async () => {
  const returnPath = await cause("away@example.com");
  const before = [relay.recipients.length, await newest("away@example.com")];
  const vacation = "From: away@example.com\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nAction: failed";
  expect(await send(returnPath, vacation)).toBe(250);
  expect(await send(returnPath, "From: away@example.com\r\nSubject: Re\r\n\r\nWhat?", "away@example.com")).toBe(250);
  await client.drainMail();
  expect([relay.recipients.length, await newest("away@example.com")]).toEqual(before);
});

test("nothing but return paths of our own is a recipient; a forged one is refused and flips nothing", async () => {
  const returnPath = await cause("forged@example.com");
  const [local = ""] = returnPath.split("@");
  const other = local.endsWith("0") ? "1" : "0";
  for (const recipient of [
    `${local.slice(0, -1)}${other}@${domain}`,
    `${local.replace(/-.*/, "")}@${domain}`,
    `${local}@people.example`,
    `postmaster@${domain}`,
    "someone@elsewhere.example",
    `bounce+${"0".repeat(32)}-${"0".repeat(16)}@${domain}`,
    "x",
  ])
    expect(await send(recipient, report()), recipient).toBeGreaterThanOrEqual(501);
  expect(await newest("forged@example.com")).toMatchObject({ status: "accepted" });
  const stranger = await cause("other@example.com");
  expect(await send([stranger, "someone@elsewhere.example"], report())).toBe(250);
  expect(await newest("other@example.com")).toMatchObject({ status: "bounced" });
  expect(await send(returnPath, `${report()}${"x".repeat(600_000)}`)).toBe(552);
  expect(await newest("forged@example.com")).toMatchObject({ status: "accepted" });
});

test("mails to an address stop after the third that came back, until an administrator clears it", async () => {
  const email = "often@example.com";
  for (let time = 0; time < 3; time++) expect(await send(await cause(email), report())).toBe(250);
  const count = () => relay.recipients.filter((recipient) => recipient === email).length;
  expect(count()).toBe(3);
  await cause("Often@Example.com");
  expect(count()).toBe(3);
  expect(await newest(email)).toMatchObject({ status: "failed", reason: expect.stringContaining("5.1.1") });
  await client.app.post("/admin/mails/clear_address/", { email }, admin);
  await cause(email);
  expect(count()).toBe(4);
  expect(await newest(email)).toMatchObject({ status: "accepted" });
});

/** What arrived for the newest mail to an address, newest first. */
async function arrived(email: string) {
  const { id } = await newest(email);
  return (await client.app.get(`/admin/mails/inbound/?mail=${id}`, admin)).body.inbound;
}

test.each(["4.2.2", "4.4.7", "5.2.2", "5.7.26", "5.4.1"])(
  "mail 6: a full mailbox, a policy or time (%s) lets mails come back, and stops none",
  async (status) => {
    const email = `full-${status.replaceAll(".", "-")}@example.com`;
    const fields = failed.replace("5.1.1", status);
    for (let time = 0; time < 4; time++) {
      expect(await send(await cause(email), report({ fields }))).toBe(250);
      expect(await newest(email)).toMatchObject({ status: "bounced", reason: `Status ${status}` });
    }
    expect(
      (await client.app.get("/admin/mails/suppressions/", admin)).body.map((row: { email: string }) => row.email),
    ).not.toContain(email);
  },
);

test("mail 6: a mail that gets through begins the count anew; a suppression ends by itself, and codes are tried in it", async () => {
  const email = "alive@example.com";
  const bounce = async () => send(await cause(email), report());
  await bounce();
  await bounce();
  await cause(email);
  await bounce();
  expect(await cause(email).then(() => newest(email))).toMatchObject({ status: "accepted" });
  for (let time = 0; time < 3; time++) await bounce();
  await client.email({ type: "password_updated", email });
  await client.drainMail();
  expect(await newest(email)).toMatchObject({ status: "failed" });
  await client.email({ type: "password_reset", email, code: "ABCD2345EFGH" });
  await client.drainMail();
  expect(await newest(email)).toMatchObject({ type: "password_reset", status: "accepted" });
  await client.advanceClocks(14 * 86_400 + 1);
  admin = await client.adminCookie();
  await cause(email);
  expect(await newest(email)).toMatchObject({ type: "password_updated", status: "accepted" });
});

const statusPart = (fields: string) => `Content-Type: message/delivery-status\r\n\r\n${fields}\r\n`;

const multipart = (type: string, boundary: string, ...parts: string[]) =>
  `Content-Type: ${type};boundary="${boundary}"\r\n\r\n${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join("")}--${boundary}--\r\n`;

const head = "From: <>\r\nSubject: Delivery status notification\r\nMIME-Version: 1.0\r\n";
const words = "Content-Type: text/plain\r\n\r\nIt did not work.";
const group = "Final-Recipient: rfc822; a@dest.example\r\nAction: failed\r\nStatus: 5.0.0";
const openSmtpd = (fields: string) =>
  head + multipart("multipart/mixed", "1/h", words, statusPart(`Reporting-MTA: dns; h\r\n\r\n${fields}`));

const qmail =
  `From: MAILER-DAEMON@mx.dest.example\r\nSubject: failure notice\r\n\r\nHi. This is the qmail-send program at mx.dest.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<a@dest.example>:
192.0.2.9 does not like recipient.
Remote host said: 550 5.1.1 no such user

--- Below this line is a copy of the message.

Return-Path: <x@people.example>
Your code is ABCD2345EFGH: https://people.example/account/signup?token=secret
`.replaceAll(/\r?\n/g, "\r\n");

const exim =
  `From: Mail Delivery System <Mailer-Daemon@mx.example>\r\nX-Failed-Recipients: a@dest.example\r\nSubject: Mail delivery failed: returning message to sender\r\n\r\nThis message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  a@dest.example
    host mx.dest.example [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<a@dest.example>:
    550 5.7.1 blocked by our policy
`.replaceAll(/\r?\n/g, "\r\n");

test.each<[row: string, raw: string, status: string, reason: string | RegExp, kind: string]>([
  ["mail 8: multipart/mixed", openSmtpd(group), "bounced", "Status 5.0.0", "bounce"],
  [
    "mail 8: a delay",
    openSmtpd(group.replace("failed", "delayed").replace("Status: 5.0.0", "X: y")),
    "accepted",
    "Delayed",
    "delay",
  ],
  [
    "mail 8: deep inside",
    head +
      multipart(
        "multipart/mixed",
        "o",
        words,
        multipart("multipart/report", "i", words, statusPart(`Reporting-MTA: dns; h\r\n\r\n${group}`)),
      ),
    "bounced",
    "Status 5.0.0",
    "bounce",
  ],
  [
    "mail 9: no blank line",
    report({ fields: "" }).replace("mx.example\r\n\r\n\r\n", `mx.example\r\n${failed}\r\n`),
    "bounced",
    "Status 5.1.1",
    "bounce",
  ],
  ["mail 9: another word", openSmtpd(group.replace("failed", "undeliverable")), "bounced", "Status 5.0.0", "bounce"],
  ["mail 9: a word nobody knows", openSmtpd(group.replace("failed", "kaputt")), "bounced", "Status 5.0.0", "bounce"],
  [
    "mail 9: the second recipient",
    openSmtpd(`${group.replace("failed", "relayed")}\r\n\r\n${group}`),
    "bounced",
    "Status 5.0.0",
    "bounce",
  ],
  ["mail 11: qmail", qmail, "bounced", "550 5.1.1 no such user", "bounce"],
  ["mail 11: exim", exim, "bounced", "550 5.7.1 blocked by our policy", "bounce"],
  [
    "mail 11: a warning",
    exim.replace(/550 5.7.1.*/, "451 4.7.1 later. It will be retried").replace("permanent", "temporary"),
    "accepted",
    /^Delayed: 451 4.7.1 later/,
    "delay",
  ],
])("%s is understood", async (row, raw, status, reason, kind) => {
  const email = `${row.replaceAll(/\W+/g, "-")}@dest.example`;
  expect(await send(await cause(email), raw)).toBe(250);
  const told = reason instanceof RegExp ? expect.stringMatching(reason) : reason;
  expect(await newest(email)).toMatchObject({ status, reason: told });
  const [row0] = await arrived(email);
  expect(row0).toMatchObject({ email, kind, outcome: status === "bounced" ? "bounced" : "delayed" });
  expect(JSON.stringify(row0), "no code and no link of ours is kept").not.toMatch(/ABCD2345EFGH|token=secret/);
});

test("mail 21: a complaint is recorded with the mail and changes nothing else", async () => {
  const email = "complains@example.com";
  const returnPath = await cause(email);
  const feedback =
    "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: Example/1.0\r\nVersion: 1";
  const raw = head + multipart("multipart/report; report-type=feedback-report", "a", words, feedback);
  expect(await send(returnPath, raw)).toBe(250);
  expect(await newest(email)).toMatchObject({ status: "accepted" });
  expect(await arrived(email)).toMatchObject([
    { kind: "complaint", outcome: "noted", reason: "Feedback: abuse, by Example/1.0" },
  ]);
  expect(stack.servers.app.output()).toContain("somebody complained about a mail");
});

test("mail 11: what is not understood leaves a row too, and so does what is about a mail that is gone", async () => {
  const email = "puzzling@example.com";
  const returnPath = await cause(email);
  expect(
    await send(
      returnPath,
      "From: p@example.com\r\nSubject: Re\r\n\r\nWhat is https://x.example/?token=1",
      "p@example.com",
    ),
  ).toBe(250);
  expect(await arrived(email)).toMatchObject([{ kind: "other", outcome: "noted", reason: null, excerpt: "What is …" }]);
  await stack.sql`delete from mails where email = ${email}`;
  expect(await send(returnPath, report())).toBe(250);
  const { body } = await client.app.get("/admin/mails/inbound/?limit=1", admin);
  expect(body.inbound).toMatchObject([{ mail_id: null, email: null, kind: "bounce", outcome: "unknown_mail" }]);
  expect(body.next).toMatch(/^\d+$/);
});

test("mail 13: who says everything at once and closes that side still hears the answers", async () => {
  const returnPath = await cause("hasty@example.com");
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  let heard = "";
  socket.on("data", (chunk) => (heard += chunk));
  await once(socket, "data");
  socket.end(`EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<${returnPath}>\r\nDATA\r\n${report()}\r\n.\r\nQUIT\r\n`);
  await once(socket, "close");
  expect(
    heard
      .trim()
      .split(/\r\n/)
      .slice(-2)
      .map((line) => line.slice(0, 3)),
  ).toEqual(["250", "221"]);
  expect(await newest("hasty@example.com")).toMatchObject({ status: "bounced" });
});

test("mail 1: a relay that refuses everybody stops nobody's mail: three wait, and a reset goes out when it is mended", async () => {
  const email = "r@dest.example";
  relay.script = ({ stage }) =>
    stage === "rcpt" ? { code: 554, text: `5.7.1 <${email}>: Relay access denied` } : undefined;
  for (let time = 0; time < 3; time++) await cause(email);
  expect(await newest(email)).toMatchObject({
    status: "deferred",
    reason: expect.stringContaining("Relay access denied"),
  });
  relay.script = undefined;
  await client.email({ type: "password_reset", email, code: "ABCD2345EFGH" });
  await client.drainMail();
  expect(await newest(email)).toMatchObject({ type: "password_reset", status: "accepted" });
  expect(stack.servers.app.output().match(/the relay does not take mails/g), "once").toHaveLength(1);
});

test("mail 1: a relay that calls everybody unknown is not believed: what it refused counts for nobody and is tried again", async () => {
  const emails = Array.from({ length: 5 }, (_, index) => `alike-${index}@dest.example`);
  relay.script = ({ stage, recipient }) =>
    stage === "rcpt" ? { code: 550, text: `5.1.1 <${recipient}>: no such user` } : undefined;
  for (const email of emails) await cause(email);
  relay.script = undefined;
  for (const email of emails) expect(await newest(email), email).toMatchObject({ status: "deferred" });
  expect(await stack.sql`select from mail_suppressions where email_norm = any(${emails}) and bounces > 0`).toHaveLength(
    0,
  );
  await client.advanceClocks(60);
  await client.drainMail();
  for (const email of emails) expect(await newest(email), email).toMatchObject({ status: "accepted" });
});

test("mail 1: a relay that takes others in between is believed", async () => {
  relay.script = ({ stage, recipient }) =>
    stage === "rcpt" && recipient?.startsWith("gone")
      ? { code: 550, text: `5.1.1 <${recipient}>: no such user` }
      : undefined;
  for (const name of ["gone-1", "gone-2", "gone-3", "gone-4", "there", "gone-5"]) await cause(`${name}@dest.example`);
  relay.script = undefined;
  for (const name of ["gone-1", "gone-4", "gone-5"])
    expect(await newest(`${name}@dest.example`), name).toMatchObject({ status: "failed" });
});

test("a bounced mail can be sent again, and its metrics count it", async () => {
  const email = "again@example.com";
  await send(await cause(email), report());
  const { id } = await newest(email);
  expect((await client.app.post("/admin/mails/replay/", { id }, admin)).status).toBe(200);
  await client.drainMail();
  expect(await newest(email)).toMatchObject({ id, status: "accepted" });
  const headers = { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` };
  const metrics = await (await fetch(`${stack.urls.appPrivate}/metrics`, { headers })).text();
  expect(metrics).toMatch(/^anteroom_mail_outcomes_total\{outcome="bounced"\} [1-9]/m);
});

test("the listener signs nobody in, encrypts nothing by halves, and survives nonsense", async () => {
  const lines = await converse([
    "EHLO x",
    "AUTH PLAIN AGEAYg==",
    "STARTTLS",
    "VRFY root",
    "EXPN all",
    "\u0000\u00ff",
    "QUIT",
  ]);
  expect(lines.join("\n")).not.toMatch(/AUTH PLAIN|250.STARTTLS|^235|^334/m);
  expect(lines.at(-1)).toMatch(/^221/);
  expect(await send(await cause("after@example.com"), report())).toBe(250);
});

test("without BACKEND_INBOUND nothing listens", async () => {
  const restart = async () => {
    await stack.servers.app.stop();
    await stack.servers.app.start();
  };
  onTestFinished(async () => {
    stack.env.BACKEND_INBOUND = "true";
    await restart();
  });
  delete stack.env.BACKEND_INBOUND;
  await restart();
  const refused = new Promise((resolve) => connect(port, "127.0.0.1").on("error", resolve).on("connect", resolve));
  expect(await refused).toMatchObject({ code: "ECONNREFUSED" });
  expect(await cause("plain@example.com")).toBe("anteroom@people.example");
});

/** Says one line after the other, each after the answer to the one before; every line that came back. */
function converse(commands: string[]): Promise<string[]> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const heard: string[] = [];
    socket.on("error", () => undefined).on("close", () => resolve(heard));
    createInterface({ input: socket }).on("line", (line) => {
      heard.push(line);
      if (/^\d{3} /.test(line)) socket.write(`${commands.shift() ?? "QUIT"}\r\n`);
    });
  });
}
