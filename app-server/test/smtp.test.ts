import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { measured } from "@anteroom/shared/testing/measured";
import { patiently } from "@anteroom/shared/testing/patience";
import { freePort } from "@anteroom/shared/testing/ports";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import PostalMime from "postal-mime";
import { afterAll, beforeAll, expect, test as oneAfterTheOther } from "vitest";
import type { ComposedMail } from "../src/mail/compose/compose.ts";
import type { DueMail } from "../src/mail/request.ts";
import { createReturnPaths } from "../src/mail/return/return-path.ts";
import { createDelivery } from "../src/mail/send/deliver.ts";
import { testMail } from "../src/mail/send/test-mail.ts";
import { readSettings } from "../src/settings.ts";
import { makeCertificate } from "./support/certificates.ts";
import {
  type Fault,
  type MailRelay,
  type RelayedMail,
  type RelayOptions,
  type Stage,
  startMailRelay,
} from "./support/mail-relay.ts";

const sender = "anteroom@people.example";
const account = { username: "user", password: "a secret of the relay" };
const authority = makeCertificate({ name: "Test authority" });
const sound = makeCertificate({ name: "127.0.0.1", issuer: authority });

let folder: string;
let authorityFile: string;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "anteroom-smtp-"));
  authorityFile = join(folder, "authority.pem");
  await writeFile(authorityFile, authority.cert);
});

afterAll(async () => {
  for (const { close } of open) await close();
  await rm(folder, { recursive: true });
});

/** They wait for relays more than they compute, and each has relays of its own. */
const test = oneAfterTheOther.concurrent;

async function relayWith(options: RelayOptions = {}): Promise<MailRelay> {
  const relay = await startMailRelay(options);
  open.push(relay);
  return relay;
}

function settingsFor({ port }: { port: number }, more: Record<string, string> = {}) {
  return readSettings({
    BACKEND_DATABASE_URL: "postgres://localhost/app",
    BACKEND_SECRET: randomBytes(32).toString("base64"),
    BACKEND_FRONTEND_ORIGIN: "https://people.example",
    BACKEND_SMTP_SEND: "true",
    BACKEND_SMTP_HOST: "127.0.0.1",
    BACKEND_SMTP_PORT: String(port),
    BACKEND_SMTP_TLS: "none",
    BACKEND_SMTP_SENDER_EMAIL: sender,
    BACKEND_SMTP_TIMEOUT: `${patiently(1)}s`,
    BACKEND_SMTP_FINAL_TIMEOUT: `${patiently(1)}s`,
    ...more,
  });
}

function deliveryTo(relay: { port: number }, more: Record<string, string> = {}) {
  const delivery = createDelivery(settingsFor(relay, more));
  open.push(delivery);
  return (to = "ada@example.com", mail: Partial<ComposedMail> = {}, due: Partial<DueMail> = {}) =>
    delivery.deliver(mailTo(to, mail), { ...dueMail(to), ...due });
}

const code = "QXZWVPTR";

function mailTo(to: string, more: Partial<ComposedMail> = {}): ComposedMail {
  const link = `https://people.example/account/signup?token=abc&code=${code}`;
  return {
    to,
    subject: "Your code",
    text: `The code is ${code}\n${link}\n`,
    html: `<p>${code}</p>`,
    code,
    link,
    ...more,
  };
}

function dueMail(email: string): DueMail {
  const createdAt = new Date("2026-03-04T05:06:07.089Z");
  return { id: randomUUID(), type: "signup_verification", email, values: {}, language: "en", createdAt };
}

const only = (relay: MailRelay): RelayedMail => {
  expect(relay.mails).toHaveLength(1);
  return relay.mails[0] as RelayedMail;
};

test("M-4, D-56: host, port, sender and its name are those of the settings", async () => {
  const [relay, other] = [await relayWith(), await relayWith()];
  const deliver = deliveryTo(relay, { BACKEND_SMTP_SENDER_NAME: "The board, of “People”" });
  expect(await deliver("ada@example.com")).toEqual({ status: "accepted", reply: "250 taken as 1" });
  const { from, to, raw, clientName } = only(relay);
  expect({ from, to, clientName }).toEqual({ from: sender, to: "ada@example.com", clientName: "people.example" });
  const mail = await PostalMime.parse(raw);
  expect(mail.from).toEqual({ address: sender, name: "The board, of “People”" });
  expect(mail.to).toEqual([{ address: "ada@example.com", name: "" }]);
  expect([mail.subject, mail.replyTo]).toEqual(["Your code", undefined]);
  expect(other.steps).toEqual([]);
});

test("M-4: Reply-To and return path are those of the settings", async () => {
  const relay = await relayWith();
  const deliver = deliveryTo(relay, {
    BACKEND_SMTP_REPLY_TO: "board@people.example",
    BACKEND_SMTP_RETURN_PATH: "returns@people.example",
  });
  await deliver();
  const { from, raw } = only(relay);
  expect(from).toBe("returns@people.example");
  const mail = await PostalMime.parse(raw);
  expect(mail.replyTo).toEqual([{ address: "board@people.example", name: "" }]);
  expect(mail.from?.address).toBe(sender);
});

test("with an inbound listener every mail has a return path of its own, which leads back to it alone", async () => {
  const relay = await relayWith();
  const inbound = { BACKEND_INBOUND: "on", BACKEND_INBOUND_DOMAIN: "bounces.people.example" };
  const settings = settingsFor(relay, { ...inbound, BACKEND_SMTP_RETURN_PATH: "returns@people.example" });
  const delivery = createDelivery(settings);
  open.push(delivery);
  const [one, two] = [dueMail("ada@example.com"), dueMail("bob@example.com")];
  for (const due of [one, two]) await delivery.deliver(mailTo(due.email), due);
  const returnPaths = createReturnPaths(settings);
  const [first = "", second = ""] = relay.mails.map(({ from }) => from);
  expect(first).toMatch(/^bounce\+[0-9a-f]{32}-[0-9a-f]{16}@bounces\.people\.example$/);
  expect([first, second].map(returnPaths.mailIdOf)).toEqual([one.id, two.id]);
  expect(returnPaths.mailIdOf(` ${first.toUpperCase()} `)).toBe(one.id);
  const [, hash = ""] = second.split(/[-@]/);
  for (const forged of [
    first.replace(/-\w{16}@/, `-${hash}@`),
    first.replace("@bounces.", "@"),
    first.replace("bounce+", ""),
    `${first}.example`,
    "",
  ])
    expect(returnPaths.mailIdOf(forged), forged).toBeUndefined();
  const others = createReturnPaths({ ...settings, secret: randomBytes(32) });
  expect(others.mailIdOf(first)).toBeUndefined();
  expect(createReturnPaths({ ...settings, inbound: undefined }).of(one.id)).toBeUndefined();
});

test.each([
  ["PLAIN", "PLAIN"],
  ["LOGIN", "LOGIN"],
  ["CRAM-MD5", "CRAM-MD5"],
  ["any", "PLAIN"],
])("M-4: BACKEND_SMTP_AUTH_METHOD=%s signs in by %s", async (method, used) => {
  const relay = await relayWith({ account, authMethods: ["PLAIN", "LOGIN", "CRAM-MD5"] });
  const deliver = deliveryTo(relay, {
    BACKEND_SMTP_USERNAME: account.username,
    BACKEND_SMTP_PASSWORD: account.password,
    BACKEND_SMTP_AUTH_METHOD: method,
  });
  expect(await deliver()).toMatchObject({ status: "accepted" });
  expect(only(relay)).toMatchObject({ username: account.username, authMethod: used });
});

test("M-4: a wrong password and a missing one are told by the relay's answer, without the password", async () => {
  const relay = await relayWith({ account });
  const wrong = deliveryTo(relay, { BACKEND_SMTP_USERNAME: "user", BACKEND_SMTP_PASSWORD: "wrong name" });
  const refused = await wrong();
  expect(refused).toMatchObject({ status: "deferred", reason: expect.stringContaining("535") });
  expect(JSON.stringify(refused)).not.toContain("wrong name");
  expect(await deliveryTo(relay)()).toMatchObject({ status: "deferred", reason: expect.stringContaining("530") });
  expect(relay.mails).toEqual([]);
});

test.each(["starttls", "implicit"] as const)(
  "M-4: BACKEND_SMTP_TLS=%s encrypts, trusting BACKEND_SMTP_CA_FILE",
  async (tls) => {
    const relay = await relayWith({ tls, certificate: sound, account });
    const auth = { BACKEND_SMTP_USERNAME: account.username, BACKEND_SMTP_PASSWORD: account.password };
    const trusting = deliveryTo(relay, { ...auth, BACKEND_SMTP_TLS: tls, BACKEND_SMTP_CA_FILE: authorityFile });
    expect(await trusting()).toMatchObject({ status: "accepted" });
    expect(only(relay)).toMatchObject({ isEncrypted: true, username: account.username });
    const others = deliveryTo(relay, { ...auth, BACKEND_SMTP_TLS: tls });
    expect(await others()).toMatchObject({
      status: "deferred",
      reason: expect.stringMatching(/certificate.*not to be trusted/),
    });
    expect(relay.mails).toHaveLength(1);
  },
);

test.each([
  ["self-signed", makeCertificate({ name: "127.0.0.1" }), "DEPTH_ZERO_SELF_SIGNED_CERT"],
  ["expired", makeCertificate({ name: "127.0.0.1", issuer: authority, expiresIn: -2 }), "CERT_HAS_EXPIRED"],
  ["of another name", makeCertificate({ name: "mail.example", issuer: authority }), "ERR_TLS_CERT_ALTNAME_INVALID"],
])("M-4: a relay whose certificate is %s gets neither password nor mail", async (_, certificate, reason) => {
  for (const tls of ["starttls", "implicit"] as const) {
    const relay = await relayWith({ tls, certificate, account });
    const deliver = deliveryTo(relay, {
      BACKEND_SMTP_TLS: tls,
      BACKEND_SMTP_CA_FILE: authorityFile,
      BACKEND_SMTP_USERNAME: account.username,
      BACKEND_SMTP_PASSWORD: account.password,
    });
    expect(await deliver()).toMatchObject({ status: "deferred", reason: expect.stringContaining(reason) });
    expect(relay.steps.filter(({ stage }) => stage === "auth" || stage === "mail")).toEqual([]);
  }
});

test("M-4: starttls is required: a relay that does not offer it, or does not speak it, gets nothing", async () => {
  const relay = await relayWith();
  const deliver = deliveryTo(relay, { BACKEND_SMTP_TLS: "starttls" });
  expect(await deliver()).toMatchObject({ status: "deferred", reason: expect.stringContaining("STARTTLS") });
  expect(await deliveryTo(relay, { BACKEND_SMTP_TLS: "implicit" })()).toMatchObject({ status: "deferred" });
  expect(relay.steps.some(({ stage }) => stage === "mail")).toBe(false);
});

test("M-4: BACKEND_SMTP_TIMEOUT ends every wait", async () => {
  const waits = (["greeting", "ehlo", "mail", "rcpt", "data", "content", "end"] as const).map(async (stage) => {
    const relay = await relayWith();
    relay.script = (step) => (step.stage === stage ? "hang" : undefined);
    const start = Date.now();
    expect(await deliveryTo(relay)(), stage).toMatchObject({ status: "deferred" });
    expect(Date.now() - start, stage).toBeGreaterThan(900);
    expect(Date.now() - start, stage).toBeLessThan(patiently(4_000));
  });
  await Promise.all(waits);
});

test("a relay that answers byte by byte is listened to, but not for ever", async () => {
  const [slow, endless] = [await relayWith(), await relayWith()];
  slow.trickle = 1;
  endless.script = () => {
    // Each byte restarts the wait for the next.
    if (endless.steps.at(-1)?.stage === "mail") endless.trickle = 700;
    return undefined;
  };
  const start = Date.now();
  const outcomes = await Promise.all([deliveryTo(slow)(), deliveryTo(endless)()]);
  expect(outcomes.map(({ status }) => status)).toEqual(["accepted", "deferred"]);
  expect(Date.now() - start).toBeGreaterThan(2_500);
  expect(Date.now() - start).toBeLessThan(patiently(8_000));
  expect(endless.mails).toEqual([]);
});

const refusals: [stage: Stage, fault: Fault, status: "deferred" | "failed"][] = [
  ["greeting", { code: 554 }, "deferred"],
  ["greeting", { code: 421 }, "deferred"],
  ["ehlo", { code: 421 }, "deferred"],
  ["mail", { code: 451 }, "deferred"],
  ["mail", { code: 530 }, "deferred"],
  // The sender is refused, which says nothing about this mail.
  ["mail", { code: 550 }, "deferred"],
  ["mail", { code: 550, text: "5.1.1 no such user" }, "deferred"],
  ["rcpt", { code: 450 }, "deferred"],
  ["rcpt", { code: 450, text: "4.1.1 unverified address" }, "deferred"],
  ["rcpt", { code: 450, text: "4.1.1 no such user here" }, "deferred"],
  ["rcpt", { code: 421 }, "deferred"],
  ["rcpt", { code: 550, text: "no such user" }, "failed"],
  ["rcpt", { code: 550, text: "5.1.1 <ada@example.com>: Recipient address rejected" }, "failed"],
  ["rcpt", { code: 553, text: "5.1.3 bad form" }, "failed"],
  ["rcpt", { code: 556, text: "5.1.10 Recipient address has null MX" }, "failed"],
  // Without a status, and with no other reason.
  ["rcpt", { code: 550 }, "failed"],
  ["rcpt", { code: 553 }, "failed"],
  ["rcpt", { code: 552 }, "deferred"],
  ["rcpt", { code: 554 }, "deferred"],
  ["rcpt", { code: 550, text: "5.5.0 Requested action not taken: mailbox unavailable" }, "deferred"],
  ["data", { code: 451 }, "deferred"],
  ["data", { code: 503 }, "deferred"],
  ["data", { code: 554 }, "deferred"],
  ["end", { code: 452 }, "deferred"],
  // Not about the address: it was taken before.
  ["end", { code: 550 }, "deferred"],
  ["end", { code: 552 }, "deferred"],
  ["end", { code: 550, text: "5.1.1 <ada@example.com> User doesn't exist" }, "failed"],
  ["greeting", "drop", "deferred"],
  ["ehlo", "drop", "deferred"],
  ["mail", "drop", "deferred"],
  ["rcpt", "drop", "deferred"],
  ["data", "drop", "deferred"],
  ["content", "drop", "deferred"],
  ["end", "drop", "deferred"],
  ["end", "lose answer", "deferred"],
];

/** What was seen of relays: all about us, the relay, its policy, fullness or time. */
const passing: [row: string, stage: Stage, answer: string, advice: RegExp][] = [
  ["mail 1", "rcpt", "554 5.7.1 <ada@example.com>: Relay access denied", /sign in with BACKEND_SMTP_USERNAME/],
  ["mail 1", "rcpt", "550 relay not permitted", /sign in with/],
  ["mail 2", "rcpt", "504 5.5.2 <h>: Helo command rejected: need fully-qualified hostname", /BACKEND_SMTP_EHLO_NAME/],
  ["mail 2", "rcpt", "450 4.7.1 <h>: Helo command rejected: Host not found", /BACKEND_SMTP_EHLO_NAME/],
  ["mail 3", "rcpt", "550 5.7.1 Client host [192.0.2.1] blocked using a list", /look its answer up/],
  ["mail 4", "rcpt", "553 5.7.1 <anteroom@people.example>: Sender address rejected: not owned by user", /SENDER_EMAIL/],
  ["mail 4", "mail", "553 5.7.1 not owned", /SENDER_EMAIL/],
  ["mail 5", "end", "550 5.7.26 unauthenticated", /look its answer up|sign in with/],
  ["mail 5", "end", "550 5.4.5 daily limit exceeded", /look its answer up/],
  ["mail 5", "end", "554 Message rejected: Email address is not verified", /look its answer up/],
  ["mail 5", "end", "554 5.3.0 internal error", /look its answer up/],
  ["mail 6", "rcpt", "552 5.2.2 mailbox full", /look its answer up/],
  ["mail 6", "rcpt", "550 5.2.1 The user is receiving mail at a rate that prevents more", /look its answer up/],
  ["mail 17", "mail", "530 5.7.0 Must issue a STARTTLS command first", /BACKEND_SMTP_TLS=starttls/],
];

test.each(passing)(
  "%s: an answer at %s that says nothing of the address is deferred: %s",
  async (_, stage, answer, advice) => {
    const relay = await relayWith();
    const [code = "", ...text] = answer.split(" ");
    relay.script = (step) => (step.stage === stage ? { code: Number(code), text: text.join(" ") } : undefined);
    expect(await deliveryTo(relay)()).toMatchObject({
      status: "deferred",
      reason: expect.stringContaining(answer),
      advice: expect.stringMatching(advice),
    });
  },
);

test("mail 7: the answer to the whole mail may take longer than every other, and makes one copy", async () => {
  const relay = await relayWith();
  let answer: () => void = () => undefined;
  relay.waitForEnd = () => new Promise((resolve) => (answer = resolve));
  setTimeout(() => answer(), 4_000);
  const delivered = deliveryTo(relay, { BACKEND_SMTP_FINAL_TIMEOUT: "10m" })();
  expect(await delivered).toMatchObject({ status: "accepted" });
  only(relay);
  const { finalTimeout } = settingsFor(relay, { BACKEND_SMTP_FINAL_TIMEOUT: "" });
  expect(finalTimeout, "RFC 5321, 4.5.3.2.6").toBe(600_000);
});

test("mail 14: a relay that takes three mails in a session gets the others in new ones, at once", async () => {
  const relay = await relayWith();
  relay.mailsPerSession = 3;
  const deliver = deliveryTo(relay);
  const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => deliver(`p${index}@example.com`)));
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => "accepted"));
  expect(new Set(relay.recipients).size).toBe(20);
  expect(relay.mails).toHaveLength(20);
});

test("mail 15: a relay on the IPv6 side of localhost only is reached, by name and by address", async () => {
  const relay = await relayWith({ host: "::1" });
  for (const host of ["localhost", "[::1]", "::1"])
    expect(await deliveryTo(relay, { BACKEND_SMTP_HOST: host })(), host).toMatchObject({ status: "accepted" });
});

test("BACKEND_SMTP_EHLO_NAME is what we call ourselves; else the site, or the sender's domain", async () => {
  const relay = await relayWith();
  await deliveryTo(relay, { BACKEND_SMTP_EHLO_NAME: "mail.people.example" })();
  await deliveryTo(relay, {
    BACKEND_FRONTEND_ORIGIN: "http://localhost:1",
    BACKEND_SMTP_SENDER_EMAIL: "a@other.example",
  })();
  expect(relay.mails.map(({ clientName }) => clientName)).toEqual(["mail.people.example", "other.example"]);
  expect(() => settingsFor(relay, { BACKEND_SMTP_EHLO_NAME: "container" })).toThrow("BACKEND_SMTP_EHLO_NAME");
});

test("XOAUTH2: signs in with a token that its provider gives for the refresh token; without the provider mails wait", async () => {
  const asked: string[] = [];
  const provider = createServer(async (request, response) => {
    asked.push(await readText(request));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ access_token: "a-short-token", expires_in: 3_600 }));
  });
  const port = await new Promise<number>((resolve) => {
    provider.listen(0, "127.0.0.1", () => resolve((provider.address() as AddressInfo).port));
  });
  const relay = await relayWith({ account: { username: "user", password: "a-short-token" }, authMethods: ["XOAUTH2"] });
  const settings = {
    BACKEND_SMTP_USERNAME: "user",
    BACKEND_SMTP_AUTH_METHOD: "XOAUTH2",
    BACKEND_SMTP_OAUTH_TOKEN_URL: `http://127.0.0.1:${port}/token`,
    BACKEND_SMTP_OAUTH_CLIENT_ID: "client",
    BACKEND_SMTP_OAUTH_CLIENT_SECRET: "of the client",
    BACKEND_SMTP_OAUTH_REFRESH_TOKEN: "a-long-token",
  };
  expect(await deliveryTo(relay, settings)()).toMatchObject({ status: "accepted" });
  expect(only(relay)).toMatchObject({ username: "user", authMethod: "XOAUTH2" });
  expect(new URLSearchParams(asked[0]).get("refresh_token")).toBe("a-long-token");
  await new Promise((resolve) => provider.close(resolve));
  const refused = await deliveryTo(relay, settings)();
  expect(refused).toMatchObject({ status: "deferred", concerns: "relay" });
  expect(JSON.stringify(refused)).not.toMatch(/a-long-token|of the client/);
  expect(() => settingsFor(relay, { BACKEND_SMTP_USERNAME: "user", BACKEND_SMTP_AUTH_METHOD: "XOAUTH2" })).toThrow(
    /OAUTH_TOKEN_URL[\s\S]*OAUTH_CLIENT_ID/,
  );
});

test("M-31: what a relay refuses for good has failed, all else is tried again, and the next mail goes through", async () => {
  const runs = refusals.map(async ([stage, fault, status]) => {
    const what = `${stage}: ${JSON.stringify(fault)}`;
    const relay = await relayWith();
    const deliver = deliveryTo(relay);
    relay.script = (step) => (step.stage === stage ? fault : undefined);
    const outcome = await deliver();
    expect(outcome.status, what).toBe(status);
    const reason = outcome.status === "accepted" ? "" : outcome.reason;
    const told = typeof fault === "object" ? new RegExp(`\\b${fault.code}\\b`) : /closed the connection/;
    expect(reason, what).toMatch(told);
    relay.script = undefined;
    relay.mails.length = 0;
    expect(await deliver(), `after ${what}`).toMatchObject({ status: "accepted" });
    expect(relay.mails, `after ${what}`).toHaveLength(1);
  });
  await Promise.all(runs);
});

test("a mail that was acknowledged is accepted, whatever becomes of the connection then", async () => {
  const relay = await relayWith();
  relay.script = ({ stage }) => (stage === "end" ? "answer and drop" : undefined);
  const deliver = deliveryTo(relay);
  for (let index = 1; index <= 3; index++) {
    expect(await deliver()).toMatchObject({ status: "accepted" });
    expect(relay.mails).toHaveLength(index);
  }
});

test("a connection that the relay closed while it was idle costs the next mail nothing", async () => {
  const relay = await relayWith();
  const deliver = deliveryTo(relay);
  for (let index = 1; index <= 5; index++) {
    expect(await deliver()).toMatchObject({ status: "accepted" });
    relay.cut();
  }
  expect(relay.mails).toHaveLength(5);
});

test("an address that no relay could be told has failed, and no second recipient comes of it", async () => {
  const relay = await relayWith();
  const deliver = deliveryTo(relay);
  expect(await deliver("ada@example.com>\r\nRCPT TO:<eve@example.com")).toMatchObject({ status: "failed" });
  for (const to of ["ada@example.com, eve@example.com", "Eve <eve@example.com>", "ada,eve@example.com"])
    await deliver(to);
  expect(relay.recipients.filter((address) => address === "eve@example.com")).toEqual([]);
});

test("what the relay says is kept as one line, without code, link and password", async () => {
  const relay = await relayWith({ account });
  const deliver = deliveryTo(relay, {
    BACKEND_SMTP_USERNAME: account.username,
    BACKEND_SMTP_PASSWORD: account.password,
  });
  const text = `not ${code} nor ${mailTo("").link} nor ${account.password} \u202e${" again".repeat(100)}`;
  relay.script = ({ stage }) => (stage === "end" ? { code: 554, text } : undefined);
  const { reason } = (await deliver()) as { reason: string };
  expect(reason).toMatch(/^554 not … nor … nor … again/);
  expect(reason.length).toBe(300);
});

test("nobody answers, or nobody of that name: the mail waits, and the reason says so", async () => {
  const port = await freePort();
  expect(await deliveryTo({ port })()).toEqual({
    status: "deferred",
    reason: `nothing answers at 127.0.0.1:${port}: (ECONNREFUSED)`,
    concerns: "relay",
  });
});

test("mails that wait for a dead relay behind others share its answer; those after it try for themselves", async () => {
  const relay = await relayWith();
  relay.script = ({ stage }) => (stage === "greeting" ? "hang" : undefined);
  const deliver = deliveryTo(relay);
  const start = Date.now();
  const outcomes = await Promise.all(Array.from({ length: 40 }, () => deliver()));
  // One after the other they would take five seconds.
  expect(Date.now() - start).toBeLessThan(patiently(3_000));
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["deferred"]));
  relay.script = undefined;
  expect(await deliver()).toMatchObject({ status: "accepted" });
});

test.each(["rcpt", "data", "content", "end"] as const)(
  "a relay that does not go on with some mails, at the stage of %s, does not hold up the others",
  async (stage) => {
    const relay = await relayWith();
    relay.script = (step) => (step.stage === stage && step.recipient.startsWith("slow") ? "hang" : undefined);
    const deliver = deliveryTo(relay, { BACKEND_SMTP_TIMEOUT: "10s" });
    const slow = [1, 2, 3].map((index) => deliver(`slow${index}@example.com`));
    const start = Date.now();
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => deliver(`p${index}@example.com`)));
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["accepted"]));
    expect(Date.now() - start).toBeLessThan(patiently(5_000));
    relay.cut();
    for (const outcome of await Promise.all(slow)) expect(outcome).toMatchObject({ status: "deferred" });
  },
);

test("as many mails as there are turns hang: after a moment others go on", async () => {
  const relay = await relayWith();
  relay.script = (step) => (step.stage === "rcpt" && step.recipient.startsWith("slow") ? "hang" : undefined);
  const deliver = deliveryTo(relay, { BACKEND_SMTP_TIMEOUT: "30s" });
  const slow = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((index) => deliver(`slow${index}@example.com`));
  expect(await deliver("ada@example.com")).toMatchObject({ status: "accepted" });
  relay.cut();
  await Promise.all(slow);
});

test("mails share a few connections, however many they are", async () => {
  // One that takes long for the machine's sake is passed by another, which needs a connection more.
  await measured(async () => {
    const relay = await relayWith();
    const deliver = deliveryTo(relay);
    await Promise.all(Array.from({ length: 250 }, (_, index) => deliver(`p${index}@example.com`)));
    expect(new Set(relay.recipients).size).toBe(250);
    expect(relay.steps.filter(({ stage }) => stage === "greeting").length).toBeLessThanOrEqual(8);
  });
});

test("a repeated mail is the same mail: Message-ID and Date are those of its cause", async () => {
  const relay = await relayWith();
  const due = dueMail("ada@example.com");
  await deliveryTo(relay)(due.email, {}, due);
  await deliveryTo(relay)(due.email, {}, due);
  const [first, second] = await Promise.all(relay.mails.map(({ raw }) => PostalMime.parse(raw)));
  expect(first?.messageId).toBe(`<${due.id}@people.example>`);
  expect(second?.messageId).toBe(first?.messageId);
  expect([first?.date, second?.date]).toEqual(["2026-03-04T05:06:07.000Z", "2026-03-04T05:06:07.000Z"]);
});

const unsubscribeUrl = `https://people.example/mail/unsubscribe?token=${"t".repeat(80)}`;

test("M-15: mails that may be switched off say how, with one click; others do not; all say that no person wrote them", async () => {
  const relay = await relayWith();
  const deliver = deliveryTo(relay);
  await deliver("ada@example.com", { unsubscribeUrl }, { type: "signin_notification" });
  await deliver();
  const [notice, codeMail] = await Promise.all(relay.mails.map(({ raw }) => PostalMime.parse(raw)));
  const headers = (mail: typeof notice) => new Map(mail?.headers.map(({ key, value }) => [key, value]));
  expect([...headers(notice)]).toEqual(
    expect.arrayContaining([
      ["auto-submitted", "auto-generated"],
      ["list-id", "<signin-notification.people.example>"],
      ["list-unsubscribe", `<${unsubscribeUrl}>`],
      ["list-unsubscribe-post", "List-Unsubscribe=One-Click"],
    ]),
  );
  expect(headers(codeMail).get("auto-submitted")).toBe("auto-generated");
  expect([...headers(codeMail).keys()].filter((key) => key.startsWith("list-"))).toEqual([]);
});

test("M-4: with a DKIM key every mail is signed, one-click headers and all", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const keyFile = join(folder, "dkim.pem");
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  const relay = await relayWith();
  const deliver = deliveryTo(relay, {
    BACKEND_SMTP_DKIM_DOMAIN: "people.example",
    BACKEND_SMTP_DKIM_SELECTOR: "mails",
    BACKEND_SMTP_DKIM_KEY_FILE: keyFile,
  });
  await deliver("ada@example.com", { unsubscribeUrl, subject: "Ünïcode \u{1f4ec} and .dots", text: ".\n..\nlïne \n" });
  const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: "spki", format: "der" }).toString("base64")}`;
  const asked: string[] = [];
  const resolver = async (name: string) => {
    asked.push(name);
    return [[record]];
  };
  const { raw } = only(relay);
  const verify = async (message: string) => (await dkimVerify(message, { resolver })).results[0];
  const result = await verify(raw);
  expect(result?.status.result).toBe("pass");
  expect(asked).toEqual(["mails._domainkey.people.example"]);
  const signed = /\bh=([^;]*)/.exec(raw.replace(/\s+/g, ""))?.[1]?.toLowerCase().split(":");
  for (const name of [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "auto-submitted",
    "list-unsubscribe",
    "list-unsubscribe-post",
  ])
    expect(signed).toContain(name);
  expect((await verify(raw.replace("One-Click", "Two-Click")))?.status.result).toBe("fail");
  expect((await verify(raw.replace("ada@", "eve@")))?.status.result).toBe("fail");
});

test("D-56, D-57: without BACKEND_SMTP_SEND nothing leaves; the mail is written to a folder, all of it or nothing", async () => {
  const relay = await relayWith();
  const emailsDir = join(folder, "emails");
  const deliver = deliveryTo(relay, { BACKEND_SMTP_SEND: "false", BACKEND_EMAILS_DIR: emailsDir });
  const due = dueMail("ada@example.com");
  const outcome = await deliver("ada@example.com", {}, due);
  const stem = /^written to (20260304_050607_089\d{3}_signup_verification_ada_at_example_com)$/.exec(
    outcome.status === "accepted" ? outcome.reply : "",
  )?.[1];
  await deliver("ada@example.com", {}, due);
  const names = (await readdir(emailsDir)).sort();
  const modes = await Promise.all([".", ...names].map((name) => stat(join(emailsDir, name))));
  expect(
    modes.map(({ mode }) => mode & 0o777),
    "S-F15: codes are for this server's own user",
  ).toEqual([0o700, 0o600, 0o600, 0o600]);
  expect(names).toEqual([`${stem}.eml`, `${stem}.html`, `${stem}.txt`]);
  const [source = "", html, text = ""] = await Promise.all(
    names.map((name) => readFile(join(emailsDir, name), "utf8")),
  );
  const { link } = mailTo("");
  expect(text.split("\n").slice(0, 4)).toEqual([
    "To: ada@example.com",
    "Subject: Your code",
    `Code: ${code}`,
    `Link: ${link}`,
  ]);
  expect(html).toBe(`<p>${code}</p>`);
  expect((await PostalMime.parse(source)).messageId).toBe(`<${due.id}@people.example>`);
  expect(relay.steps).toEqual([]);
});

test("a test mail reports the whole dialogue, with what is secret left out", async () => {
  const relay = await relayWith({ tls: "starttls", certificate: sound, account, authMethods: ["LOGIN"] });
  const more = {
    BACKEND_SMTP_TLS: "starttls",
    BACKEND_SMTP_CA_FILE: authorityFile,
    BACKEND_SMTP_USERNAME: account.username,
    BACKEND_SMTP_PASSWORD: account.password,
  };
  const { ok, dialogue } = await testMail(settingsFor(relay, more), "ada@example.com");
  expect(ok).toBe(true);
  const shown = [
    "S: 220",
    "C: EHLO",
    "C: STARTTLS",
    "* Connection upgraded",
    "C: AUTH LOGIN",
    "C: MAIL FROM",
    "C: RCPT TO",
    "S: 250 taken",
  ];
  const places = shown.map((start) => dialogue.findIndex((line) => line.startsWith(start)));
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  expect(places).not.toContain(-1);
  expect(dialogue.at(-1)).toContain("The relay took the mail");
  const all = dialogue.join("\n");
  for (const secret of [account.password, account.username])
    for (const form of [secret, Buffer.from(secret).toString("base64")]) expect(all).not.toContain(form);
  const mail = await PostalMime.parse(only(relay).raw);
  expect(mail.subject).toBe("Test mail from Anteroom");
});

test.each<[what: string, relay: RelayOptions, settings: Record<string, string>, remedy: RegExp]>([
  [
    "a wrong password",
    { account },
    { BACKEND_SMTP_USERNAME: "user", BACKEND_SMTP_PASSWORD: "x" },
    /Check BACKEND_SMTP_USERNAME/,
  ],
  ["no STARTTLS", {}, { BACKEND_SMTP_TLS: "starttls" }, /BACKEND_SMTP_TLS=implicit/],
  [
    "a strange certificate",
    { tls: "implicit", certificate: sound },
    { BACKEND_SMTP_TLS: "implicit" },
    /BACKEND_SMTP_CA_FILE/,
  ],
  ["TLS where none is spoken", {}, { BACKEND_SMTP_TLS: "implicit" }, /implicit goes with 465/],
  [
    "a port that is silent without TLS",
    { tls: "implicit", certificate: sound },
    { BACKEND_SMTP_TLS: "starttls" },
    /often port 465/,
  ],
])("mail 17: a test mail says what to change: %s", async (_, relayOptions, more, remedy) => {
  const relay = await relayWith(relayOptions);
  const { ok, dialogue } = await testMail(settingsFor(relay, more), "ada@example.com");
  expect(ok).toBe(false);
  expect(dialogue.at(-2)).toMatch(/^The mail did not get through: /);
  expect(dialogue.at(-1)).toMatch(remedy);
  expect(relay.mails).toEqual([]);
});

test("mail 2, mail 17: a test mail names the setting of the name that a relay does not like", async () => {
  const relay = await relayWith();
  for (const [stage, code] of [
    ["ehlo", 501],
    ["rcpt", 504],
  ] as const) {
    relay.script = (step) =>
      step.stage === stage
        ? { code, text: "5.5.2 <h>: Helo command rejected: need fully-qualified hostname" }
        : undefined;
    const { dialogue } = await testMail(settingsFor(relay), "ada@example.com");
    expect(dialogue.at(-1), stage).toContain("BACKEND_SMTP_EHLO_NAME");
  }
});

test("mail 19: a test mail says when the relay never asked for the password", async () => {
  const relay = await relayWith();
  const { ok, dialogue } = await testMail(
    settingsFor(relay, { BACKEND_SMTP_USERNAME: "user", BACKEND_SMTP_PASSWORD: "secret" }),
    "ada@example.com",
  );
  expect(ok).toBe(true);
  expect(dialogue.join("\n")).toContain("BACKEND_SMTP_USERNAME was not used: the relay offers no sign-in.");
});

test("a test mail to no address, and where no relay is set, says so", async () => {
  const relay = await relayWith();
  expect(await testMail(settingsFor(relay), "ada")).toEqual({ ok: false, dialogue: ["ada is not an address."] });
  const { ok, dialogue } = await testMail(settingsFor(relay, { BACKEND_SMTP_SEND: "false" }), "ada@example.com");
  expect([ok, dialogue.length]).toEqual([false, 1]);
  expect(dialogue[0]).toContain("BACKEND_SMTP_SEND=true");
  expect(relay.steps).toEqual([]);
});

oneAfterTheOther(
  "a crash repeats one mail at most: none is handed over before what became of the last has been stored",
  async () => {
    const relay = await relayWith();
    const delivery = createDelivery(settingsFor(relay));
    open.push(delivery);
    let stored = 0;
    const unstored: number[] = [];
    relay.script = ({ stage }) => {
      if (stage === "end") unstored.push(relay.mails.length - stored);
      return undefined;
    };
    const mails = Array.from({ length: 40 }, async (_, index) => {
      const due = dueMail(`p${index}@example.com`);
      const settled = Promise.withResolvers<void>();
      expect(await delivery.deliver(mailTo(due.email), due, settled.promise)).toMatchObject({ status: "accepted" });
      await new Promise((resolve) => setTimeout(resolve, 5));
      stored++;
      settled.resolve();
    });
    await Promise.all(mails);
    expect(unstored).toEqual(mails.map(() => 0));
  },
);
