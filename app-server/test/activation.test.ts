import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;
let passage: Server;
/** Runs when the app server has taken a mail, before the auth server knows. */
let whileMailing: (() => Promise<void>) | undefined;

beforeAll(async () => {
  stack = await startStack({
    between: async ({ appPrivate }) => {
      passage = await openPassage(appPrivate);
      return { appPrivate: `http://127.0.0.1:${(passage.address() as AddressInfo).port}` };
    },
  });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(async () => {
  await stack?.stop();
  passage?.close();
});

const hash = {
  password_hash: Buffer.alloc(32, 1).toString("base64"),
  password_hash_algorithm_id: "argon2id.3.65536.1.32",
  password_salt: Buffer.alloc(16, 2).toString("base64"),
};

const filesOf = async (address: string) =>
  (await readdir(stack.emailsDir)).filter((name) => name.includes(address) && !name.endsWith(".part")).sort();

test("D-21, D-22: the mailed link carries the token of the request and the code; the text shows both", async () => {
  const { token, code } = await walk.open("link@example.com");
  const [mail] = await walk.mailsTo("link@example.com");
  expect(mail?.link).toBe(`${stack.urls.app}/account/signup?token=${token}&code=${code}`);
  expect(mail?.text).toContain(`\n    ${code}\n`);
  expect(mail?.text).toContain(`\n${mail?.link}\n`);
});

test("D-21: without a registration the mail shows the code and no link", async () => {
  await client.email({ type: "signup_verification", email: "stranger@example.com", code: "ABCDEFGH" });
  const [mail] = await walk.mailsTo("stranger@example.com");
  expect([mail?.code, mail?.link]).toEqual(["ABCDEFGH", undefined]);
  expect(mail?.text).not.toContain("/account/signup");
});

test("D-57: approval writes text, HTML and source of the mail within two seconds, named by time, kind and address", async () => {
  await client.register("a.b+c@example.com");
  await walk.decide("accept_user", "a.b+c@example.com");
  const written = () => filesOf("a_b+c_at_example_com");
  await expect.poll(async () => (await written()).length, { timeout: patiently(2_000) }).toBe(3);
  const names = await written();
  const stem = names[0]?.slice(0, -".eml".length) ?? "";
  expect(stem).toMatch(/^\d{8}_\d{6}_\d{6}_signup_verification_a_b\+c_at_example_com$/);
  expect(names).toEqual([`${stem}.eml`, `${stem}.html`, `${stem}.txt`]);
  const [text = "", html = ""] = await Promise.all(
    ["txt", "html"].map((kind) => readFile(join(stack.emailsDir, `${stem}.${kind}`), "utf8")),
  );
  const lines = text.split("\n");
  expect(lines[0]).toBe("To: a.b+c@example.com");
  expect(lines[1]).toMatch(/^Subject: \S/);
  expect(lines[2]).toMatch(/^Code: [A-HJ-NP-Z2-9]{8}$/);
  expect(lines[3]).toMatch(
    /^Link: http:\/\/127\.0\.0\.1:\d+\/account\/signup\?token=[\w-]{43}&code=[A-HJ-NP-Z2-9]{8}$/,
  );
  expect(lines[4]).toBe("-".repeat(72));
  expect(html).toContain(lines[2]?.slice("Code: ".length));
  expect(html).toContain(lines[3]?.slice("Link: ".length).replace("&", "&amp;"));
});

test("D-19: while the mail is being taken, the status says neither accepted nor a token", async () => {
  const token = await client.register("held@example.com");
  let status: unknown;
  whileMailing = async () => {
    status = (await client.status(token)).body;
  };
  const accepted = await walk.decide("accept_user", "held@example.com");
  whileMailing = undefined;
  expect(accepted.status).toBe(200);
  expect(status).toEqual({ email: "held@example.com", accepted: false, signup_token: null });
  expect((await client.status(token)).body).toMatchObject({ accepted: true, signup_token: expect.any(String) });
});

/** Passes every request on to `target`; before a mail's answer goes back, `whileMailing` runs. */
function openPassage(target: string): Promise<Server> {
  const server = createServer(async (request, response) => {
    const answer = await fetch(target + request.url, {
      method: request.method ?? "GET",
      headers: { authorization: request.headers.authorization ?? "", "content-type": "application/json" },
      ...(request.method === "POST" ? { body: await readText(request) } : {}),
    });
    const body = await answer.text();
    if (request.url === "/email") await whileMailing?.();
    response.writeHead(answer.status, { "content-type": "application/json" }).end(body);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

test("D-46: who was not accepted becomes no user, and the client is told the reason", async () => {
  await client.register("sneaky@example.com");
  const created = await client.authPrivate("create_signup", { email_address: "sneaky@example.com" });
  const code = (await client.readCode("sneaky@example.com")).code;
  const completed = await client.completeSignup(created.values.signup_token, code);
  expect(completed).toMatchObject({ ok: false, error_code: "registration_not_accepted" });
  expect(await stack.sql`select from users where email = 'sneaky@example.com'`).toHaveLength(0);
  expect(await walk.states("sneaky@example.com")).toEqual(["REQUESTED"]);
  for (const [email, code] of [
    ["sneaky@example.com", "user_not_accepted"],
    ["nobody@example.com", "user_not_found"],
  ]) {
    const answer = await client.invoke("create_user", { email_address: email, ...hash });
    expect(answer.body).toMatchObject({ ok: false, error_code: code });
  }
});

test("D-46: approval taken back before the last step makes no user", async () => {
  const { token, code } = await walk.open("taken.back@example.com");
  const { signup_token } = (await client.status(token)).body;
  const steps = [
    ["verify_signup_email_address_verification_code", { signup_token, email_address_verification_code: code }],
    ["set_signup_password", { signup_token, password: goodPassword }],
  ] as const;
  for (const [action, args] of steps) expect((await client.auth(action, args)).ok).toBe(true);
  await walk.decide("delete_registration", "taken.back@example.com");
  expect((await client.auth("complete_signup", { signup_token })).ok).toBe(false);
  expect(await stack.sql`select from users where email = 'taken.back@example.com'`).toHaveLength(0);
});

test("D-46, D-48: completion makes the user and removes the registration, its code and its token's meaning", async () => {
  const { token, code } = await walk.activate("done@example.com");
  expect(await walk.rows("done@example.com")).toEqual([]);
  expect(await stack.sql`select from newusers where email = 'done@example.com'`).toHaveLength(0);
  expect(await stack.sql`select from tokens where key = 'signup_verification:done@example.com'`).toHaveLength(0);
  expect((await client.status(token)).status).toBe(404);
  expect((await client.app.post("/auth/renew_signup", { registration_token: token })).status).toBe(404);
  const found = await client.app.post("/auth/lookup_registration", { email: "done@example.com", code });
  expect(found.body).toEqual({ found: false });
});

test("D-46: an address that is a user's already stays its owner's", async () => {
  await walk.activate("owner@example.com");
  const answer = await client.invoke("create_user", { email_address: "Owner@Example.com", ...hash });
  expect(answer.body).toMatchObject({ ok: false, error_code: "email_address_already_used" });
});

test("D-47: the session shows id, address, names and permissions", async () => {
  const { userId, session } = await walk.activate("shown@example.com");
  const { status, body } = await client.app.get("/auth/session_info/", session);
  expect(status).toBe(200);
  expect(body).toEqual({
    user: { user_id: userId, email: "shown@example.com", firstname: "Ada", lastname: "Lovelace", permissions: [] },
    created_at: expect.any(Number),
    expires_at: expect.any(Number),
  });
  expect(body.expires_at - body.created_at).toBe(30 * 86_400);
});

test("D-61: a deleted user's address registers anew: the link carries the new token and the account is another", async () => {
  const first = await walk.activate("phoenix@example.com");
  await client.invoke("delete_user", { user_id: first.userId });
  const second = await walk.activate("phoenix@example.com", "a different long password");
  expect(second.userId).not.toBe(first.userId);
  expect(second.token).not.toBe(first.token);
  const links = (await walk.mailsTo("phoenix@example.com")).flatMap(({ link }) => link ?? []);
  expect(links).toHaveLength(2);
  expect(links[1]).toContain(`token=${second.token}&`);
  expect((await client.app.get("/auth/session_info/", second.session)).body.user.user_id).toBe(second.userId);
  expect((await client.app.get("/auth/session_info/", first.session)).status).toBe(401);
});
