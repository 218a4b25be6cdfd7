import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { patiently } from "@anteroom/shared/testing/patience";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicRoutes } from "../src/http/app.ts";
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

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = fileURLToPath(new URL("../src/operations/admin-cli.ts", import.meta.url));

interface Run {
  code: number;
  out: string;
  err: string;
}

function run(file: string, args: string[], env: Record<string, string> = {}): Promise<Run> {
  const url = new URL(stack.urls.appPrivate);
  const environment = {
    PATH: stack.env.PATH,
    NODE_COMPILE_CACHE: stack.env.NODE_COMPILE_CACHE,
    BACKEND_PRIVATE_HOST: url.hostname,
    BACKEND_PRIVATE_PORT: url.port,
    INTERNAL_SECRET: stack.env.INTERNAL_SECRET,
    ...env,
  };
  return new Promise((resolve) => {
    const child = execFile(file, args, { cwd: root, env: environment, timeout: patiently(15_000) }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

/** The program behind `npm run admin`, as a process of its own. */
const admin = (...args: string[]) => run(process.execPath, [program, ...args]);

const setUp = (link: string, email: string) =>
  client.app.post("/auth/setup_administrator", {
    setup_token: link.split("#")[1],
    email,
    firstname: "Root",
    lastname: "Admin",
  });

async function newLink(): Promise<string> {
  return (await client.command("app", "create_setup_link")).url;
}

test("D-59: npm run admin -- setup-link makes an administrator, who proves the address and chooses the password", async () => {
  const { code, out } = await run("npm", ["run", "--silent", "admin", "--", "setup-link"]);
  const link = out.trim();
  expect([code, link]).toEqual([0, expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/setup#[a-z2-9]{24}$/)]);
  const reply = await setUp(link, "First@example.com");
  expect(reply.body).toEqual({ success: true, message: expect.any(String), registration_token: expect.any(String) });
  const token = reply.body.registration_token;
  const [mail] = await walk.mailsTo("first@example.com");
  expect(mail?.link).toContain(`token=${token}`);
  const { body } = await client.status(token);
  const completed = await client.completeSignup(body.signup_token, mail?.code ?? "");
  const session = { cookie: await client.setSession(completed.values.session_token) };
  const info = await client.app.get("/auth/session_info/", session);
  expect(info.body.user).toMatchObject({ email: "first@example.com", firstname: "Root", permissions: ["admin"] });
  expect((await client.app.get("/admin/list_newusers/", session)).status).toBe(200);
  const logs = stack.servers.auth.output() + stack.servers.app.output();
  for (const secret of [goodPassword, link.split("#")[1] ?? "", mail?.code ?? "", token])
    expect(logs).not.toContain(secret);
});

test("D-59: there is no account nobody asked for, and no link is offered when an administrator exists", async () => {
  expect((await client.command("app", "create_setup_link", { only_if_needed: true })).url).toBeNull();
  const users = await stack.sql<
    { email: string }[]
  >`select email from users where email like 'root%' or email like 'admin%'`;
  expect(users).toEqual([]);
});

test("D-59: a link works once, also of twenty at once", async () => {
  const link = await newLink();
  const replies = await Promise.all(Array.from({ length: 20 }, (_, index) => setUp(link, `race${index}@example.com`)));
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
  const refused = replies.filter(({ status }) => status === 410);
  expect(refused).toHaveLength(19);
  expect(refused[0]?.body.code).toBe("setup_link_not_valid");
  expect(await stack.sql`select from registration_state where grants = '{admin}' and email like 'race%'`).toHaveLength(
    1,
  );
});

test("S-F12: a new link ends all others, also of twenty made at once", async () => {
  const first = await newLink();
  const links = await Promise.all(Array.from({ length: 20 }, newLink));
  expect(await stack.sql`select from setup_links`).toHaveLength(1);
  expect((await setUp(first, "too-late@example.com")).status).toBe(410);
  const replies = await Promise.all(links.map((link, index) => setUp(link, `one-of-many${index}@example.com`)));
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
});

test("S-F12: whoever becomes an administrator ends every link, and the one of the start works only while there is none", async () => {
  const { userId } = await walk.activate("granted@example.com");
  await stack.sql`update permissions set permission = 'was-admin' where permission = 'admin'`;
  const start = async () => (await client.command("app", "create_setup_link", { only_if_needed: true })).url;
  const unused = await start();
  await client.command("app", "grant_admin", { email: "granted@example.com" });
  expect((await setUp(unused, "stale-link@example.com")).status).toBe(410);
  await stack.sql`delete from permissions where user_id = ${userId} and permission = 'admin'`;
  // However one became an administrator: at its use the link looks by itself.
  const other = await start();
  await stack.sql`update permissions set permission = 'admin' where permission = 'was-admin'`;
  expect((await setUp(other, "stale-link@example.com")).status).toBe(410);
  expect(await start()).toBeNull();
});

test("S-F12: a link that is used while there are administrators is told to each of them, and to nobody else", async () => {
  await walk.activate("told@example.com");
  await client.command("app", "grant_admin", { email: "told@example.com" });
  expect((await setUp(await newLink(), "newcomer@example.com")).status).toBe(200);
  const told = (await walk.mailsTo("told@example.com")).filter(({ type }) => type === "setup_link_used");
  expect(told.map(({ text }) => text.includes("Root Admin, newcomer@example.com"))).toEqual([true]);
  const sent =
    await stack.sql`select email from mails where type = 'setup_link_used' and values ->> 'email' = 'newcomer@example.com'`;
  const administrators =
    await stack.sql`select email from users join permissions on user_id = id where permission = 'admin'`;
  expect(sent.map(({ email }) => email).sort()).toEqual(administrators.map(({ email }) => email).sort());
});

test("D-59: a link is good for one hour, not a second longer, and is kept as a hash", async () => {
  const now = Math.floor(Date.now() / 1000);
  await client.command("app", "set_clock", { now });
  const early = await newLink();
  await client.command("app", "set_clock", { now: now + 3_599, purge: false });
  expect((await setUp(early, "early@example.com")).status).toBe(200);
  await client.command("app", "set_clock", { now });
  const late = await newLink();
  await client.command("app", "set_clock", { now: now + 3_600, purge: false });
  expect(await stack.sql`select from setup_links`).not.toHaveLength(0);
  expect((await setUp(late, "late@example.com")).status).toBe(410);
  await client.command("app", "release_clock");
});

test("S-F6: whoever has no good link is told nothing of an address", async () => {
  await walk.activate("oracle@example.com");
  await walk.open("oracle-open@example.com");
  const used = await newLink();
  expect((await setUp(used, "oracle-used@example.com")).status).toBe(200);
  for (const link of ["/setup#x", used])
    for (const address of ["oracle@example.com", "oracle-open@example.com", "oracle-nobody@example.com"]) {
      const { status, body } = await setUp(link, address);
      expect([status, body.code], address).toEqual([410, "setup_link_not_valid"]);
    }
});

test("D-59: guessed, missing and mistyped links are refused; a taken address does not use the link up", async () => {
  const link = await newLink();
  expect((await setUp("/setup#guess", "guess@example.com")).status).toBe(410);
  expect((await client.app.post("/auth/setup_administrator", { email: "guess@example.com" })).status).toBe(400);
  expect((await setUp(link, "no address")).status).toBe(422);
  await walk.activate("settled@example.com");
  await walk.open("opened@example.com");
  for (const address of ["settled@example.com", "OPENED@example.com"]) {
    const taken = await setUp(link, address);
    expect([taken.status, taken.body.code]).toEqual([409, "address_in_use"]);
  }
  const waiting = await client.register("squatted@example.com");
  expect((await setUp(link, "squatted@example.com")).status).toBe(200);
  expect((await client.status(waiting)).status).toBe(404);
});

test("D-59: the command line lists, accepts, rejects, reopens, resends and grants", async () => {
  await client.register("cli@example.com", { firstname: "Cli", lastname: "Ent" });
  const listed = await admin("list");
  expect(listed.code).toBe(0);
  expect(listed.out).toMatch(/^REQUESTED +cli@example\.com +Cli Ent$/m);
  const rejected = await admin("reject", "cli@example.com", "--reason", "Not yet");
  expect([rejected.code, rejected.out]).toEqual([0, "Registration of cli@example.com rejected.\n"]);
  const refused = await admin("accept", "cli@example.com");
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("rejected")]);
  expect((await admin("reopen", "cli@example.com")).code).toBe(0);
  expect((await admin("accept", "cli@example.com")).code).toBe(0);
  expect((await admin("resend", "cli@example.com")).code).toBe(0);
  const types = (await walk.mailsTo("cli@example.com")).map(({ type }) => type);
  expect(types).toEqual(["registration_rejected", "signup_verification", "signup_verification"]);
  const { session } = await walk.activate("promoted@example.com");
  expect((await admin("grant-admin", "Promoted@example.com")).code).toBe(0);
  expect((await client.app.get("/auth/session_info/", session)).body.user.permissions).toEqual(["admin"]);
  const { code, err } = await admin("grant-admin", "nobody@example.com");
  expect([code, err]).toEqual([1, "There is no user with the address nobody@example.com.\n"]);
});

test("D-59: mistakes at the command line are told in one line and change nothing", async () => {
  for (const args of [[], ["accept"], ["constructor"]]) {
    const { code, err } = await admin(...args);
    expect([code, err], args.join(" ")).toEqual([2, expect.stringContaining("Usage: npm run admin")]);
  }
  expect((await admin("acept", "x@example.com")).err).toMatch(
    /^There is no command acept\. Did you mean accept\?\n.*\n$/,
  );
  expect((await admin("accept")).err).toMatch(/^accept needs an ADDRESS\.\n.*\n$/);
  expect((await admin("list", "--jsn")).err).toMatch(/^There is no option --jsn\.\n/);
  const unknown = await admin("accept", "nobody@example.com");
  expect([unknown.code, unknown.err]).toEqual([1, "Email nobody@example.com not found in newuser table\n"]);
  const wrong = await run(process.execPath, [program, "list"], { INTERNAL_SECRET: "x".repeat(40) });
  expect([wrong.code, wrong.err]).toEqual([1, "The app server does not know this INTERNAL_SECRET.\n"]);
  const none = await run(process.execPath, [program, "list"], { INTERNAL_SECRET: "", ANTEROOM_DATA_DIR: "/nowhere" });
  expect([none.code, none.err]).toEqual([1, expect.stringContaining("There is no secrets.json in /nowhere.")]);
  const away = await run(process.execPath, [program, "list"], { BACKEND_PRIVATE_PORT: "1" });
  expect([away.code, away.err]).toEqual([1, expect.stringContaining("cannot be reached")]);
});

test("M19: --json is the answer for programs, errors too; lists come a page at a time; the help explains states and exit codes", async () => {
  for (const name of ["page-1", "page-2", "page-3"]) await client.register(`${name}@example.com`);
  const emails: string[] = [];
  for (let after: string[] = [], pages = 0; pages < 50; pages++) {
    const { code, out } = await admin("list", "--json", "--limit", "2", ...after);
    const { registrations, next } = JSON.parse(out);
    expect([code, registrations.length <= 2]).toEqual([0, true]);
    emails.push(...registrations.map(({ email }: { email: string }) => email));
    if (next === undefined) break;
    after = ["--after", next];
  }
  expect(emails).toEqual([...new Set(emails)]);
  expect(emails).toEqual(expect.arrayContaining(["page-1@example.com", "page-2@example.com", "page-3@example.com"]));
  expect((await admin("list", "--limit", "1")).out).toMatch(/\nThere are more: --after \S+\n$/);
  const unknown = await admin("accept", "nobody@example.com", "--json");
  expect([unknown.code, JSON.parse(unknown.out)]).toEqual([
    1,
    expect.objectContaining({ error: "Email nobody@example.com not found in newuser table" }),
  ]);
  const mistyped = await admin("acept", "--json");
  expect([mistyped.code, JSON.parse(mistyped.out), mistyped.err]).toEqual([
    2,
    { error: "There is no command acept. Did you mean accept?" },
    "",
  ]);
  const help = await admin("--help");
  expect([help.code, help.out]).toEqual([0, expect.stringContaining("REQUESTED (waits for a decision)")]);
  expect(help.out).toContain("Exit codes: 0 done, 1 refused or not reachable, 2 not understood.");
});

const change = (what: "add" | "remove", user_id: unknown, permission: unknown, session = walk.admin) =>
  client.app.post(`/admin/${what}_permission/`, { user_id, permission }, session);

test("D-11: permissions come and go with the next request; `member` lapses after a year", async () => {
  const { userId, session } = await walk.activate("helper@example.com");
  const permissions = async () => (await client.app.get("/auth/session_info/", session)).body.user.permissions;
  expect((await change("add", userId, "editor")).body).toEqual({ success: true });
  expect((await change("add", userId, "member")).status).toBe(200);
  expect((await change("add", userId, "member")).status).toBe(200);
  expect(await permissions()).toEqual(["editor", "member"]);
  const rows =
    await stack.sql`select permission, expires_at - granted_at as life from permissions where user_id = ${userId}`;
  expect(rows.map(({ permission, life }) => [permission, life && Number(life)])).toEqual(
    expect.arrayContaining([
      ["editor", null],
      ["member", 365 * 86_400],
    ]),
  );
  await stack.sql`update permissions set expires_at = 1 where user_id = ${userId} and permission = 'member'`;
  expect(await permissions()).toEqual(["editor"]);
  const listed = await client.app.get("/admin/people/?search=helper@example.com", walk.admin);
  expect(listed.body.rows[0].permissions).toEqual(["editor"]);
  const other = await walk.activate("other-helper@example.com");
  for (const [id, permission] of [
    [other.userId, "editor"],
    [userId, "member"],
  ] as const)
    expect((await change("add", id, permission)).status).toBe(200);
  expect((await change("remove", userId, "editor")).status).toBe(200);
  expect((await change("remove", userId, "editor")).status).toBe(200);
  expect(await permissions()).toEqual(["member"]);
  const { body } = await client.app.get("/auth/session_info/", other.session);
  expect(body.user.permissions).toEqual(["editor"]);
});

test("D-11, S-43: `admin` is neither granted nor taken this way; unknown users and bad names are refused", async () => {
  const { userId } = await walk.activate("climber@example.com");
  for (const what of ["add", "remove"] as const) {
    const reply = await change(what, userId, "admin");
    expect([reply.status, reply.body.error]).toEqual([403, "Cannot add admin permission"]);
    expect((await change(what, "nobody", "editor")).status).toBe(404);
    expect((await change(what, "", "editor")).body.error).toBe("Missing user_id or permission");
    for (const permission of ["Admin", "ADMIN", " admin", "admin\u0000", "a b", "é", "x".repeat(65), 1])
      expect((await change(what, userId, permission)).status, String(permission)).toBe(422);
    expect((await change(what, "a\u0000", "editor")).status).toBe(422);
  }
  expect(await stack.sql`select from permissions where user_id = ${userId}`).toHaveLength(0);
});

test("D-11: every administrator's route is 401 without a session and 403 without the permission, before it reads anything", async () => {
  const { session } = await walk.activate("curious@example.com");
  const routes = publicRoutes.filter(({ path }) => path.startsWith("/admin/"));
  expect(routes.map(({ access }) => access)).toEqual(routes.map(() => "admin"));
  for (const { method, path } of routes) {
    const send = (headers: Record<string, string>) =>
      client.app.raw(path, { method, headers, ...(method === "POST" ? { body: "{" } : {}) });
    expect((await send({})).status, path).toBe(401);
    expect((await send({ cookie: "__Host-session=x" })).status, path).toBe(401);
    expect((await send(session)).status, path).toBe(403);
  }
  const mailed = (await walk.mailsTo("curious@example.com")).map(({ type }) => type);
  expect(mailed).toEqual(["signup_verification", "account_ready"]);
});
