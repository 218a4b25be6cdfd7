import { patiently } from "@anteroom/shared/testing/patience";
import postgres from "postgres";
import { Pool } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Answer, internalSecret, post, startTestServer, type TestServer } from "./harness.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { openSignup, outcome, prepareSignup, signIn, signUp, startOver, succeed, verifyCode } from "./steps.ts";

const wanted = "the password nobody may read";

let t: TestServer;
let child: ServerProcess;
let pool: Pool;
/** Every secret the run has seen: secrets of tokens, codes, passwords. */
const secrets = new Set<string>();
const tokens = new Set<string>();

/** One run through everything, on a process that logs all it can, with failures among it. */
beforeAll(async () => {
  // Signups live long here, so that one outlives all the guesses at its code.
  const base = await startTestServer({ AUTH_SIGNUP_EXPIRATION: "90d" });
  child = await startServerProcess({ ...base.environment, LOG_LEVEL: "trace" });
  pool = new Pool(`http://127.0.0.1:${child.privatePort}`);
  t = {
    ...base,
    invoke: async (action, args) => collect(await post(pool, "/", { action, arguments: args })),
    command: (body) => post(pool, "/command", body),
  };
  await startOver(t);
  await run();
}, patiently(60_000));

afterAll(async () => {
  await pool?.destroy();
  await child?.end("SIGTERM");
  await t?.stop();
});

function collect({ text }: { text: string }): Answer {
  for (const [token, , secret] of text.matchAll(/([a-z2-9]{24})\.([a-z2-9]{26})/g)) {
    tokens.add(token);
    secrets.add(secret as string);
  }
  for (const { code } of t.app.mailbox) if (code !== undefined) secrets.add(code);
  return JSON.parse(text) as Answer;
}

async function run(): Promise<void> {
  secrets.add(wanted);
  await signUp(t, "ada@example.com", wanted);
  await signIn(t, "ada@example.com", wanted);
  await prepareSignup(t, "bob@example.com", wanted);
  const { signup_token, code } = await openSignup(t, "carol@example.com");
  secrets.add(code);
  await succeed(t, "create_sibling_signup", { signup_token });
  await verifyCode(t, signup_token, "AAAAAAAA");
  const { signin_token } = await succeed(t, "create_signin", { user_email_address: "nobody@example.com" });
  await outcome(t, "verify_signin_user_password", { signin_token, password: wanted });
  await failInEveryWay(signup_token);
}

async function failInEveryWay(signup_token: string): Promise<void> {
  for (const fault of [{ transport: true }, { raw: "no" }, { error: "teapot" }]) {
    t.app.faults.push({ target: "user_server", op: "create_user", ...fault });
    const broken = await prepareSignup(t, `broken${Object.keys(fault)}@example.com`, wanted);
    await outcome(t, "complete_signup", { signup_token: broken.signup_token });
  }
  t.app.faults.push({ target: "email", op: "signup_verification" });
  await outcome(t, "send_signup_email_address_verification_code", { signup_token });
  await post(pool, "/", `{"action":"complete_signup","arguments":{"signup_token":"${signup_token}"`);
  await post(pool, "/", `{"action":"verify","arguments":{"signup_token":"${signup_token}"}}`);
}

async function dump(): Promise<string> {
  const sql = postgres(t.databaseUrl, { max: 1 });
  const tables = await sql`select table_name from information_schema.tables where table_schema = 'public'`;
  let text = "";
  for (const { table_name } of tables)
    for (const row of await sql`select t::text as line from ${sql(table_name)} t`) text += `${row.line}\n`;
  await sql.end();
  return text;
}

test("S-5, S-6: no issued token, code or password is in the database, in any encoding", async () => {
  const text = await dump();
  expect(text).toContain("carol@example.com");
  expect(secrets.size).toBeGreaterThan(15);
  for (const secret of secrets) {
    const bytes = Buffer.from(secret);
    for (const form of [secret, bytes.toString("hex"), bytes.toString("base64").replace(/=+$/, "")])
      expect(text.includes(form), `${secret} as ${form}`).toBe(false);
  }
});

test("S-7: no token, code, password or internal secret is in the logs at any level", async () => {
  const log = child.output();
  expect(log).toContain('"action":"complete_signup"');
  expect(log).toContain("internal_error");
  for (const secret of [...secrets, internalSecret, t.environment.AUTH_SECRET as string])
    expect(log.includes(secret), secret).toBe(false);
});

test("R41: a failure is logged as an error under the id that the caller was given", async () => {
  t.app.faults.push({ target: "user_server", op: "get_user_by_email_address", raw: "no" });
  const answer = await t.invoke("create_signin", { user_email_address: "ada@example.com" });
  expect(answer.error_code).toBe("internal_error");
  await expect.poll(() => child.output()).toContain(`"action_invocation_id":"${answer.action_invocation_id}"`);
  const line = child
    .output()
    .split("\n")
    .find((one) => one.includes(answer.action_invocation_id) && one.includes('"level":50'));
  expect(line).toContain("gave no proper answer to get_user_by_email_address");
});

test("G9: nothing that the database holds opens anything, as token, code or password", {
  timeout: patiently(60_000),
}, async () => {
  const { signup_token } = await openSignup(t, "dave@example.com");
  const sql = postgres(t.databaseUrl, { max: 1 });
  const words = [...new Set((await dump()).split(/[(),\n"\\]+/))].filter((word) => word.length >= 6);
  const ids = [...tokens].map((token) => token.split(".")[0] as string);
  for (const word of words) {
    for (const token of [word, `${word}.${word}`, ...ids.slice(0, 2).map((id) => `${id}.${word}`)])
      await expectNothing(token);
    // Guesses are limited, and nobody has tried so far each time.
    await sql`delete from guesses`;
    await sql`delete from rate_limits`;
    expect(await verifyCode(t, signup_token, word)).toBe("incorrect_email_address_verification_code");
    const { signin_token } = await succeed(t, "create_signin", { user_email_address: "ada@example.com" });
    expect(await outcome(t, "verify_signin_user_password", { signin_token, password: word })).toBe(
      "incorrect_password",
    );
  }
  await sql.end();
  expect(words.length).toBeGreaterThan(30);
});

async function expectNothing(token: string): Promise<void> {
  expect(await outcome(t, "get_session", { session_token: token })).toBe("invalid_session_token");
  expect(await outcome(t, "get_signup", { signup_token: token })).toBe("invalid_signup_token");
  expect(await outcome(t, "get_signin", { signin_token: token })).toBe("invalid_signin_token");
}
