import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient, type Reply } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

beforeAll(async () => {
  stack = await startStack({ env: { BACKEND_AUTH_TIMEOUT: `${patiently(2)}s` } });
  client = createClient(stack);
  walk = await createWalk(stack, client);
});

afterAll(() => stack?.stop());

const day = 86_400;

/** How often the auth server has carried out create_signup, with any outcome. */
async function countSignups(): Promise<number> {
  const reply = await fetch(`${stack.urls.authPrivate}/metrics`, {
    headers: { authorization: `Bearer ${stack.env.INTERNAL_SECRET}` },
  });
  const lines = (await reply.text())
    .split("\n")
    .filter((line) => line.startsWith('auth_invocations_total{action="create_signup"'));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

const renew = (token: string) => client.app.post("/auth/renew_signup", { registration_token: token });
const withdraw = (token: string, more: object = {}) =>
  client.app.post("/auth/withdraw_registration", { registration_token: token, ...more });

test("D-11: the list is 401 without a session and with a bad one, 403 without the permission, 200 for administrators", async () => {
  const path = "/admin/list_newusers/";
  const none = await client.app.get(path);
  expect([none.status, none.body.error]).toEqual([401, "Unauthorized: No session"]);
  const bad = await client.app.get(path, { cookie: "__Host-session=nonsense" });
  expect([bad.status, bad.body.error]).toEqual([401, "Invalid session"]);
  const { session } = await walk.activate("plain.member@example.com");
  const lacking = await client.app.get(path, session);
  expect([lacking.status, lacking.body.error]).toEqual([403, "Missing permissions: admin"]);
  await client.register("listed@example.com");
  const { status, body } = await client.app.get(path, walk.admin);
  expect(status).toBe(200);
  expect(body).toContainEqual(expect.objectContaining({ email: "listed@example.com", accepted: false }));
});

test("D-12: only administrators accept, and an address must be given", async () => {
  await client.register("guarded@example.com");
  const before = await walk.rows("guarded@example.com");
  const { session } = await walk.activate("another.member@example.com");
  const body = { email: "guarded@example.com" };
  expect((await client.app.post("/admin/accept_user/", body)).status).toBe(401);
  expect((await client.app.post("/admin/accept_user/", body, session)).status).toBe(403);
  const missing = await client.app.post("/admin/accept_user/", {}, walk.admin);
  expect([missing.status, missing.body.error]).toEqual([400, "Missing email"]);
  expect(await walk.rows("guarded@example.com")).toEqual(before);
});

test("D-13, D-26, D-27: an acceptance is one create_signup; its token works, and the status shows approval and token", async () => {
  const token = await client.register("welcome@example.com");
  const before = await countSignups();
  const accepted = await walk.decide("accept_user", "welcome@example.com");
  expect(accepted.status).toBe(200);
  expect(Object.keys(accepted.body)).toEqual(["success", "message", "signup_token"]);
  expect(await countSignups()).toBe(before + 1);
  const signup = await client.auth("get_signup", { signup_token: accepted.body.signup_token });
  expect(signup.values.signup).toMatchObject({ email_address: "welcome@example.com", email_address_verified: false });
  const { body } = await client.status(token);
  expect(body).toEqual({ email: "welcome@example.com", accepted: true, signup_token: expect.any(String) });
  const [row] = await stack.sql`select accepted from newusers where email = 'welcome@example.com'`;
  expect(row?.accepted).toBe(true);
});

test("S-13: every reader of the status gets a sign-up token of its own", async () => {
  const { token } = await walk.open("shared@example.com");
  const replies = await Promise.all(Array.from({ length: 5 }, () => client.status(token)));
  expect(new Set(replies.map(({ body }) => body.signup_token)).size).toBe(5);
});

test("D-28, S-F1: what the auth server refuses is answered with its code and when, and the person waits as before", async () => {
  const address = "flooded@example.com";
  for (let mail = 0; mail < 20; mail++) {
    await walk.open(address);
    await walk.decide("delete_registration", address);
  }
  const token = await client.register(address);
  const refused = await walk.decide("accept_user", address);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "180"]);
  expect(refused.body).toMatchObject({ error: "Faroe signup failed", error_code: "rate_limited" });
  expect((await client.status(token)).body).toEqual({ email: address, accepted: false, signup_token: null });
  expect((await walk.states(address)).at(0)).toBe("REQUESTED");
  await client.advanceClocks(1_800);
  expect((await walk.decide("accept_user", address)).status).toBe(200);
});

test("D-29, S-10: accepting an unknown address is 400, asks the auth server nothing and mails nobody", async () => {
  const before = await countSignups();
  const reply = await walk.decide("accept_user", "unknown@example.com");
  expect([reply.status, reply.body.error]).toEqual([400, "Email unknown@example.com not found in newuser table"]);
  expect(await countSignups()).toBe(before);
  expect(await walk.mailsTo("unknown@example.com")).toEqual([]);
});

test("D-31: when the token of a mailed sign-up is lost, renewing mails a new one that works; the old code does not", async () => {
  const { token, code } = await walk.open("lost@example.com");
  await stack.sql`update registration_state set state = 'ACCEPTED', signup_token = null, signup_expires_at = null
    where email = 'lost@example.com' and state = 'OPEN'`;
  expect((await client.status(token)).body).toMatchObject({ accepted: true, signup_token: null });
  const renewed = await renew(token);
  expect(renewed.body).toEqual({ success: true, signup_token: expect.any(String), email: "lost@example.com" });
  const mails = await walk.mailsTo("lost@example.com");
  expect(mails).toHaveLength(2);
  const verify = (guess: string) =>
    client.auth("verify_signup_email_address_verification_code", {
      signup_token: renewed.body.signup_token,
      email_address_verification_code: guess,
    });
  expect((await verify(code)).error_code).toBe("incorrect_email_address_verification_code");
  expect((await verify(mails[1]?.code ?? "")).ok).toBe(true);
});

test("D-32: accepting again answers 200 with the same token and mails nothing more", async () => {
  await client.register("again@example.com");
  const first = await walk.decide("accept_user", "again@example.com");
  const before = await walk.rows("again@example.com");
  const second = await walk.decide("accept_user", "again@example.com");
  expect(second.status).toBe(200);
  expect(second.body.signup_token).toBe(first.body.signup_token);
  expect(await walk.mailsTo("again@example.com")).toHaveLength(1);
  expect(await walk.rows("again@example.com")).toEqual(before);
});

test("D-35: resending mails the same code; afterwards it says that the address is verified", async () => {
  const { token, code } = await walk.open("resend@example.com");
  const sent = await walk.decide("resend_signup_email", "resend@example.com");
  expect([sent.status, sent.body.success]).toEqual([200, true]);
  expect((await walk.mailsTo("resend@example.com")).map((mail) => mail.code)).toEqual([code, code]);
  const { body } = await client.status(token);
  await client.auth("verify_signup_email_address_verification_code", {
    signup_token: body.signup_token,
    email_address_verification_code: code,
  });
  await client.advanceClocks(10);
  const late = await walk.decide("resend_signup_email", "resend@example.com");
  expect(late.status).toBe(400);
  expect(late.body.error_code).toBe("email_address_already_verified");
  const unknown = await walk.decide("resend_signup_email", "nobody@example.com");
  expect([unknown.status, unknown.body.error]).toEqual([404, "No signup token found for nobody@example.com"]);
});

test("D-35: more mails than the site may cause are refused with the auth server's code", async () => {
  const address = "impatient@example.com";
  await walk.open(address);
  // Twenty, and one more every three minutes; the clocks move on because a second press is no second mail.
  for (let mail = 2; mail <= 21; mail++) {
    expect((await walk.decide("resend_signup_email", address)).status, `mail ${mail}`).toBe(200);
    await client.advanceClocks(10);
  }
  const refused = await walk.decide("resend_signup_email", address);
  expect([refused.status, refused.body.error_code]).toEqual([400, "rate_limited"]);
});

test("D-36: an expired sign-up is renewed by the holder: a new mail that works, the old code does not", async () => {
  const { token, code } = await walk.open("late@example.com");
  await client.advanceClocks(86_400 - 60);
  expect((await client.status(token)).body.signup_token).toEqual(expect.any(String));
  await client.advanceClocks(120);
  expect((await client.status(token)).body).toEqual({ email: "late@example.com", accepted: true, signup_token: null });
  const renewed = await renew(token);
  expect(renewed.body).toMatchObject({ success: true, email: "late@example.com" });
  const fresh = (await walk.mailsTo("late@example.com")).at(-1)?.code ?? "";
  expect(fresh).not.toBe(code);
  const found = await client.app.post("/auth/lookup_registration", { email: "late@example.com", code });
  expect(found.body).toEqual({ found: false });
  expect((await client.completeSignup(renewed.body.signup_token, fresh)).ok).toBe(true);
});

test("D-36: renewing is 404 for an unknown token and 400 before approval; while the code lives it is sent again", async () => {
  expect((await renew("nonsense")).status).toBe(404);
  const waiting = await renew(await client.register("not.yet@example.com"));
  expect([waiting.status, waiting.body.error]).toEqual([400, "Registration not accepted"]);
  const { token, code } = await walk.open("reminded@example.com");
  expect((await renew(token)).status).toBe(200);
  expect((await walk.mailsTo("reminded@example.com")).map((mail) => mail.code)).toEqual([code, code]);
});

test("D-38: the status of a missing and of an unknown token", async () => {
  const missing = await client.app.post("/auth/registration_status", {});
  expect([missing.status, missing.body.error]).toEqual([400, "Missing registration_token"]);
  for (const token of ["x", "a".repeat(43), "é".repeat(43), `${"a".repeat(24)}.${"a".repeat(24)}`]) {
    const unknown = await client.status(token);
    expect([unknown.status, unknown.body.error]).toEqual([404, "Registration token not found"]);
  }
  expect((await client.status("a".repeat(201))).status).toBe(422);
});

test("D-34, C3: a rejection is mailed with its reason, shown to the applicant, and can be reopened", async () => {
  const address = "refused@example.com";
  const token = await client.register(address);
  const rejected = await walk.decide("reject_user", address, { reason: "We do not know you.\nSorry." });
  expect(rejected.status).toBe(200);
  expect((await client.status(token)).body).toEqual({
    email: address,
    accepted: false,
    signup_token: null,
    state: "rejected",
  });
  const [mail] = await walk.mailsTo(address);
  expect(mail?.type).toBe("registration_rejected");
  expect(mail?.text).toContain("We do not know you.");
  const listed = await client.app.get("/admin/list_newusers/?state=REJECTED", walk.admin);
  expect(listed.body).toContainEqual(
    expect.objectContaining({ email: address, state: "REJECTED", reason: "We do not know you.\nSorry." }),
  );
  expect(new Set(listed.body.map(({ state }: { state: string }) => state))).toEqual(new Set(["REJECTED"]));
  expect((await walk.decide("accept_user", address)).status).toBe(409);
  expect((await walk.decide("reopen_registration", address)).status).toBe(200);
  expect((await client.status(token)).body).toEqual({ email: address, accepted: false, signup_token: null });
  expect((await walk.decide("accept_user", address)).status).toBe(200);
  expect((await walk.decide("reject_user", address)).status).toBe(409);
});

test("C3: withdrawing ends the sign-up on the auth server too, forgets the name and is possible once", async () => {
  const { token, code } = await walk.open("changed.mind@example.com");
  const { signup_token } = (await client.status(token)).body;
  expect((await withdraw(token, { code })).status).toBe(200);
  expect((await client.auth("get_signup", { signup_token })).error_code).toBe("invalid_signup_token");
  expect((await client.status(token)).status).toBe(404);
  expect((await withdraw(token)).status).toBe(404);
  expect(await stack.sql`select from newusers where email = 'changed.mind@example.com'`).toHaveLength(0);
});

test("C3: after withdrawal and expiry an address may ask again at once, after a rejection when its time is over", async () => {
  await withdraw(await client.register("fresh.a@example.com"));
  await client.register("fresh.a@example.com");
  expect(await walk.states("fresh.a@example.com")).toEqual(["REQUESTED", "WITHDRAWN"]);
  await client.register("fresh.b@example.com");
  await walk.decide("reject_user", "fresh.b@example.com");
  await client.register("fresh.b@example.com");
  expect(await walk.states("fresh.b@example.com")).toEqual(["DECOY", "REJECTED"]);
  await client.advanceClocks(7 * day);
  const token = await client.register("fresh.b@example.com");
  expect(await walk.states("fresh.b@example.com")).toEqual(["DECOY", "REJECTED", "REQUESTED"]);
  const reopened = await walk.decide("reopen_registration", "fresh.b@example.com");
  expect([reopened.status, reopened.body.state]).toEqual([409, "REQUESTED"]);
  expect((await client.status(token)).status).toBe(200);
});

test("C3: what was rejected is not reopened while an account has the address", async () => {
  await client.register("settled@example.com");
  await walk.decide("reject_user", "settled@example.com");
  await walk.activate("mover@example.com");
  await stack.sql`update users set email = 'settled@example.com', email_norm = 'settled@example.com'
    where email_norm = 'mover@example.com'`;
  expect((await walk.decide("reopen_registration", "settled@example.com")).status).toBe(409);
  expect(await walk.states("settled@example.com")).toEqual(["REJECTED"]);
});

/** Brings an address into a state; answers the registration token, as far as there is one. */
const ways = {
  none: async () => "unknown",
  REQUESTED: (address: string) => client.register(address),
  /** Somebody is accepting just now, as far as the database tells. */
  ACCEPTING: async (address: string) => {
    const token = await client.register(address);
    await stack.sql`update registration_state set state = 'ACCEPTING', opening_id = 'x', opening_by = 'somebody',
      opening_until = extract(epoch from now())::bigint + ${30 * day} where email = ${address}`;
    return token;
  },
  ACCEPTED: async (address: string) => {
    await client.command("app", "prepare_user", { email: address, names: ["A", "B"] });
    return "unknown";
  },
  OPEN: async (address: string) => (await walk.open(address)).token,
  ACTIVE: async (address: string) => (await walk.activate(address)).token,
  REJECTED: async (address: string) => {
    const token = await client.register(address);
    await walk.decide("reject_user", address);
    return token;
  },
  WITHDRAWN: async (address: string) => {
    const token = await client.register(address);
    await withdraw(token);
    return token;
  },
  EXPIRED: async (address: string) => {
    const token = await client.register(address);
    await stack.sql`update registration_state set expires_at = 1 where email = ${address}`;
    await client.command("app", "advance_clock", { seconds: 0 });
    return token;
  },
};

type State = keyof typeof ways;

const deciding = {
  accept: (address: string) => walk.decide("accept_user", address),
  reject: (address: string) => walk.decide("reject_user", address),
  reopen: (address: string) => walk.decide("reopen_registration", address),
  delete: (address: string) => walk.decide("delete_registration", address),
  resend: (address: string) => walk.decide("resend_signup_email", address),
  renew: (_: string, token: string) => renew(token),
  withdraw: (_: string, token: string) => withdraw(token),
} satisfies Record<string, (address: string, token: string) => Promise<Reply>>;

/** What is answered, and what becomes of the registration: empty when nothing may change. */
const transitions: Record<State, Partial<Record<keyof typeof deciding, [number, string?]>>> = {
  none: { accept: [400], reject: [404], reopen: [404], delete: [404], resend: [404], renew: [404], withdraw: [404] },
  REQUESTED: {
    accept: [200, "OPEN"],
    reject: [200, "REJECTED"],
    reopen: [409],
    delete: [200, "WITHDRAWN"],
    resend: [404],
    renew: [400],
    withdraw: [200, "WITHDRAWN"],
  },
  // The one who accepts second waits for the first; here that one never answers, and the caller is told so.
  ACCEPTING: {
    accept: [500],
    reject: [409],
    reopen: [409],
    delete: [200, "WITHDRAWN"],
    resend: [404],
    renew: [400],
    withdraw: [403],
  },
  ACCEPTED: {
    accept: [200, "OPEN"],
    reject: [409],
    reopen: [409],
    delete: [200, "WITHDRAWN"],
    resend: [200, "OPEN"],
  },
  OPEN: {
    accept: [200],
    reject: [409],
    reopen: [409],
    delete: [200, "WITHDRAWN"],
    resend: [200],
    renew: [200],
    withdraw: [403],
  },
  ACTIVE: { accept: [400], reject: [409], reopen: [409], delete: [409], resend: [404], renew: [404], withdraw: [404] },
  REJECTED: {
    accept: [409],
    reject: [409],
    reopen: [200, "REQUESTED"],
    delete: [409],
    resend: [404],
    renew: [400],
    withdraw: [409],
  },
  WITHDRAWN: {
    accept: [400],
    reject: [409],
    reopen: [409],
    delete: [409],
    resend: [404],
    renew: [404],
    withdraw: [404],
  },
  EXPIRED: { accept: [400], reject: [409], reopen: [409], delete: [409], resend: [404], renew: [404], withdraw: [404] },
};

const cases = Object.entries(transitions).flatMap(([state, decisions]) =>
  Object.entries(decisions).map(([decision, [status, next]]) => ({ state, decision, status, next })),
);

/** A call back during an opening marks the row as mailed; nothing else about it may move. */
const withoutMailedAt = (rows: string[]) => rows.map((row) => row.replace(/,\d{10},\{/, ",,{"));

test.concurrent.for(cases)("D-34, C3: $state, then $decision: $status", async (row, { expect }) => {
  const { decision, status, next } = row;
  const state = row.state as State;
  const address = `${state}.${decision}@example.com`.toLowerCase();
  const token = await ways[state](address);
  const before = await walk.rows(address);
  const reply = await deciding[decision as keyof typeof deciding](address, token);
  expect([reply.status, JSON.stringify(reply.body)]).toEqual([status, expect.any(String)]);
  if (next) expect(await walk.states(address)).toEqual([next]);
  else expect(withoutMailedAt(await walk.rows(address))).toEqual(withoutMailedAt(before));
  if (reply.body.code === "invalid_transition") expect(reply.body.state).toBe(state);
});
