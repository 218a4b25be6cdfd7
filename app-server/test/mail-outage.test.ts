import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type MailRelay, startMailRelay } from "./support/mail-relay.ts";
import { type Stack, startStack } from "./support/stack.ts";

/** The relay is away for hours while mails are caused; nothing is lost, and what is urgent goes first. */

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
      LOG_LEVEL: "error",
    },
  });
  client = createClient(stack);
  admin = await client.adminCookie();
  await client.drainMail();
  relay.mails.length = 0;
});

afterAll(async () => {
  await stack?.stop();
  relay?.close();
});

const minutes = 60;
const hours = 60 * minutes;

const causes = { code: "password_reset", notice: "password_updated" } as const;

async function cause(kind: keyof typeof causes, count: number, batch: number): Promise<void> {
  const one = (index: number) =>
    client.email({
      type: causes[kind],
      email: `${kind}-${batch}-${index}@example.com`,
      ...(kind === "code" ? { code: "ABCDEFGH" } : {}),
    });
  for (let start = 0; start < count; start += 20) {
    const length = Math.min(20, count - start);
    const replies = await Promise.all(Array.from({ length }, (_, index) => one(start + index)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  }
}

async function countBy(status: string): Promise<number> {
  const [row] = await stack.sql`select count(*)::int as mails from mails where status = ${status}
    and email similar to '(code|notice)-%'`;
  return row?.mails;
}

async function goOn(seconds: number): Promise<void> {
  await client.advanceClocks(seconds);
  await client.drainMail();
}

// All to one domain, of which a minute takes 600: what the relay never saw must not have used that up.
test("G3: six hours without a relay, 500 mails: when it is back all arrive, once each, codes first; a refused address delays none", {
  timeout: patiently(60_000),
}, async () => {
  await relay.goAway();
  relay.mails.length = 0;
  // Notices before codes, so that order is not that of their causes.
  const batches = [
    { notices: 12, codes: 8, pause: 1 * hours },
    { notices: 18, codes: 12, pause: 2 * hours },
    { notices: 30, codes: 20, pause: 2 * hours },
    { notices: 90, codes: 60, pause: 40 * minutes },
    { notices: 150, codes: 100, pause: 20 * minutes },
  ];
  for (const [batch, { notices, codes, pause }] of batches.entries()) {
    await cause("notice", notices, batch);
    await cause("code", codes, batch);
    await goOn(pause);
  }
  expect(await countBy("deferred")).toBe(500);
  const [tries] =
    await stack.sql`select min(attempts) as fewest, max(attempts) as most from mails where status = 'deferred'`;
  expect(tries?.fewest).toBeGreaterThanOrEqual(1);
  expect(tries?.most).toBeLessThanOrEqual(8);

  relay.script = ({ stage, recipient }) =>
    stage === "rcpt" && recipient.startsWith("code-0-0@") ? { code: 550, text: "no such person" } : undefined;
  await relay.comeBack();
  await goOn(2 * hours);
  relay.script = undefined;
  expect([await countBy("accepted"), await countBy("failed"), await countBy("deferred")]).toEqual([499, 1, 0]);
  expect(new Set(relay.recipients.slice(-499)).size).toBe(499);
  const kinds = relay.mails.map(({ to }) => to.split("-")[0]);
  expect(kinds).toHaveLength(499);
  // As many as are under way at once may overtake.
  expect(kinds.slice(0, 199 - 20)).toEqual(Array(199 - 20).fill("code"));
  expect(kinds.slice(199 + 20)).toEqual(Array(300 - 20).fill("notice"));
});

test("G3, S-48: after 72 hours a mail is given up and listed; sent again, it arrives", async () => {
  await relay.goAway();
  relay.mails.length = 0;
  await client.email({ type: "password_updated", email: "patient@example.com" });
  const row = async () => (await stack.sql`select * from mails where email = 'patient@example.com'`)[0];
  await client.drainMail();
  for (const [tries, pause] of [1 * minutes, 5 * minutes, 30 * minutes, 2 * hours].entries()) {
    const before = await row();
    expect(before).toMatchObject({ status: "deferred", attempts: tries + 1 });
    expect(before?.next_try_at - before?.updated_at, "1, 5, 30 minutes, then two hours").toBe(pause);
    await goOn(pause);
  }
  await goOn(68 * hours);
  expect(await row()).toMatchObject({ status: "deferred" });
  await goOn(2 * hours);
  await goOn(2 * hours);
  const given = await row();
  expect(given).toMatchObject({ status: "failed", sealed_code: null, next_try_at: null });
  const listed = await client.app.get("/admin/mails/?status=failed", admin);
  expect(listed.body.mails).toContainEqual(expect.objectContaining({ id: given?.id, email: "patient@example.com" }));

  await relay.comeBack();
  const replayed = await client.app.post("/admin/mails/replay/", { id: given?.id }, admin);
  expect(replayed.status).toBe(200);
  await client.drainMail();
  expect(await row()).toMatchObject({ status: "accepted" });
  expect(relay.recipients.filter((address) => address === "patient@example.com")).toHaveLength(1);
});
