import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const secret = () => randomBytes(32).toString("base64");

async function restartWith(secrets: Partial<Record<"AUTH_SECRET" | "BACKEND_SECRET" | "INTERNAL_SECRET", string>>) {
  Object.assign(stack.env, secrets);
  for (const server of [stack.servers.auth, stack.servers.app]) await server.stop();
  await Promise.all([stack.servers.auth.start(), stack.servers.app.start()]);
}

/** What is under way when a secret changes: somebody waits, somebody has been mailed a code. */
async function begin(name: string) {
  const waiting = `waits-${name}@example.com`;
  const approved = `has-a-code-${name}@example.com`;
  return { waiting, approved, token: await client.register(waiting), ...(await open(approved)) };
}

async function open(address: string) {
  const { token: approvedToken, code } = await walk.open(address);
  return { approvedToken, code };
}

async function expectAllGoesOn({ waiting, approved, token, approvedToken, code }: Awaited<ReturnType<typeof begin>>) {
  expect((await client.status(token)).body).toMatchObject({ email: waiting, accepted: false });
  const { body: found } = await client.app.post("/auth/lookup_registration", { email: approved, code });
  expect(found).toEqual({ found: true, token: approvedToken });
  expect((await client.app.post("/admin/resend_signup_email/", { email: approved }, walk.admin)).status).toBe(200);
  const { signup_token } = (await client.status(approvedToken)).body;
  expect((await client.completeSignup(signup_token, code)).ok).toBe(true);
  expect((await walk.decide("accept_user", waiting)).status).toBe(200);
  const mail = (await walk.mailsTo(waiting)).at(-1);
  expect(new URL(mail?.link ?? "").searchParams.get("token"), "the mailed link is the one of the waiting page").toBe(
    token,
  );
}

test("set 2: with the former secret behind the new one everything under way goes on, and later without it too", async () => {
  const before = await begin("rotated");
  const [auth, app] = [secret(), secret()];
  await restartWith({
    AUTH_SECRET: `${auth},${stack.env.AUTH_SECRET}`,
    BACKEND_SECRET: `${app},${stack.env.BACKEND_SECRET}`,
  });
  await expectAllGoesOn(before);
  const later = await begin("retired");
  await restartWith({ AUTH_SECRET: auth, BACKEND_SECRET: app });
  await expectAllGoesOn(later);
});

test("set 2: the secret between the servers changes with both known for a while", async () => {
  const [old = ""] = (stack.env.INTERNAL_SECRET ?? "").split(",");
  const next = secret();
  await restartWith({ INTERNAL_SECRET: `${old},${next}` });
  await walk.activate("one-side@example.com");
  // One server after the other, as in a rolling upgrade: the app server still sends the old one.
  await stack.servers.auth.stop();
  stack.env.INTERNAL_SECRET = `${next},${old}`;
  await stack.servers.auth.start();
  await walk.activate("both-sides@example.com");
});

test("set 2: a secret that is another altogether spoils codes and links, which are asked for anew; nothing is a fault", async () => {
  const before = await begin("lost");
  const { approved, approvedToken, code, waiting, token } = before;
  const kept = { AUTH_SECRET: stack.env.AUTH_SECRET ?? "", BACKEND_SECRET: stack.env.BACKEND_SECRET ?? "" };
  await restartWith({ AUTH_SECRET: secret(), BACKEND_SECRET: secret() });
  expect(stack.servers.app.output()).toContain("put the former one behind a comma");
  expect((await client.status(token)).status).toBe(404);
  expect((await client.app.post("/auth/lookup_registration", { email: approved, code })).body).toEqual({
    found: false,
  });
  for (const email of [approved, waiting]) {
    expect((await walk.decide("accept_user", email)).status, email).toBe(200);
    expect((await client.app.post("/admin/resend_signup_email/", { email }, walk.admin)).status, email).toBe(200);
    const mail = (await walk.mailsTo(email)).at(-1);
    const renewed = new URL(mail?.link ?? "").searchParams.get("token") ?? "";
    const { body } = await client.status(renewed);
    expect((await client.completeSignup(body.signup_token, mail?.code ?? "")).ok, email).toBe(true);
    expect(await client.signIn(email, goodPassword)).toEqual(expect.any(String));
  }
  // And back: what was sealed with the former secret is whole.
  await restartWith(kept);
  expect((await client.status(approvedToken)).status).not.toBe(500);
});
