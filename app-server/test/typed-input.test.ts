import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, goodPassword, type Walk } from "./support/walk.ts";

/** What people type and programs hand over: addresses, codes, names and passwords in every spelling. */

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { AUTH_USER_CHECK_INTERVAL: "0s" } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const post = (path: string, body: object, headers?: Record<string, string>) => client.app.post(path, body, headers);
const act = (action: string, args: object) => post("/auth/actions", { action, arguments: args });
const lookup = (email: string, code: string) => post("/auth/lookup_registration", { email, code });

const resetCode = async (address: string) => (await walk.newestMail(address, "password_reset")).code ?? "";

test("acc F7, acc F18: what lower-cases into ASCII, or what no mail reaches, is no address anywhere", async () => {
  const { session } = await walk.activate("kurt@example.com");
  const bad = ["\u212Aurt@example.com", "ada@example.com.", "ada@example..com", "ada..b@example.com", "ada@-x.example"];
  for (const email of bad) {
    const answers = [
      await post("/auth/request_registration", { email, firstname: "Ada" }),
      await post("/account/change_email", { email, password: goodPassword }, session),
      await post("/account/request_password_link", { email }),
    ];
    expect([email, answers.map(({ status }) => status)]).toEqual([email, [422, 422, 422]]);
  }
  expect((await lookup("\u212Aurt@example.com", "ABCD2345")).body).toEqual({ found: false });
  const kelvin = await act("create_signin", { user_email_address: "\u212Aurt@example.com" });
  expect(kelvin.body.error_code).toBe("invalid_email_address");
});

test("acc F17, mail 18: a domain in letters or in punycode is the same person at every door", async () => {
  const ascii = "ann@xn--dmin-moa0i.example";
  const spellings = [
    "ann@d\u00f6m\u00e4in.example",
    "Ann@DO\u0308MA\u0308IN.example",
    "ann@d\u00f6m\u00e4in\u3002example",
  ];
  for (const email of spellings) await client.register(email);
  expect(await walk.states(ascii)).toEqual(["DECOY", "DECOY", "REQUESTED"]);
  expect((await walk.decide("accept_user", spellings[0] ?? "")).status).toBe(200);
  const code = (await walk.mailsTo(ascii)).at(-1)?.code ?? "";
  for (const email of spellings) expect((await lookup(email, code)).body.found).toBe(true);
  const { body } = await client.status((await lookup(ascii, code)).body.token);
  expect((await client.completeSignup(body.signup_token, code)).ok).toBe(true);
  for (const email of spellings) {
    const begun = await act("create_signin", { user_email_address: email });
    const { signin_token } = begun.body.values;
    expect((await act("verify_signin_user_password", { signin_token, password: goodPassword })).body.ok).toBe(true);
  }
  await post("/account/request_password_link", { email: spellings[1] ?? "" });
  expect(await resetCode(ascii)).toMatch(/^\S{12}$/);
});

test("acc F9: a code is found in whatever stands around it; what is none costs no try", async () => {
  const { token, code } = await walk.open("typed@example.com");
  for (let turn = 0; turn < 8; turn++)
    expect((await lookup("typed@example.com", `${code}${turn}`)).body).toEqual({ found: false });
  const half = [code.slice(0, 4), code.slice(4)] as const;
  const typed = [
    `${half[0]}\u2013${half[1]}`,
    `\u200b${code}`,
    `\u202a${code}\u202c`,
    `${code}.`,
    `\u201c${code}\u201d`,
  ];
  for (const text of typed) {
    expect([text, (await lookup("typed@example.com", text)).body]).toEqual([text, { found: true, token }]);
    const status = await post("/auth/registration_status", { registration_token: token, code: text });
    expect(status.body.signup_token).toEqual(expect.any(String));
  }
  await walk.activate("resets@example.com");
  await post("/account/request_password_link", { email: "resets@example.com" });
  const reset = await resetCode("resets@example.com");
  const chosen = { email: "resets@example.com", code: `\u00ab${reset.slice(0, 6)}\u2011${reset.slice(6)}\u00bb.` };
  expect((await post("/account/use_password_link", { ...chosen, password: "a wholly new passphrase" })).status).toBe(
    200,
  );
});

test("acc F6: a code that is mailed again near its end works for a useful time, and the mail says until when", async () => {
  const { token, code } = await walk.open("nearly@example.com");
  const [first] = await walk.mailsTo("nearly@example.com");
  expect(first?.text).toMatch(/The code works until [A-Z][a-z]+ \d{1,2}, \d{4} \d\d:\d\d \(UTC\)\./);
  await client.advanceClocks(86_400 - 60);
  expect((await post("/auth/renew_signup", { registration_token: token })).status).toBe(200);
  await client.advanceClocks(3_600);
  const fresh = (await walk.mailsTo("nearly@example.com")).at(-1)?.code ?? "";
  expect(fresh).not.toBe(code);
  expect((await lookup("nearly@example.com", fresh)).body.found).toBe(true);
  const { body } = await client.status(token);
  expect((await client.completeSignup(body.signup_token, fresh)).ok).toBe(true);
});

test("acc F1: the password that was typed last holds, though the answer to an earlier one was lost", async () => {
  const { token, code } = await walk.open("lost@example.com");
  const { signup_token } = (await client.status(token)).body;
  await act("verify_signup_email_address_verification_code", { signup_token, email_address_verification_code: code });
  await act("set_signup_password", { signup_token, password: "the first that was typed" });
  expect((await act("set_signup_password", { signup_token, password: goodPassword })).body.ok).toBe(true);
  expect((await act("complete_signup", { signup_token })).body.ok).toBe(true);
  await expect(client.signIn("lost@example.com", "the first that was typed")).rejects.toThrow();
  expect(await client.signIn("lost@example.com", goodPassword)).toEqual(expect.any(String));
});

test("acc F10: a password that is too long is told so, with how long it may be", async () => {
  await walk.activate("long@example.com");
  await post("/account/request_password_link", { email: "long@example.com" });
  const code = await resetCode("long@example.com");
  const choose = (password: string) =>
    post("/account/use_password_link", { email: "long@example.com", code, password });
  for (const length of [257, 300, 5_000]) {
    const refused = await choose("long enough ".repeat(500).slice(0, length));
    expect([length, refused.status, refused.body.errors]).toEqual([
      length,
      422,
      [{ field: "password", message: "Use at most 256 characters." }],
    ]);
  }
  const huge = await choose("x".repeat(18_000));
  expect([huge.status, huge.body.code]).toEqual([413, "body_too_large"]);
  expect((await choose(randomBytes(120).toString("hex") + "\u{1f600}".repeat(16))).status).toBe(200);
});

test("acc F14: what turns or hides text is gone from names and reasons; a name that cannot be seen is none", async () => {
  const namesOf = async (email: string) => {
    const { body } = await client.app.get(`/admin/registrations/?search=${email}`, walk.admin);
    return body.rows.map(({ firstname, lastname }: { firstname: string; lastname: string }) => [firstname, lastname]);
  };
  await client.register("turned@example.com", { firstname: "\u202Emoc.elpmaxe@live", lastname: "Ada\u202E\u200b" });
  expect(await namesOf("turned@example.com")).toEqual([["moc.elpmaxe@live", "Ada"]]);
  const unseen = ["\u200b", "\u3164", "\u2800", "\u00a0\u200d", "\ufe0f", "\u034f\u115f"];
  for (const firstname of unseen) {
    const refused = await post("/auth/request_registration", { email: "unseen@example.com", firstname, lastname: "B" });
    expect([firstname, refused.status, refused.body.errors?.[0]]).toEqual([
      firstname,
      422,
      { field: "firstname", message: "Use at least one letter that can be seen." },
    ]);
  }
  await walk.decide("reject_user", "turned@example.com", { reason: "No\u202e.\nReally" });
  const { body } = await client.app.get("/admin/decisions/?search=turned", walk.admin);
  expect(body.rows[0].reason).toBe("No.\nReally");
});

test("acc F15: somebody with one name is taken", async () => {
  const reply = await post("/auth/request_registration", {
    email: "one@example.com",
    firstname: "Suharto",
    lastname: "",
  });
  expect(reply.status).toBe(200);
});

test("S-F15: what the auth server cannot read is the caller's fault, and no outage", async () => {
  const send = (address: Buffer) =>
    client.app.raw("/auth/actions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: Buffer.concat([
        Buffer.from('{"action":"create_signin","arguments":{"user_email_address":"'),
        address,
        Buffer.from('"}}'),
      ]),
    });
  const unreadable = [Buffer.from("\\ud800@example.com"), Buffer.alloc(15_000, 0xff)];
  for (const address of unreadable) {
    const { status, body } = await send(address);
    expect([status, body.code]).toEqual([400, "invalid_request"]);
  }
});
