import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Fault, type MailRelay, startMailRelay } from "./support/mail-relay.ts";
import { type Stack, startStack } from "./support/stack.ts";

/** What administrators see of every mail, and what they can do about it. */

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
      BACKEND_BOUNCE_LIMIT: "3",
      // Some wait for days here; the sessions of those who look must last.
      AUTH_SESSION_INACTIVITY: "400d",
      AUTH_SESSION_EXPIRATION: "400d",
    },
  });
  client = createClient(stack);
});

/** Each test finds an empty queue, whatever was done before it. */
beforeEach(async () => {
  relay.script = undefined;
  await Promise.all([client.command("app", "reset"), client.command("auth", "reset")]);
  admin = await client.adminCookie();
  await client.drainMail();
  relay.recipients.length = 0;
});

afterAll(async () => {
  await stack?.stop();
  relay?.close();
});

const answer = (recipient: string, fault: Fault): void => {
  relay.script = (step) => (step.stage === "rcpt" && step.recipient === recipient ? fault : undefined);
};

async function cause(email: string, type = "password_updated", code?: string): Promise<void> {
  expect((await client.email({ type, email, ...(code ? { code } : {}) })).status).toBe(200);
  await client.drainMail();
}

/** A mail that the relay refuses for good. */
async function fail(email: string, type?: string, code?: string): Promise<void> {
  answer(email, { code: 550 });
  await cause(email, type, code);
  relay.script = undefined;
}

const list = async (query = "") => (await client.app.get(`/admin/mails/${query}`, admin)).body;

async function newest(email: string) {
  return (await list(`?email=${encodeURIComponent(email)}`)).mails[0];
}

const replay = (body: object) => client.app.post("/admin/mails/replay/", body, admin);

const countTries = (email: string) =>
  relay.steps.filter(({ stage, recipient }) => stage === "rcpt" && recipient === email).length;

async function advance(seconds: number): Promise<void> {
  await client.advanceClocks(seconds);
  await client.drainMail();
}

test("G4: a mail is queued until the relay took it, and shows the relay's reply then", async () => {
  answer("slow@example.com", "hang");
  await client.email({ type: "password_updated", email: "slow@example.com" });
  await expect.poll(() => countTries("slow@example.com")).toBe(1);
  expect(await newest("slow@example.com")).toMatchObject({ status: "queued", reason: null, attempts: 0 });
  relay.script = undefined;
  relay.cut();
  await client.drainMail();
  await advance(60);
  expect(await newest("Slow@Example.com")).toEqual({
    ...{ id: expect.any(String), type: "password_updated", email: "slow@example.com", registration_id: null },
    ...{
      status: "accepted",
      reason: expect.stringMatching(/^250 .*taken as \d+$/),
      attempts: expect.any(Number),
      next_try_at: null,
    },
    ...{ created_at: expect.any(Number), updated_at: expect.any(Number) },
  });
});

test("M-31: refused for now twice, then taken: one mail", async () => {
  answer("twice@example.com", { code: 451, text: "greylisted" });
  await cause("twice@example.com");
  const first = await newest("twice@example.com");
  expect(first).toMatchObject({ status: "deferred", attempts: 1, reason: expect.stringContaining("greylisted") });
  expect(first.next_try_at - first.updated_at).toBe(60);
  await advance(60);
  expect(await newest("twice@example.com")).toMatchObject({ status: "deferred", attempts: 2 });
  relay.script = undefined;
  await advance(300);
  expect(await newest("twice@example.com")).toMatchObject({ status: "accepted", attempts: 3 });
  expect(relay.recipients).toEqual(["twice@example.com"]);
});

test("M-31: refused for good: listed as failed with the relay's words, and not tried again", async () => {
  answer("nobody@example.com", { code: 550, text: "no such user" });
  await cause("nobody@example.com");
  await advance(3 * 86_400);
  expect(countTries("nobody@example.com")).toBe(1);
  const { mails } = await list("?status=failed");
  expect(mails).toMatchObject([{ email: "nobody@example.com", reason: expect.stringContaining("no such user") }]);
  expect(stack.servers.app.output()).toContain("a mail was given up");
});

test("S-48: tries at 1, 5, 30 minutes, then every 2 hours, the last after 72 hours; then it is given up", async () => {
  const email = "schedule@example.com";
  answer(email, { code: 450, text: "not now" });
  const start = Math.floor(Date.now() / 1_000) + 10 * 86_400;
  const at = async (now: number) => {
    await client.command("app", "set_clock", { now });
    await client.drainMail();
    return countTries(email);
  };
  await at(start);
  await cause(email);
  const pauses = [60, 300, 1_800, ...Array.from({ length: 35 }, () => 7_200)];
  let [now, tries] = [start, 1];
  for (const pause of pauses) {
    expect(await at(now + pause - 1), `a second before try ${tries + 1}`).toBe(tries);
    now += pause;
    expect(await at(now), `try ${tries + 1}`).toBe(++tries);
    expect(await newest(email)).toMatchObject({ status: "deferred", attempts: tries });
  }
  const end = start + 72 * 3_600;
  expect((await newest(email)).next_try_at).toBe(end);
  expect(await at(end - 1)).toBe(tries);
  expect(await at(end)).toBe(tries + 1);
  expect(await newest(email)).toMatchObject({ status: "failed", next_try_at: null });
  await at(end + 86_400);
  expect(countTries(email)).toBe(tries + 1);
  await client.command("app", "release_clock");
  await client.command("auth", "release_clock");
});

test("G3: a mail that was given up goes out again by one call, with all its time before it", async () => {
  await fail("nobody@example.com");
  const { id, attempts } = await newest("nobody@example.com");
  expect(attempts).toBe(1);
  relay.recipients.length = 0;
  const reply = await replay({ id });
  expect([reply.status, reply.body.message]).toEqual([200, "The mail to nobody@example.com is queued."]);
  await client.drainMail();
  expect(relay.recipients).toEqual(["nobody@example.com"]);
  const again = await replay({ id });
  expect([again.status, again.body.code, again.body.state]).toEqual([409, "invalid_transition", "accepted"]);
  for (const wrong of ["x", "00000000-0000-7000-8000-000000000000", "' or 1=1"])
    expect((await replay({ id: wrong })).body.code, wrong).toBe("mail_not_found");
  expect((await replay({})).body.code).toBe("missing_field");
});

test("G3: a code that is gone is made anew for a registration, and asked for anew by the person otherwise", async () => {
  await client.register("ada@example.com");
  answer("ada@example.com", { code: 550 });
  expect((await client.app.post("/admin/accept_user/", { email: "ada@example.com" }, admin)).status).toBe(200);
  await client.drainMail();
  const [listed] = (await client.app.get("/admin/list_newusers/", admin)).body;
  expect(listed.mail).toEqual({
    ...{ type: "signup_verification", status: "failed", next_try_at: null },
    ...{ reason: expect.stringContaining("550"), at: expect.any(Number) },
  });
  const failed = await newest("ada@example.com");
  expect(failed.registration_id).toEqual(expect.any(String));
  relay.script = undefined;
  expect((await replay({ id: failed.id })).body.message).toContain("on its way again");
  await client.drainMail();
  expect(relay.recipients.filter((email) => email === "ada@example.com")).toHaveLength(1);
  expect((await list("?email=ada@example.com")).mails.map(({ status }: { status: string }) => status)).toEqual([
    "accepted",
  ]);
  answer("reset@example.com", { code: 550 });
  await cause("reset@example.com", "password_reset", "ABCD2345EFGH");
  const gone = await replay({ id: (await newest("reset@example.com")).id });
  expect([gone.status, gone.body.code]).toEqual([409, "code_gone"]);
});

test("G3: all are sent again at once, those that cannot be are counted", async () => {
  relay.script = ({ stage }) => (stage === "rcpt" ? { code: 550 } : undefined);
  for (const name of ["a", "b", "c"]) await cause(`${name}@all.example.com`);
  await cause("code@all.example.com", "password_reset", "ABCD2345");
  relay.script = undefined;
  const { body } = await replay({ all: true });
  expect(body).toEqual({ success: true, queued: 3, refused: { code_gone: 1 } });
  await client.drainMail();
  expect(relay.recipients.filter((email) => email.endsWith("@all.example.com"))).toHaveLength(3);
  expect((await list("?status=failed")).mails).toHaveLength(1);
});

test("deferred mails can be tried at once", async () => {
  answer("soon@example.com", { code: 451 });
  await cause("soon@example.com");
  relay.script = undefined;
  const reply = await client.app.post("/admin/mails/retry_deferred/", {}, admin);
  expect(reply.body).toEqual({ success: true, due: 1 });
  await client.drainMail();
  expect(await newest("soon@example.com")).toMatchObject({ status: "accepted", attempts: 2 });
});

test("an address that refuses for good three times gets no more mails until an administrator clears it", async () => {
  const email = "gone@example.com";
  answer(email, { code: 550, text: "mailbox is gone" });
  for (let time = 0; time < 5; time++) await cause(email);
  expect(countTries(email)).toBe(3);
  expect(await newest(email)).toMatchObject({
    status: "failed",
    reason: expect.stringMatching(/^Nothing is sent to this address any more: .*mailbox is gone/),
  });
  const suppressions = (await client.app.get("/admin/mails/suppressions/", admin)).body;
  expect(suppressions).toMatchObject([{ email, bounces: 3, suppressed_at: expect.any(Number) }]);
  const { id } = await newest(email);
  expect((await replay({ id })).body.code).toBe("address_suppressed");
  relay.script = undefined;
  const cleared = await client.app.post("/admin/mails/clear_address/", { email: " Gone@example.com" }, admin);
  expect(cleared.status).toBe(200);
  expect((await client.app.post("/admin/mails/clear_address/", { email }, admin)).body.code).toBe(
    "address_not_suppressed",
  );
  expect((await replay({ id })).status).toBe(200);
  await client.drainMail();
  expect(relay.recipients).toEqual([email]);
});

test("the list goes on where a page ended, takes no nonsense, and never shows a code", async () => {
  const { mails, next } = await list("?limit=3");
  expect(mails).toHaveLength(3);
  const rest = await list(`?limit=1000&after=${next}`);
  expect(rest.next).toBeNull();
  const ids = [...mails, ...rest.mails].map(({ id }: { id: string }) => id);
  const [row] = await stack.sql`select count(*)::int as mails from mails`;
  expect([ids.length, new Set(ids).size]).toEqual([row?.mails, row?.mails]);
  for (const query of [
    "?status=lost",
    "?limit=0",
    "?limit=x",
    "?after=1_2",
    `?after=1_${"-".repeat(36)}`,
    "?limit=1001",
  ])
    expect((await client.app.get(`/admin/mails/${query}`, admin)).status, query).toBe(422);
  expect(JSON.stringify([mails, rest])).not.toMatch(/code"|ABCD2345EFGH/);
});

test("npm run admin shows and mends the same", async () => {
  await fail("reset@example.com", "password_reset", "ABCD2345EFGH");
  relay.recipients.length = 0;
  answer("cli@example.com", { code: 550, text: "no such user" });
  await cause("cli@example.com");
  relay.script = undefined;
  const { id } = await newest("cli@example.com");
  const admins = async (...args: string[]) => {
    const program = fileURLToPath(new URL("../src/operations/admin-cli.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...args], { env: stack.env });
    return stdout;
  };
  expect(await admins("mail", "cli@example.com", "--status", "failed")).toMatch(
    new RegExp(`failed +password_updated +cli@example\\.com\\n +${id}, 1 try\\. .*no such user`),
  );
  expect(await admins("replay-mail", id)).toBe("The mail to cli@example.com is queued.\n");
  await client.drainMail();
  expect(relay.recipients).toEqual(["cli@example.com"]);
  expect(await admins("replay-mail", "--all")).toMatch(/^\d+ mails are queued again\. 1 not: code_gone\.\n$/);
  expect(await admins("retry-mail")).toBe("0 deferred mails are tried now.\n");
  await expect(admins("clear-address", "cli@example.com")).resolves.toBe("Mails go to cli@example.com again.\n");
  await expect(admins("replay-mail", id)).rejects.toThrow("is not sent again");
});

test("the private listener measures the queue", async () => {
  await cause("taken@example.com");
  answer("later@example.com", { code: 451 });
  await cause("later@example.com");
  await fail("never@example.com");
  await client.command("app", "advance_clock", { seconds: 60 });
  await client.drainMail();
  const headers = { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` };
  const metrics = await (await fetch(`${stack.urls.appPrivate}/metrics`, { headers })).text();
  expect(metrics).toMatch(/^anteroom_mails_due 0$/m);
  expect(metrics).toMatch(/^anteroom_mail_oldest_due_seconds 0$/m);
  expect(metrics).toMatch(/^anteroom_mails_given_up [1-9]\d*$/m);
  for (const outcome of ["accepted", "deferred", "failed"])
    expect(metrics).toMatch(new RegExp(`^anteroom_mail_outcomes_total\\{outcome="${outcome}"\\} [1-9]\\d*$`, "m"));
});

test("G4: no answer of the servers says that a mail was sent", async () => {
  await client.register("words@example.com");
  const accepted = await client.app.post("/admin/accept_user/", { email: "words@example.com" }, admin);
  const token = (await client.register("other.words@example.com")) as string;
  const replies = [
    accepted,
    await client.app.post("/admin/resend_signup_email/", { email: "words@example.com" }, admin),
    await client.app.post("/admin/reject_user/", { email: "other.words@example.com", reason: "x" }, admin),
    await client.app.post("/auth/renew_signup", { registration_token: token }),
    await client.app.post("/auth/request_registration", { email: "more.words@example.com" }),
  ];
  const untrue = /\b(was|were|has been|have been|is|are) (sent|mailed)\b/i;
  for (const { body } of replies) expect(JSON.stringify(body)).not.toMatch(untrue);
});

test("G4: nor does a page, a template or a message in the sources", async () => {
  const untrue =
    /\b(mail|code|link|message)\b[^.\n]{0,40}\b(was|were|has been|have been) (sent|mailed)\b|\b(mail|code|link|bericht)\b[^.\n]{0,40}\b(is|werd) (verstuurd|verzonden|gemaild)\b/i;
  const root = fileURLToPath(new URL("..", import.meta.url));
  for (const folder of ["src", "templates", "web"])
    for (const name of await readdir(join(root, folder), { recursive: true }).catch(() => [])) {
      if (!/\.(tsx?|html|txt|js)$/.test(name) || /node_modules|^dist/.test(name)) continue;
      const lines = (await readFile(join(root, folder, name), "utf8")).split("\n");
      const shown = lines.filter((line) => !/^\s*(\/?\*|\/\/)/.test(line));
      expect(
        shown.filter((line) => untrue.test(line)),
        `${folder}/${name}`,
      ).toEqual([]);
    }
});
