import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measured } from "@anteroom/shared/testing/measured";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeCertificate } from "./support/certificates.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Fault, type MailRelay, type Stage, startMailRelay } from "./support/mail-relay.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";

/** A relay misbehaves while registrations are accepted: nobody waits for it, and every mail arrives in the end. */

let relay: MailRelay;
let stack: Stack;
let client: Client;
let admin: { cookie: string };

beforeAll(async () => {
  relay = await startMailRelay();
  stack = await startStack({
    env: {
      BACKEND_SMTP_SEND: "true",
      BACKEND_SMTP_HOST: "127.0.0.1",
      BACKEND_SMTP_PORT: String(relay.port),
      BACKEND_SMTP_TLS: "none",
      BACKEND_SMTP_SENDER_EMAIL: "anteroom@people.example",
      BACKEND_SMTP_TIMEOUT: `${patiently(1)}s`,
      BACKEND_SMTP_FINAL_TIMEOUT: `${patiently(1)}s`,
    },
  });
  client = createClient(stack);
  admin = await client.adminCookie();
  await client.drainMail();
});

beforeEach(() => {
  relay.mails.length = 0;
  relay.steps.length = 0;
  relay.script = undefined;
  relay.trickle = undefined;
});

afterAll(async () => {
  await stack?.stop();
  relay?.close();
});

/** Registers and accepts; the acceptance is answered at once, whatever the relay does. */
async function accept(email: string): Promise<void> {
  await client.register(email);
  const start = Date.now();
  const { status } = await client.app.post("/admin/accept_user/", { email }, admin);
  expect(status).toBe(200);
  expect(Date.now() - start, "S-9: an acceptance waits for no relay").toBeLessThan(patiently(1_000));
}

interface MailState {
  status: string;
  reason: string | null;
  attempts: number;
}

async function stateOf(email: string): Promise<MailState | undefined> {
  const [row] = await stack.sql<MailState[]>`select status, reason, attempts from mails where email = ${email}`;
  return row;
}

const taken = (email: string) => relay.mails.filter(({ to }) => to === email).length;

/** Seconds that the servers' clocks are ahead. A server that starts has to be told: time never goes back. */
let ahead = 0;

/** To the time of the next try, and on until nothing is due any more. */
async function goOn(seconds: number): Promise<void> {
  ahead += seconds;
  await client.advanceClocks(seconds);
  await client.drainMail();
}

const faults: [stage: Stage, fault: Fault][] = [
  ["rcpt", { code: 451 }],
  ["rcpt", "drop"],
  ["rcpt", "hang"],
  ["data", { code: 451 }],
  ["data", "drop"],
  ["data", "hang"],
  ["content", "drop"],
  ["content", "hang"],
  ["end", { code: 452 }],
  ["end", "drop"],
  ["end", "hang"],
  ["end", "lose answer"],
  ["end", "answer and drop"],
];

test("M-31, S-9: two faults and then a sound relay: every mail arrives, none twice that was acknowledged", async () => {
  const people = faults.map(([stage, fault], index) => ({ stage, fault, email: `fault-${index}@d${index}.example` }));
  const met = new Map<string, number>();
  relay.script = (step) => {
    const person = people.find(({ email, stage }) => email === step.recipient && stage === step.stage);
    const times = met.get(step.recipient) ?? 0;
    if (!person || times >= 2) return undefined;
    met.set(step.recipient, times + 1);
    return person.fault;
  };
  for (const { email } of people) await accept(email);
  await client.drainMail();
  for (const { email, fault } of people) {
    const state = await stateOf(email);
    expect(state?.status, `${email} after ${JSON.stringify(fault)}`).toBe(
      fault === "answer and drop" ? "accepted" : "deferred",
    );
    expect(state?.attempts).toBe(1);
  }
  await goOn(60);
  await goOn(5 * 60);
  for (const { email, stage, fault } of people) {
    const what = `${stage}: ${JSON.stringify(fault)}`;
    expect((await stateOf(email))?.status, what).toBe("accepted");
    // What was taken without an answer cannot be known to have been taken.
    expect(taken(email), what).toBe(fault === "lose answer" ? 3 : 1);
  }
});

test.each<[what: string, stage: Stage, fault: Fault]>([
  ["refuses to talk", "greeting", { code: 554 }],
  ["cuts every connection", "greeting", "drop"],
  ["refuses us by name", "ehlo", { code: 550 }],
  ["cuts after EHLO", "ehlo", "drop"],
  ["wants us to sign in", "mail", { code: 530 }],
  ["refuses the sender", "mail", { code: 550 }],
  ["is busy", "mail", { code: 421 }],
  ["cuts after the sender", "mail", "drop"],
])(
  "S-9, M-31: a relay that %s: the acceptance is answered, and the mail arrives once it is sound",
  async (what, stage, fault) => {
    const email = `${what.replaceAll(/\W/g, "-").toLowerCase()}@example.com`;
    relay.cut();
    relay.script = (step) => (step.stage === stage ? fault : undefined);
    await accept(email);
    await client.drainMail();
    expect(await stateOf(email)).toMatchObject({ status: "deferred", attempts: 1 });
    expect((await stateOf(email))?.reason).toMatch(/\w/);
    relay.script = undefined;
    await goOn(60);
    expect(await stateOf(email)).toMatchObject({ status: "accepted", attempts: 2 });
    expect(taken(email)).toBe(1);
  },
);

test("S-9: a relay that says nothing, from the start, after EHLO or after the sender: nobody waits, every mail arrives", async () => {
  relay.cut();
  const silent: Stage[] = ["greeting", "ehlo", "mail"];
  relay.script = ({ stage }) => {
    const place = silent.indexOf(stage);
    if (place >= 0) silent.splice(place, 1);
    return place >= 0 ? "hang" : undefined;
  };
  const emails = [0, 1, 2].map((index) => `silent-${index}@example.com`);
  await Promise.all(emails.map(accept));
  await client.drainMail();
  for (const email of emails) expect(await stateOf(email)).toMatchObject({ status: "deferred", attempts: 1 });
  await goOn(60);
  for (const email of emails) {
    expect(await stateOf(email)).toMatchObject({ status: "accepted", attempts: 2 });
    expect(taken(email)).toBe(1);
  }
});

test("a relay that answers byte by byte takes every mail once", async () => {
  relay.cut();
  relay.trickle = 1;
  await accept("bytes@example.com");
  await client.drainMail();
  expect(await stateOf("bytes@example.com")).toMatchObject({ status: "accepted", attempts: 1 });
  expect(taken("bytes@example.com")).toBe(1);
});

test("M-2, M-3: while no relay is there, sign-up goes on and its mails are kept; they go out when it is back", async () => {
  await relay.goAway();
  await accept("away@example.com");
  await client.drainMail();
  expect(await stateOf("away@example.com")).toMatchObject({
    status: "deferred",
    reason: expect.stringContaining("ECONNREFUSED"),
  });
  await relay.comeBack();
  await goOn(60);
  expect(await stateOf("away@example.com")).toMatchObject({ status: "accepted", attempts: 2 });
  expect(taken("away@example.com")).toBe(1);
});

test("M-31: an address that is refused for good is listed with the relay's words, and no other waits for it", async () => {
  relay.script = ({ stage, recipient }) =>
    stage === "rcpt" && recipient.startsWith("nobody") ? { code: 550, text: "no such person" } : undefined;
  await Promise.all([accept("nobody@example.com"), accept("somebody@example.com")]);
  await client.drainMail();
  expect(await stateOf("nobody@example.com")).toEqual({ status: "failed", reason: "550 no such person", attempts: 1 });
  expect(await stateOf("somebody@example.com")).toMatchObject({ status: "accepted", attempts: 1 });
  await goOn(3 * 60 * 60);
  expect(await stateOf("nobody@example.com")).toMatchObject({ status: "failed", attempts: 1 });
  const codes = await stack.sql`select id from mails where status <> 'queued' and sealed_code is not null`;
  expect(codes.length, "a code leaves the row once its mail is delivered or given up").toBe(0);
});

test("a hung domain holds up no other: their mails arrive while it hangs", async () => {
  relay.script = ({ stage, recipient }) => (stage === "rcpt" && recipient.includes("hung") ? "hang" : undefined);
  const email = (index: number, domain: string) =>
    client.email({ type: "password_updated", email: `p${index}@${domain}.example` });
  await Promise.all(Array.from({ length: 6 }, (_, index) => email(index, "hung")));
  await measured(async (turn) => {
    const start = Date.now();
    await Promise.all(Array.from({ length: 30 }, (_, index) => email(turn, `sound-${index}`)));
    await waitUntil(
      async () => relay.mails.length,
      (count) => count >= 30 * turn,
    );
    expect(Date.now() - start).toBeLessThan(patiently(2_000));
  });
  relay.script = undefined;
  await client.drainMail();
  await goOn(60);
  expect(relay.mails.filter(({ to }) => to.includes("hung"))).toHaveLength(6);
});

test("M-4: relays with bad TLS get no mail; when the certificate is mended, all arrive", async () => {
  const folder = await mkdtemp(join(tmpdir(), "anteroom-tls-"));
  const authority = makeCertificate({ name: "Test authority" });
  const certificate = (expiresIn: number) => makeCertificate({ name: "127.0.0.1", issuer: authority, expiresIn });
  await writeFile(join(folder, "ca.pem"), authority.cert);
  const expired = await startMailRelay({ tls: "starttls", certificate: certificate(-2) });
  const restart = async (relay: object) => {
    await stack.servers.app.stop();
    Object.assign(stack.env, relay);
    await stack.servers.app.start();
    await client.command("app", "advance_clock", { seconds: ahead });
  };
  const { BACKEND_SMTP_TLS, BACKEND_SMTP_PORT } = stack.env;
  await restart({
    BACKEND_SMTP_TLS: "starttls",
    BACKEND_SMTP_CA_FILE: join(folder, "ca.pem"),
    BACKEND_SMTP_PORT: String(expired.port),
  });
  await accept("tls@example.com");
  await client.drainMail();
  expect(await stateOf("tls@example.com")).toMatchObject({
    status: "deferred",
    reason: expect.stringContaining("CERT_HAS_EXPIRED"),
  });
  await expired.goAway();
  const sound = await startMailRelay({ tls: "starttls", certificate: certificate(1), port: expired.port });
  await goOn(60);
  expect(await stateOf("tls@example.com")).toMatchObject({ status: "accepted" });
  expect(sound.mails.map(({ to, isEncrypted }) => [to, isEncrypted])).toEqual([["tls@example.com", true]]);
  expect(expired.mails).toEqual([]);
  await restart({ BACKEND_SMTP_TLS, BACKEND_SMTP_CA_FILE: "", BACKEND_SMTP_PORT });
  sound.close();
  expired.close();
  await rm(folder, { recursive: true });
});
