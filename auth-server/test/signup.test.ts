import { addUser } from "@anteroom/shared/testing/faroe/stub-app-server";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./harness.ts";
import {
  advance,
  countOutcomes,
  noon,
  openSignup,
  outcome,
  password,
  prepareSignup,
  signUp,
  startOver,
  succeed,
  verifyCode,
} from "./steps.ts";

const address = "ada@example.com";
const unissued = `${"a".repeat(24)}.${"b".repeat(24)}`;

let t: TestServer;

beforeAll(async () => {
  t = await startTestServer();
});
afterAll(() => t?.stop());
beforeEach(() => startOver(t));

function send(signup_token: string) {
  return outcome(t, "send_signup_email_address_verification_code", { signup_token });
}

function setPassword(signup_token: string, newPassword: string) {
  return outcome(t, "set_signup_password", { signup_token, password: newPassword });
}

function complete(signup_token: string) {
  return outcome(t, "complete_signup", { signup_token });
}

function wrongCode(code: string): string {
  return (code[0] === "A" ? "B" : "A") + code.slice(1);
}

test("D-14: a signup token is an id and a secret of 24 characters each, and no two are alike", async () => {
  const tokens = new Set<string>();
  for (let number = 0; number < 50; number++) {
    const { signup, signup_token } = await openSignup(t, `a${number}@example.com`);
    expect(signup_token).toMatch(/^[a-z2-9]{24}\.[a-z2-9]{26}$/);
    expect(signup_token.split(".")[0]).toBe(signup.id);
    tokens.add(signup_token.split(".")[1] ?? "");
  }
  expect(tokens.size).toBe(50);
});

test("D-15: the code is 8 characters of A–Z and 2–9 without I and O", async () => {
  for (let number = 0; number < 20; number++)
    expect((await openSignup(t, `a${number}@example.com`)).code).toMatch(/^[A-HJ-NP-Z2-9]{8}$/);
});

test("acc F6, R13: a code that is mailed in the second half of its life is a new one, and works for a full one", async () => {
  const { signup, signup_token, code } = await openSignup(t, address);
  const sent = async () => {
    expect(await send(signup_token)).toBe("ok");
    return t.app.mailbox.splice(0).at(-1);
  };
  await advance(t, 43_199);
  expect(await sent()).toMatchObject({ code, expiresAt: signup.expires_at });
  await advance(t, 43_200);
  const last = await sent();
  expect(last?.code).not.toBe(code);
  expect(last?.expiresAt).toBe(noon + 86_399 + 86_400);
  await advance(t, 30);
  expect(await verifyCode(t, signup_token, code)).toBe("incorrect_email_address_verification_code");
  expect((await sent())?.code).toBe(last?.code);
  await advance(t, 86_369);
  expect(await verifyCode(t, signup_token, last?.code ?? "")).toBe("ok");
  await advance(t, 1);
  expect(await outcome(t, "get_signup", { signup_token })).toBe("invalid_signup_token");
});

test("D-16, R13: a signup lives for 24 hours and says how far it is", async () => {
  const { signup, signup_token, code } = await openSignup(t, address);
  expect(signup).toEqual({
    id: signup_token.split(".")[0],
    email_address: address,
    email_address_verified: false,
    password_set: false,
    created_at: noon,
    expires_at: noon + 86_400,
  });
  await verifyCode(t, signup_token, code);
  await setPassword(signup_token, password);
  const after = (await succeed(t, "get_signup", { signup_token })).signup;
  expect(after).toEqual({ ...signup, email_address_verified: true, password_set: true });
  await advance(t, 86_399);
  expect(await outcome(t, "get_signup", { signup_token })).toBe("ok");
  await advance(t, 1);
  expect(await outcome(t, "get_signup", { signup_token })).toBe("invalid_signup_token");
});

test("every step of a signup works in its last second and not one second later", async () => {
  const { signup_token, code } = await openSignup(t, address);
  const late = await prepareSignup(t, "late@example.com");
  const again = await openSignup(t, "again@example.com");
  await advance(t, 86_399);
  expect(await send(again.signup_token)).toBe("ok");
  expect(await verifyCode(t, signup_token, code)).toBe("ok");
  expect(await setPassword(signup_token, password)).toBe("ok");
  await advance(t, 1);
  for (const action of ["delete_signup", "complete_signup", "send_signup_email_address_verification_code"])
    expect(await outcome(t, action, { signup_token: late.signup_token })).toBe("invalid_signup_token");
  expect(await verifyCode(t, signup_token, code)).toBe("invalid_signup_token");
  expect(await setPassword(signup_token, password)).toBe("invalid_signup_token");
  expect(t.app.users).toEqual([]);
});

test("D-28: create_signup refuses what is no address", async () => {
  for (const bad of ["", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b c", "é@example.com", "a\n@b.c"])
    expect([bad, await outcome(t, "create_signup", { email_address: bad })]).toEqual([bad, "invalid_email_address"]);
  expect(await outcome(t, "create_signup", { email_address: `a@${"b".repeat(49)}.${"c".repeat(48)}` })).toBe("ok");
  expect(await outcome(t, "create_signup", { email_address: `a@${"b".repeat(49)}.${"c".repeat(49)}` })).toBe(
    "invalid_email_address",
  );
  expect(await outcome(t, "create_signup", { email_address: "a@x\r\nBcc: b@c.d" })).toBe("invalid_email_address");
});

test("D-28: create_signup refuses the address of a user, enabled or not", async () => {
  addUser(t.app, { email_address: address });
  addUser(t.app, { email_address: "off@example.com", disabled: true });
  expect(await outcome(t, "create_signup", { email_address: address })).toBe("email_address_already_used");
  expect(await outcome(t, "create_signup", { email_address: "off@example.com" })).toBe("email_address_already_used");
  expect(t.app.mailbox).toEqual([]);
});

test("S-23: case and surrounding space make no other address", async () => {
  addUser(t.app, { email_address: address });
  expect(await outcome(t, "create_signup", { email_address: " ADA@Example.com " })).toBe("email_address_already_used");
  const { signup } = await openSignup(t, " Grace@Example.COM");
  expect(signup.email_address).toBe("grace@example.com");
  for (const spelling of ["grace@example.com", "GRACE@example.com", "gRace@Example.com", "Grace@example.com "])
    expect(await outcome(t, "create_signup", { email_address: spelling })).toBe("ok");
  expect(await outcome(t, "create_signup", { email_address: "graCE@example.com" })).toBe("rate_limited");
});

test("D-37: five mails to an address, then one every 30 minutes, however they are asked for", async () => {
  const { signup_token } = await openSignup(t, address);
  for (let mail = 2; mail <= 5; mail++) expect(await send(signup_token)).toBe("ok");
  expect(await send(signup_token)).toBe("rate_limited");
  expect(await outcome(t, "create_signup", { email_address: address })).toBe("rate_limited");
  expect(t.app.mailbox).toHaveLength(4);
  await advance(t, 1799);
  expect(await outcome(t, "create_signup", { email_address: address })).toBe("rate_limited");
  await advance(t, 1);
  expect(await outcome(t, "create_signup", { email_address: address })).toBe("ok");
  expect(await outcome(t, "create_signup", { email_address: address })).toBe("rate_limited");
  expect(await outcome(t, "create_signup", { email_address: "other@example.com" })).toBe("ok");
});

test("the code stays the same when it is sent again", async () => {
  const { signup_token, code } = await openSignup(t, address);
  expect(await send(signup_token)).toBe("ok");
  expect(t.app.mailbox).toMatchObject([{ type: "signup_verification", email: address, code }]);
});

test("D-40: code, password, completion: a user with that password, and a session", async () => {
  const { user, session, session_token } = await signUp(t, address);
  expect(user).toMatchObject({ email_address: address, disabled: false, password_hash_counter: 0 });
  expect(user.password_hash_algorithm_id).toBe("argon2id.1.64.1.32");
  expect(Buffer.from(user.password_salt, "base64")).toHaveLength(16);
  expect(session).toEqual({
    id: session_token.split(".")[0],
    user_id: user.id,
    created_at: noon,
    expires_at: noon + 30 * 86_400,
  });
  expect((await succeed(t, "get_session", { session_token })).session).toEqual(session);
  expect(t.app.mailbox).toEqual([]);
});

test("D-41: a wrong code is refused, and the right one still works after it", async () => {
  const { signup_token, code } = await openSignup(t, address);
  for (const wrong of [wrongCode(code), `${code}A`, ""])
    expect(await verifyCode(t, signup_token, wrong)).toBe("incorrect_email_address_verification_code");
  expect(await verifyCode(t, signup_token, code)).toBe("ok");
});

test("D-42: after five guesses even the right code has to wait half a minute", async () => {
  const { signup_token, code } = await openSignup(t, address);
  for (let guess = 0; guess < 5; guess++) await verifyCode(t, signup_token, wrongCode(code));
  expect(await verifyCode(t, signup_token, code)).toBe("rate_limited");
  await advance(t, 29);
  expect(await verifyCode(t, signup_token, code)).toBe("rate_limited");
  await advance(t, 1);
  expect(await send(signup_token)).toBe("ok");
  expect(await verifyCode(t, signup_token, code)).toBe("ok");
});

test("D-43: a code is good once, and a verified signup is sent no more codes", async () => {
  const { signup_token, code } = await openSignup(t, address);
  expect(await verifyCode(t, signup_token, code)).toBe("ok");
  expect(await verifyCode(t, signup_token, code)).toBe("email_address_already_verified");
  expect(await send(signup_token)).toBe("email_address_already_verified");
});

test("R14: a code of one signup does not open another", async () => {
  const one = await openSignup(t, address);
  const two = await openSignup(t, "bob@example.com");
  expect(await verifyCode(t, two.signup_token, one.code)).toBe("incorrect_email_address_verification_code");
});

test("D-44: passwords: not before the code, 15 to 256 code points, not everybody's first", async () => {
  const { signup_token, code } = await openSignup(t, address);
  expect(await setPassword(signup_token, password)).toBe("email_address_not_verified");
  await verifyCode(t, signup_token, code);
  for (const bad of ["", "a".repeat(14), "😀".repeat(14), "a".repeat(257)])
    expect(await setPassword(signup_token, bad)).toBe("invalid_password_length");
  for (const weak of ["passwordpassword", "PasswordPassword", "123456789qwerty"])
    expect(await setPassword(signup_token, weak)).toBe("weak_password");
  expect(await setPassword(signup_token, "😀".repeat(15))).toBe("ok");
});

test("acc F1: until a signup is complete the password that was set last holds, and no other", async () => {
  const { signup_token, code } = await openSignup(t, address);
  await verifyCode(t, signup_token, code);
  expect(await setPassword(signup_token, "the first that was typed")).toBe("ok");
  expect(await setPassword(signup_token, "short")).toBe("invalid_password_length");
  expect(await setPassword(signup_token, password)).toBe("ok");
  expect(await complete(signup_token)).toBe("ok");
  const tries = async (typed: string) => {
    const { signin_token } = await succeed(t, "create_signin", { user_email_address: address });
    return outcome(t, "verify_signin_user_password", { signin_token, password: typed });
  };
  expect(await tries("the first that was typed")).toBe("incorrect_password");
  expect(await tries(password)).toBe("ok");
});

/** The same around another code, in small letters or of full width where the first is. */
function dress(text: string, code: string, other: string): string {
  const letters = [...other];
  const widen = (letter: string) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0);
  return [...text]
    .map((sign) => {
      if (!code.includes(sign.normalize("NFKC").toUpperCase())) return sign;
      const letter = letters.shift() ?? "";
      return sign > "\uff00" ? widen(letter) : sign === sign.toUpperCase() ? letter : letter.toLowerCase();
    })
    .join("");
}

test("acc F9: a code is known in whatever a mail program or a person puts around it; what is none costs no try", async () => {
  const { code } = await openSignup(t, address);
  const [first, second] = [code.slice(0, 4), code.slice(4)];
  const wide = [...code].map((letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0)).join("");
  const typed = [
    `${first}\u2013${second}`,
    `\u200b${code}`,
    `\u202a${code}\u202c`,
    `${code}.`,
    `\u201c${code}\u201d`,
    `<${first}\u00ad${second}>,\ufeff`,
    `${first}\u2011${second}\u3002`,
    `*${first.toLowerCase()}\u00a0 ${second}*`,
    wide,
  ];
  for (const [index, text] of typed.entries()) {
    const other = await openSignup(t, `typed${index}@example.com`);
    expect([text, await verifyCode(t, other.signup_token, dress(text, code, other.code))]).toEqual([text, "ok"]);
  }
  const { signup_token, code: right } = await openSignup(t, "patient@example.com");
  for (let turn = 0; turn < 10; turn++)
    expect(await verifyCode(t, signup_token, `${right}${turn % 2 ? "A" : "\u0416"}`)).toBe(
      "incorrect_email_address_verification_code",
    );
  expect(await verifyCode(t, signup_token, right)).toBe("ok");
});

test("acc F7, F17, F18: an address is written one way, in letters or punycode; what no mail reaches is none", async () => {
  const [mail] = [await openSignup(t, "Ann@d\u00f6m\u00e4in.example")];
  expect(mail.signup.email_address).toBe("ann@xn--dmin-moa0i.example");
  const bad = [
    "\u212Aurt@example.com",
    "ada@example.com.",
    "ada@example..com",
    "ada..b@example.com",
    ".a@b.c",
    "a.@b.c",
  ];
  const worse = ["a@.b", "a@-b.c", `a@${"b".repeat(64)}.c`, "a@b\u2100c.example", "a@\u00e9/b.c"];
  for (const text of [...bad, ...worse])
    expect([text, await outcome(t, "create_signup", { email_address: text })]).toEqual([text, "invalid_email_address"]);
});

test("D-44: 256 code points of any kind are a password, kept as they are", async () => {
  for (const [index, long] of ["😀".repeat(256), ` ${"x ".repeat(127)}`, "é".repeat(256)].entries()) {
    await signUp(t, `long${index}@example.com`, long);
    const { signin_token } = await succeed(t, "create_signin", { user_email_address: `long${index}@example.com` });
    const verify = (text: string) => outcome(t, "verify_signin_user_password", { signin_token, password: text });
    expect(await verify(long.trim().slice(0, -2))).toBe("incorrect_password");
    expect(await verify(long)).toBe("ok");
  }
});

test("D-45: completing too early or twice", async () => {
  const { signup_token, code } = await openSignup(t, address);
  expect(await complete(signup_token)).toBe("email_address_not_verified");
  await verifyCode(t, signup_token, code);
  expect(await complete(signup_token)).toBe("password_not_set");
  await setPassword(signup_token, password);
  expect(await complete(signup_token)).toBe("ok");
  for (const action of ["complete_signup", "get_signup", "delete_signup"])
    expect(await outcome(t, action, { signup_token })).toBe("invalid_signup_token");
});

test("a token works with its own secret only, and never for another kind of object", async () => {
  const one = await openSignup(t, address);
  const two = await openSignup(t, "bob@example.com");
  const [id] = one.signup_token.split(".");
  const [, secret] = two.signup_token.split(".");
  const { session_token } = await signUp(t, "carol@example.com");
  for (const signup_token of [
    `${id}.${secret}`,
    `${id}.`,
    `${id}`,
    `.${secret}`,
    `${one.signup_token}.`,
    unissued,
    session_token,
  ])
    expect(await outcome(t, "get_signup", { signup_token })).toBe("invalid_signup_token");
  expect(await outcome(t, "get_signup", { signup_token: one.signup_token })).toBe("ok");
});

test("a deleted signup is gone, whatever was done with it", async () => {
  const { signup_token } = await prepareSignup(t, address);
  expect(await outcome(t, "delete_signup", { signup_token })).toBe("ok");
  expect(await outcome(t, "delete_signup", { signup_token })).toBe("invalid_signup_token");
  expect(await complete(signup_token)).toBe("invalid_signup_token");
});

test("a signup whose address was taken meanwhile ends when it is completed", async () => {
  const { signup_token } = await prepareSignup(t, address);
  addUser(t.app, { email_address: address });
  expect(await complete(signup_token)).toBe("invalid_signup_token");
  expect(await outcome(t, "get_signup", { signup_token })).toBe("invalid_signup_token");
});

test.each(["user_not_found", "user_not_accepted"])(
  "S-20, D-46: create_user refuses with %s: registration_not_accepted, no session, and the signup stays",
  async (error) => {
    const { signup_token } = await prepareSignup(t, address);
    t.app.faults.push({ target: "user_server", op: "create_user", error });
    expect(await complete(signup_token)).toBe("registration_not_accepted");
    expect(t.app.users).toEqual([]);
    expect(await complete(signup_token)).toBe("ok");
  },
);

test("S-20: what is no token at all has a code of its own, not internal_error", async () => {
  for (const garbage of ["", ".", "a.b", "a.b.c", "ß.ß", "\0.\0", "x".repeat(10_000)]) {
    expect(await outcome(t, "get_signup", { signup_token: garbage })).toBe("invalid_signup_token");
    expect(await outcome(t, "get_signin", { signin_token: garbage })).toBe("invalid_signin_token");
    expect(await outcome(t, "get_session", { session_token: garbage })).toBe("invalid_session_token");
  }
});

test("twenty at once create signups for one address: five mails, five signups", async () => {
  const counts = await countOutcomes(20, () => outcome(t, "create_signup", { email_address: address }));
  expect(counts).toEqual({ ok: 5, rate_limited: 15 });
  expect(t.app.mailbox).toHaveLength(5);
});

test("R14: twenty at once show the right code: one wins, nobody gets more than five tries", async () => {
  const { signup_token, code } = await openSignup(t, address);
  const counts = await countOutcomes(20, () => verifyCode(t, signup_token, code));
  expect(counts.ok).toBe(1);
  const { ok: _, email_address_already_verified = 0, internal_conflict = 0, rate_limited = 0 } = counts;
  expect(email_address_already_verified + internal_conflict + rate_limited).toBe(19);
  expect(internal_conflict).toBeLessThanOrEqual(4);
});

test("twenty at once set different passwords: the last to be set is the one that signs in", async () => {
  const { signup_token, code } = await openSignup(t, address);
  await verifyCode(t, signup_token, code);
  let winner = "";
  const counts = await countOutcomes(20, async (index) => {
    const mine = `my very own password ${index}`;
    const result = await setPassword(signup_token, mine);
    if (result === "ok") winner = mine;
    return result;
  });
  expect((counts.ok ?? 0) + (counts.internal_conflict ?? 0)).toBe(20);
  expect(await complete(signup_token)).toBe("ok");
  const { signin_token } = await succeed(t, "create_signin", { user_email_address: address });
  expect(await outcome(t, "verify_signin_user_password", { signin_token, password: winner })).toBe("ok");
});

test("twenty at once delete a signup: one succeeds", async () => {
  const { signup_token } = await openSignup(t, address);
  const counts = await countOutcomes(20, () => outcome(t, "delete_signup", { signup_token }));
  expect(counts).toEqual({ ok: 1, invalid_signup_token: 19 });
});
