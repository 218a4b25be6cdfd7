import { patiently } from "@anteroom/shared/testing/patience";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient, type Reply } from "./support/client.ts";
import { type MailFile, readMails, type Stack, startStack } from "./support/stack.ts";

/** Both servers as in production, without TEST_MODE, with the cheapest hash that is allowed there, and all logs. */
const settings = { TEST_MODE: "off", LOG_LEVEL: "trace", AUTH_PASSWORD_HASH: "argon2id.5.7168.1.32" };

const passwords = {
  owner: "the owner's own long password",
  member: "a member's own long password",
  wrong: "not anybody's password",
};

let stack: Stack;
let client: Client;
let authSql: postgres.Sql;
/** Every secret that either server gave out or was given, by what it is. */
const secrets = new Map<string, string>();
/** What is still good for something at the end of the run. */
let live: { registration: string; signup: string; code: string; session: string; signin: string; setup: string };
let dumped: Table[];

interface Table {
  name: string;
  rows: Record<string, unknown>[];
}

beforeAll(async () => {
  stack = await startStack({ env: settings });
  client = createClient(stack);
  authSql = postgres(stack.databases.auth.url, { max: 1, onnotice: () => undefined });
  for (const [name, secret] of Object.entries(passwords)) secrets.set(secret, `${name}'s password`);
  for (const name of ["INTERNAL_SECRET", "AUTH_SECRET", "BACKEND_SECRET"]) secrets.set(stack.env[name] ?? "", name);
  await walkEverywhere();
  await failEverywhere();
  dumped = [...(await dump(stack.sql)), ...(await dump(authSql))];
});

afterAll(async () => {
  await authSql?.end({ timeout: 1 });
  await stack?.stop();
});

function keep<T extends string>(what: string, secret: T): T {
  expect(secret, what).toMatch(/^.{8,}$/);
  secrets.set(secret, what);
  const [id, ofToken] = secret.split(".");
  if (id?.length === 24 && ofToken) secrets.set(ofToken, `secret part of ${what}`);
  return secret;
}

/** The newest mail to the address; mails are waited for, as there is no command for it in production. */
async function mailTo(address: string, count = 1): Promise<MailFile> {
  const giveUpAt = Date.now() + patiently(5_000);
  let mails: MailFile[] = [];
  while (mails.length < count && Date.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    mails = (await readMails(stack)).filter(({ to }) => to === address);
  }
  const mail = mails.at(-1);
  if (!mail || mails.length < count) throw new Error(`${address} got ${mails.length} mails instead of ${count}.`);
  if (mail.code) keep("mailed code", mail.code);
  if (mail.link) keep("mailed link", mail.link);
  return mail;
}

async function complete(address: string, token: string, password: string, mails = 1) {
  const { body } = await client.status(token);
  keep("sign-up token", body.signup_token);
  const { code = "" } = await mailTo(address, mails);
  const completed = await client.completeSignup(body.signup_token, code, password);
  const session = keep("session token", completed.values.session_token as string);
  return { session, cookie: { cookie: await client.setSession(session) } };
}

const newSetupLink = async () =>
  keep("setup token", ((await client.command("app", "create_setup_link")).url as string).split("#")[1] ?? "");

/** Every flow there is, some left half way, so that something live of each kind remains. */
async function walkEverywhere(): Promise<void> {
  const setup_token = await newSetupLink();
  const { body } = await client.app.post("/auth/setup_administrator", { setup_token, email: "owner@example.com" });
  keep("registration token", body.registration_token);
  const owner = await complete("owner@example.com", body.registration_token, passwords.owner);
  const decide = (decision: string, email: string): Promise<Reply> =>
    client.app.post(`/admin/${decision}/`, { email }, owner.cookie);
  const register = async (email: string) => keep("registration token", await client.register(email));

  const member = await register("member@example.com");
  keep("sign-up token", (await decide("accept_user", "member@example.com")).body.signup_token);
  await decide("resend_signup_email", "member@example.com");
  const renewed = await client.app.post("/auth/renew_signup", { registration_token: member });
  keep("sign-up token", renewed.body.signup_token);
  await client.app.post("/auth/lookup_registration", { email: "member@example.com", code: "WRONGWRO" });
  const { session } = await complete("member@example.com", member, passwords.member, 2);
  await register("member@example.com");
  await client.app.post("/cookies/clear_session/", {}, { cookie: await client.setSession(session) });
  const second = keep("session token", await client.signIn("member@example.com", passwords.member));
  await register("waiting@example.com");
  await register("refused@example.com");
  await decide("reject_user", "refused@example.com");
  live = { ...(await leaveOpen(register, decide)), session: second, setup: await newSetupLink() };
}

async function leaveOpen(
  register: (email: string) => Promise<string>,
  decide: (what: string, email: string) => Promise<Reply>,
) {
  const registration = await register("open@example.com");
  await decide("accept_user", "open@example.com");
  const { code = "" } = await mailTo("open@example.com");
  const signup = keep("sign-up token", (await client.status(registration)).body.signup_token as string);
  const { values } = await client.auth("create_signin", { user_email_address: "member@example.com" });
  const signin = keep("sign-in token", values.signin_token as string);
  await client.auth("verify_signin_user_password", { signin_token: signin, password: passwords.wrong });
  return { registration, signup, code, signin };
}

/** What breaks is logged with its reason; the secrets that were under way then are the ones most easily logged. */
async function failEverywhere(): Promise<void> {
  await client.app.raw("/auth/registration_status", {
    method: "POST",
    body: `{"registration_token": "${live.registration}"`,
  });
  await stack.servers.auth.stop();
  await client.app.post("/cookies/set_session/", { session_token: live.session });
  await client.status(live.registration);
  await client.app.post("/auth/renew_signup", { registration_token: live.registration });
  await stack.servers.auth.start();
  await stack.servers.app.stop();
  await client.auth("send_signup_email_address_verification_code", { signup_token: live.signup });
  await client.auth("verify_signin_user_password", { signin_token: live.signin, password: passwords.member });
  await client.auth("get_session", { session_token: live.session });
  await stack.servers.app.start();
}

async function dump(sql: postgres.Sql): Promise<Table[]> {
  const tables = await sql<{ name: string }[]>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema') order by 1`;
  return Promise.all(
    tables.map(async ({ name }) => {
      const rows = await sql.unsafe<{ row: Record<string, unknown> }[]>(`select to_jsonb(t) as row from ${name} t`);
      return { name, rows: rows.map(({ row }) => row) };
    }),
  );
}

/** The strings of a dump, and of its bytes every form in which they might be used. */
function stringsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(stringsOf);
  const text = String(value);
  const words = text.split(/[\s,;:"'/]+/);
  if (!text.startsWith("\\x")) return [text, ...words];
  const bytes = Buffer.from(text.slice(2), "hex");
  return [text, text.slice(2), bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("latin1")];
}

test("S-5, S-6: no secret of the run is in either database, in any encoding", () => {
  const text = JSON.stringify(dumped);
  expect(dumped.filter(({ rows }) => rows.length > 0).map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      "public.registration_state",
      "public.tokens",
      "public.users",
      "public.signups",
      "public.sessions",
      "public.mails",
    ]),
  );
  expect(secrets.size).toBeGreaterThan(30);
  for (const [secret, what] of secrets) {
    const bytes = Buffer.from(secret);
    for (const form of [
      secret,
      bytes.toString("hex"),
      bytes.toString("base64").replace(/=+$/, ""),
      bytes.toString("base64url"),
    ])
      expect(text.includes(form), `${what}: ${form}`).toBe(false);
  }
});

test("S-7: no secret of the run is in either server's output at the most talkative level", () => {
  for (const server of [stack.servers.auth, stack.servers.app]) {
    const output = server.output();
    expect(output).toContain('"level":50');
    for (const [secret, what] of secrets) {
      expect(output.includes(secret), what).toBe(false);
      expect(output.includes(encodeURIComponent(secret)), what).toBe(false);
    }
  }
});

/** The auth server takes no shorter one, so nothing shorter can be somebody's; trying each costs a hash. */
const shortestPassword = 15;

/** Ways in: each says whether the text let somebody in. */
const doors: Record<string, (text: string) => Promise<boolean>> = {
  registration: async (text) => (await client.status(text)).status === 200,
  signup: async (text) => (await client.auth("get_signup", { signup_token: text })).ok === true,
  signin: async (text) => (await client.auth("get_signin", { signin_token: text })).ok === true,
  session: async (text) => (await client.auth("get_session", { session_token: text })).ok === true,
  cookie: async (text) => {
    const safe = encodeURIComponent(text);
    return (await client.app.get("/auth/session_info/", { cookie: `__Host-session=${safe}` })).body.user !== undefined;
  },
  setCookie: async (text) => (await client.app.post("/cookies/set_session/", { session_token: text })).status === 200,
  setup: async (text) =>
    (await client.app.post("/auth/setup_administrator", { setup_token: text, email: "thief@example.com" })).status ===
    200,
  code: async (text) =>
    (await client.app.post("/auth/lookup_registration", { email: "open@example.com", code: text })).body.found === true,
  signupCode: async (text) =>
    (
      await client.auth("verify_signup_email_address_verification_code", {
        signup_token: live.signup,
        email_address_verification_code: text,
      })
    ).ok === true,
  password: async (text) => {
    if (text.length < shortestPassword) return false;
    const { values } = await client.auth("create_signin", { user_email_address: "member@example.com" });
    const { signin_token } = values;
    return (await client.auth("verify_signin_user_password", { signin_token, password: text })).ok === true;
  },
};

/** Guesses are limited by account; emptying the buckets lets all of them be made. */
async function allowGuesses(): Promise<void> {
  await Promise.all([stack.sql`truncate rate_limits`, authSql`truncate rate_limits, password_tries, guesses`]);
}

async function tryAll(texts: string[], atOnce: number): Promise<string[]> {
  const opened: string[] = [];
  for (let start = 0; start < texts.length; start += atOnce) {
    await allowGuesses();
    await Promise.all(
      texts.slice(start, start + atOnce).flatMap((text) =>
        Object.entries(doors).map(async ([door, enter]) => {
          if (await enter(text)) opened.push(`${door}: ${text}`);
        }),
      ),
    );
  }
  return opened;
}

test("S-6: every string of both databases, tried as token, code, cookie, link and password, opens nothing", {
  timeout: patiently(60_000),
}, async () => {
  const strings = new Set(dumped.flatMap(({ rows }) => rows.flatMap(stringsOf)));
  const usable = [...strings].filter((text) => text.length >= 6);
  expect(usable.length).toBeGreaterThan(100);
  expect(await tryAll(usable, 5)).toEqual([]);
});

test("S-6: nor do tokens put together from the ids and everything else in the databases", {
  timeout: patiently(60_000),
}, async () => {
  const of = (table: string) => dumped.find(({ name }) => name === table)?.rows ?? [];
  const hashes = [...new Set(dumped.flatMap(({ rows }) => rows.flatMap(stringsOf)))].filter((text) =>
    /^[!-~]{20,100}$/.test(text),
  );
  for (const [table, door] of [
    ["public.signups", doors.signup],
    ["public.signins", doors.signin],
    ["public.sessions", doors.session],
  ] as const) {
    expect(of(table).length, table).toBeGreaterThan(0);
    const [id] = of(table).map((row) => String(row.id));
    const answers = await Promise.all(hashes.map((hash) => door?.(`${id}.${hash}`)));
    expect(answers.filter(Boolean), table).toEqual([]);
  }
});

test("S-6: the same doors do open to those who have what was given to them", async () => {
  await allowGuesses();
  const keys: Record<string, string> = {
    ...live,
    cookie: live.session,
    setCookie: live.session,
    signupCode: live.code,
    password: passwords.member,
  };
  for (const [door, enter] of Object.entries(doors)) expect(await enter(keys[door] ?? ""), door).toBe(true);
});
