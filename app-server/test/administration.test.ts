import type { QueuedRegistration } from "@anteroom/shared/wire/app/decisions";
import type { Overview } from "@anteroom/shared/wire/app/oversight";
import type { ListedPerson } from "@anteroom/shared/wire/app/people";
import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AppDatabase } from "../src/database/tables.ts";
import { publicRoutes } from "../src/http/app.ts";
import { listQueue, type QueueFilter } from "../src/registration/store/queue.ts";
import { type Client, createClient, type Reply } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";
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

const get = (path: string, session = walk.admin): Promise<Reply> => client.app.get(path, session);
const post = (path: string, body: object, session = walk.admin): Promise<Reply> => client.app.post(path, body, session);

async function makeAdministrator(address: string) {
  const person = await walk.activate(address);
  await client.command("app", "grant_admin", { email: address });
  return person;
}

async function queue(
  query = "",
): Promise<{ rows: QueuedRegistration[]; next: string | null; counts: Record<string, number> }> {
  const { status, body } = await get(`/admin/registrations/${query}`);
  expect([status, JSON.stringify(body)]).toEqual([200, expect.any(String)]);
  return body;
}

const isSignedIn = async (session: { cookie: string }) =>
  (await client.app.get("/auth/session_info/", session)).body.user !== undefined;

test("G11: the queue shows the oldest first, their language, and pages without a gap or a double", async () => {
  const addresses = Array.from({ length: 7 }, (_, index) => `page${index}@example.com`);
  for (const [index, email] of addresses.entries())
    await client.app.post("/auth/request_registration", {
      email,
      firstname: `First${index}`,
      lastname: "Page",
      language: index % 2 ? "nl" : "en",
    });
  await stack.sql`update registration_state set created_at = 1000 where email like 'page%'`;
  const seen: QueuedRegistration[] = [];
  let next: string | null = "";
  while (next !== null) {
    const page = await queue(`?search=%20PAGE&limit=3${next && `&after=${next}`}`);
    seen.push(...page.rows);
    next = page.next;
  }
  expect(seen.map(({ email }) => email).toSorted()).toEqual(addresses);
  expect(seen.map(({ id }) => id)).toEqual(seen.map(({ id }) => id).toSorted());
  expect(seen.find(({ email }) => email === "page1@example.com")).toEqual({
    id: expect.any(String),
    email: "page1@example.com",
    firstname: "First1",
    lastname: "Page",
    language: "nl",
    accepted: false,
    state: "REQUESTED",
    created_at: 1_000,
    decided_by: null,
    decided_by_name: null,
    decided_at: null,
    reason: null,
    mail: null,
    message: null,
    earlier: [],
    same_name: 0,
    requests: 1,
    alternatives: [],
  });
});

test("G11: the queue can be filtered and searched by parts of names and addresses, taken as they are", async () => {
  for (const [email, firstname] of [
    ["percent%sign@example.com", "Ann"],
    ["percentxsign@example.com", "Björk"],
  ] as const)
    await client.register(email, { firstname, lastname: "O'Hara" });
  const found = async (search: string) =>
    (await queue(`?search=${encodeURIComponent(search)}`)).rows.map(({ email }) => email);
  expect(await found("percent%s")).toEqual(["percent%sign@example.com"]);
  expect(await found("BJÖRK o'h")).toEqual(["percentxsign@example.com"]);
  expect(await found("percent_sign")).toEqual([]);
  expect(await found("percent\\")).toEqual([]);
  const { REQUESTED = 0, REJECTED = 0, ...others } = (await queue()).counts;
  await walk.decide("reject_user", "percentxsign@example.com", { reason: "No" });
  const rejected = await queue("?state=REJECTED,OPEN&search=percent");
  expect(rejected.rows).toEqual([
    expect.objectContaining({ state: "REJECTED", reason: "No", decided_by_name: "Test Administrator" }),
  ]);
  expect(rejected.rows[0]?.mail).toMatchObject({ type: "registration_rejected" });
  expect(rejected.counts).toEqual({ ...others, REQUESTED: REQUESTED - 1, REJECTED: REJECTED + 1 });
  for (const query of ["state=DECOY", "state=", "limit=0", "limit=201", "after=x", "search=a%00"])
    expect((await get(`/admin/registrations/?${query}`)).status, query).toBe(422);
});

test("M13: people are found without accents, in whatever order and case the words are, among those who wait and those who have an account", async () => {
  await client.register("nguyen@example.com", { firstname: "Chloé", lastname: "Nguyễn" });
  const { userId } = await walk.activate("anna@example.com");
  await stack.sql`update users set firstname = 'Anna', lastname = 'de Vries-Søndergård' where id = ${userId}`;
  const waiting = async (search: string) =>
    (await queue(`?search=${encodeURIComponent(search)}`)).rows.map(({ email }) => email);
  const withAccount = async (search: string) =>
    (await get(`/admin/people/?search=${encodeURIComponent(search)}`)).body.rows.map(
      (row: { user_id: string }) => row.user_id,
    );
  for (const search of ["nguyen", "CHLOE", "nguyễn chloé", "@example.com chlo ngu"])
    expect(await waiting(search), search).toEqual(["nguyen@example.com"]);
  expect(await waiting("nguyen anna")).toEqual([]);
  for (const search of ["vries anna", "sondergard", "SØNDERGÅRD anna@"])
    expect(await withAccount(search), search).toEqual([userId]);
  const forms = ["Straße Æther Œuvre Þór", "Łódź Đặng Ħal ıssız", "ÅNGSTRÖM ﬁ Йод Ελλάς"];
  for (const form of forms) {
    await stack.sql`update newusers set lastname = ${form} where email = 'nguyen@example.com'`;
    expect(await waiting(`${form.toUpperCase()} chloe`), form).toEqual(["nguyen@example.com"]);
  }
});

test("G11: people of the same name and earlier decisions about the address are visible", async () => {
  const twins = { firstname: "Twin", lastname: "Sister" };
  await client.register("twin.one@example.com", twins);
  await client.register("twin.two@example.com", { firstname: "TWIN", lastname: "sister" });
  await client.register("again@example.com", twins);
  await walk.decide("reject_user", "again@example.com", { reason: "Unknown to us" });
  await walk.decide("reopen_registration", "again@example.com");
  const now = Math.floor(Date.now() / 1_000);
  await stack.sql`insert into registration_state (id, token_hash, email, state, decided_at, reason, created_at, expires_at)
    values ('old', 'old', 'again@example.com', 'REJECTED', 2000, 'Years ago', 1000, ${now + 9999})`;
  const rows = (await queue("?search=sister")).rows;
  expect(rows.map(({ same_name }) => same_name)).toEqual([2, 2, 2]);
  expect(rows.find(({ email }) => email === "again@example.com")).toMatchObject({
    state: "REQUESTED",
    reason: null,
    decided_by: null,
    earlier: [
      { state: "REJECTED", decided_at: expect.any(Number), reason: "Unknown to us" },
      { state: "REJECTED", decided_at: 2_000, reason: "Years ago" },
    ],
  });
});

test("G17, D-34: of two administrators who decide the same moment one wins, the other is told who and when, one mail", async () => {
  const other = (await makeAdministrator("second.admin@example.com")).session;
  for (const round of [1, 2, 3]) {
    const email = `contested${round}@example.com`;
    await client.register(email);
    const replies = await Promise.all([
      post("/admin/accept_user/", { email }),
      post("/admin/reject_user/", { email, reason: "No" }, other),
    ]);
    expect(replies.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const { body } = replies.find(({ status }) => status === 409) as Reply;
    const isAccepted = replies[0]?.status === 200;
    expect(body).toMatchObject({
      decided_by: expect.any(String),
      decided_by_name: isAccepted ? "Test Administrator" : "Ada Lovelace",
      decided_at: expect.any(Number),
    });
    const mails = (await walk.mailsTo(email)).map(({ type }) => type);
    expect(mails).toEqual([isAccepted ? "signup_verification" : "registration_rejected"]);
    const logged = await stack.sql`select action from decisions where subject = ${email}`;
    expect(logged.map(({ action }) => action)).toEqual([isAccepted ? "accept" : "reject"]);
  }
});

test("D-32, G17: who accepted may accept again, another administrator is told who did, also after the activation", async () => {
  const other = (await makeAdministrator("third.admin@example.com")).session;
  await walk.open("settled@example.com");
  const email = "settled@example.com";
  expect((await post("/admin/accept_user/", { email })).status).toBe(200);
  const late = await post("/admin/accept_user/", { email }, other);
  expect([late.status, late.body]).toEqual([
    409,
    expect.objectContaining({ state: "OPEN", decided_by_name: "Test Administrator" }),
  ]);
  expect(await walk.mailsTo(email)).toHaveLength(1);
  await walk.activate("gone.on@example.com");
  const active = await post("/admin/reject_user/", { email: "gone.on@example.com" }, other);
  expect(active.body).toMatchObject({ state: "ACTIVE", decided_by_name: "Test Administrator" });
});

test("people are found by parts of name and address, newest first, with their permissions and newest mail", async () => {
  const { userId } = await walk.activate("searched.person@example.com");
  await post("/admin/add_permission/", { user_id: userId, permission: "editor" });
  await client.drainMail();
  const { body } = await get("/admin/people/?search=SEARCHED.per");
  expect(body).toEqual({
    rows: [
      {
        user_id: userId,
        email: "searched.person@example.com",
        firstname: "Ada",
        lastname: "Lovelace",
        permissions: ["editor"],
        disabled: false,
        created_at: expect.any(Number),
        mail: expect.objectContaining({ type: "account_ready", status: "accepted" }),
      },
    ],
    total: 1,
    next: null,
  });
  const all: ListedPerson[] = (await get("/admin/people/")).body.rows;
  const paged: ListedPerson[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const page: Reply = await get(`/admin/people/?limit=2${next && `&after=${next}`}`);
    paged.push(...page.body.rows);
    next = page.body.next;
  }
  expect(paged).toEqual(all);
  expect(all.map(({ created_at }) => created_at)).toEqual(
    all
      .map(({ created_at }) => created_at)
      .toSorted()
      .reverse(),
  );
});

test("R27: disabling ends all sessions at once on both servers, and enabling brings none of them back", async () => {
  const { userId, session, sessionToken } = await walk.activate("disabled@example.com");
  const second = await client.signIn("disabled@example.com", goodPassword);
  expect(await isSignedIn(session)).toBe(true);
  const { status, body } = await post("/admin/disable_user/", { user_id: userId });
  expect([status, body.message]).toEqual([200, "disabled@example.com is disabled."]);
  for (const session_token of [sessionToken, second])
    expect((await client.auth("get_session", { session_token })).ok).toBe(false);
  expect(await isSignedIn(session)).toBe(false);
  await expect(client.signIn("disabled@example.com", goodPassword)).rejects.toThrow();
  expect((await post("/admin/disable_user/", { user_id: userId })).status).toBe(409);
  expect((await post("/admin/send_reset_link/", { user_id: userId })).status).toBe(409);
  expect((await get("/admin/people/?search=disabled@")).body.rows[0].disabled).toBe(true);
  expect((await post("/admin/enable_user/", { user_id: userId })).status).toBe(200);
  expect((await post("/admin/enable_user/", { user_id: userId })).status).toBe(409);
  expect((await client.auth("get_session", { session_token: second })).ok).toBe(false);
  const fresh = await client.signIn("disabled@example.com", goodPassword);
  expect((await client.auth("get_session", { session_token: fresh })).ok).toBe(true);
});

test("R27: ending the sessions of a person and deleting them take effect at once", async () => {
  const { userId, session, sessionToken } = await walk.activate("leaving@example.com");
  const bystander = await walk.activate("bystanding@example.com");
  expect((await post("/admin/end_sessions/", { user_id: userId })).status).toBe(200);
  expect((await client.auth("get_session", { session_token: sessionToken })).ok).toBe(false);
  expect(await isSignedIn(session)).toBe(false);
  expect(await stack.sql`select sessions_counter from users where id = ${bystander.userId}`).toEqual([
    { sessions_counter: 0 },
  ]);
  const again = await client.signIn("leaving@example.com", goodPassword);
  expect((await client.auth("get_session", { session_token: again })).ok).toBe(true);
  expect((await post("/admin/delete_user/", { user_id: userId })).status).toBe(200);
  expect((await client.auth("get_session", { session_token: again })).ok).toBe(false);
  await expect(client.signIn("leaving@example.com", goodPassword)).rejects.toThrow();
  expect((await post("/admin/delete_user/", { user_id: userId })).status).toBe(404);
  expect((await client.register("leaving@example.com")).length).toBeGreaterThan(20);
  expect(await walk.states("leaving@example.com")).toEqual(["REQUESTED"]);
});

test("E-15: an administrator has a link for a new password mailed, and neither sees nor sets one", async () => {
  const { userId } = await walk.activate("forgetful@example.com");
  const { status, body } = await post("/admin/send_reset_link/", { user_id: userId });
  expect([status, JSON.stringify(body)]).toEqual([200, expect.stringContaining("forgetful@example.com")]);
  const mail = await walk.newestMail("forgetful@example.com", "password_reset");
  expect(JSON.stringify(body)).not.toContain(mail.code ?? "no code");
  const logged = await stack.sql`select action from decisions where subject = 'forgetful@example.com' order by id desc`;
  expect(logged[0]?.action).toBe("send_reset_link");
});

test("R37: nobody disables or deletes themselves", async () => {
  const { userId, session } = await makeAdministrator("narcissus@example.com");
  for (const what of ["disable_user", "delete_user"]) {
    const reply = await post(`/admin/${what}/`, { user_id: userId }, session);
    expect([reply.status, reply.body.code]).toEqual([409, "own_account"]);
  }
  expect(await isSignedIn(session)).toBe(true);
});

test("R37, R39: of two last administrators who remove each other at once one stays, and rights that are gone count for nothing", async () => {
  for (const what of ["disable_user", "delete_user"]) {
    const [one, other] = [
      await makeAdministrator(`one.${what}@example.com`),
      await makeAdministrator(`other.${what}@example.com`),
    ];
    // Everybody else steps back for this.
    const others = await stack.sql<{ user_id: string }[]>`delete from permissions
      where permission = 'admin' and user_id not in (${one.userId}, ${other.userId}) returning user_id`;
    const replies = await Promise.all([
      post(`/admin/${what}/`, { user_id: other.userId }, one.session),
      post(`/admin/${what}/`, { user_id: one.userId }, other.session),
    ]);
    // The second finds the first gone, or has no right any more.
    expect(replies.map(({ status }) => status).toSorted()[0]).toBe(200);
    expect([401, 403, 409]).toContain(replies.map(({ status }) => status).toSorted()[1]);
    const [{ count } = { count: -1 }] = await stack.sql`select count(*)::int from permissions
      join users on users.id = user_id where permission = 'admin' and not disabled`;
    expect(count, what).toBe(1);
    const [winner, loser] = replies[0]?.status === 200 ? [one, other] : [other, one];
    expect((await get("/admin/people/", loser.session)).status).toBe(401);
    const last = await post(`/admin/${what}/`, { user_id: winner.userId }, winner.session);
    expect([last.status, last.body.code]).toEqual([409, "last_administrator"]);
    for (const { user_id } of others)
      await stack.sql`insert into permissions (user_id, permission, granted_by, granted_at)
        values (${user_id}, 'admin', 'test', 1)`;
  }
});

test("R39: whose right is taken away while a decision waits decides nothing", async () => {
  const actor = await makeAdministrator("late.actor@example.com");
  const { userId } = await walk.activate("late.subject@example.com");
  // The decision has been let in, and waits for the rows of the administrators.
  const reply = await stack.sql.begin(async (sql) => {
    await sql`select from users where id = ${actor.userId} for update`;
    const decision = post("/admin/disable_user/", { user_id: userId }, actor.session);
    await waitUntil(
      () => stack.sql`select from pg_stat_activity where wait_event_type = 'Lock' and query like '%permissions%'`,
      ({ length }) => length > 0,
    );
    await sql`update users set disabled = true where id = ${actor.userId}`;
    return { decision };
  });
  const { status, body } = await reply.decision;
  expect([status, body.code]).toEqual([403, "missing_permission"]);
  const [user] = await stack.sql`select disabled from users where id = ${userId}`;
  expect(user?.disabled).toBe(false);
});

test("S-39, R39: every administrator's route refuses members, changes nothing by GET, and needs its fields", async () => {
  const { session, userId } = await walk.activate("member.only@example.com");
  const routes = publicRoutes.filter(({ path }) => path.startsWith("/admin/"));
  expect(routes.length).toBeGreaterThan(24);
  const before = await stack.sql`select count(*) from decisions`;
  for (const { method, path, contract } of routes) {
    const given = { user_id: userId, email: "page0@example.com", decision: "accept", emails: ["page0@example.com"] };
    const refused = method === "GET" ? await get(path, session) : await post(path, given, session);
    expect([path, refused.status]).toEqual([path, 403]);
    if (method === "GET") continue;
    expect((await get(path)).status, path).toBe(405);
    if (Object.values(contract.body?.shape ?? {}).some((field) => !field.safeParse(undefined).success))
      expect((await post(path, {})).status, path).toBe(400);
    const foreign = await client.app.post(path, given, { ...walk.admin, origin: "https://evil.example" });
    expect(foreign.status, path).toBe(403);
  }
  expect(await stack.sql`select count(*) from decisions`).toEqual(before);
  for (const path of ["disable_user", "enable_user", "end_sessions", "send_reset_link", "delete_user"])
    expect((await post(`/admin/${path}/`, { user_id: "nobody" })).status, path).toBe(404);
});

test("the preview of a mail is what the person gets, in their language, and opens nothing", async () => {
  const email = "lezer@example.com";
  await client.app.post("/auth/request_registration", { email, firstname: "Lezer", language: "nl" });
  const reason = "We kennen <u> niet & willen dat wel.";
  const preview = await get(
    `/admin/preview_mail/?type=registration_rejected&email=${email}&reason=${encodeURIComponent(reason)}`,
  );
  expect(preview.status).toBe(200);
  await walk.decide("reject_user", email, { reason });
  const [mail] = await walk.mailsTo(email);
  expect(preview.body.subject).toBe(mail?.subject);
  expect(mail?.text).toContain(preview.body.text.trim());
  expect(preview.body.html).not.toContain("<u>");
  const approval = await get("/admin/preview_mail/?type=signup_verification&email=anybody@example.com");
  expect(approval.body.text).toContain("ABCD2345");
  const token = /token=([\w-]+)/.exec(approval.body.text)?.[1] ?? "";
  expect((await client.status(token)).status).toBe(404);
  expect((await get("/admin/preview_mail/?type=password_reset&email=a@example.com")).status).toBe(422);
});

test("the overview counts registrations, decisions, waiting people and mails", async () => {
  const overview = async (): Promise<Overview> => (await get("/admin/overview/")).body;
  const today = () => new Date().toISOString().slice(0, 10);
  // Today and yesterday: midnight may be now.
  const total = ({ days }: Overview, what: "registrations" | "accepted" | "rejected") =>
    days.slice(-2).reduce((sum, { [what]: count }) => sum + count, 0);
  const [before, dayBefore] = [await overview(), today()];
  expect(before.days).toHaveLength(30);
  await client.register("counted@example.com");
  await walk.activate("counted.active@example.com");
  await client.register("counted.rejected@example.com");
  await walk.decide("reject_user", "counted.rejected@example.com");
  const after = await overview();
  expect([dayBefore, today()]).toContain(after.days.at(-1)?.date);
  for (const [what, more] of [
    ["registrations", 3],
    ["accepted", 1],
    ["rejected", 1],
  ] as const)
    expect(total(after, what), what).toBe(total(before, what) + more);
  expect(after.waiting.count).toBe(before.waiting.count + 1);
  await stack.sql`update registration_state set created_at = 900 where email = 'counted@example.com'`;
  expect((await overview()).waiting).toEqual({ count: before.waiting.count + 1, oldest_at: 900 });
  expect(after.hours_to_decision).toEqual({ median: expect.any(Number), p90: expect.any(Number) });
  expect(after.mails.accepted + after.mails.queued).toBeGreaterThanOrEqual(before.mails.accepted + 3);
});

test("with ten thousand who wait the queue answers within 200 ms, and reads its page from the index", async () => {
  await stack.sql`insert into registration_state (id, token_hash, email, state, created_at, expires_at)
    select 'many-' || n, sha256(('many ' || n)::bytea), 'many-' || n || '@example.com', 'REQUESTED', 2000 + n, 9999999999
    from generate_series(1, 10000) as n`;
  await stack.sql`insert into newusers (registration_id, email, firstname, lastname, created_at)
    select id, email, 'First' || id, 'Last', created_at from registration_state where id like 'many-%'`;
  await stack.sql`analyze registration_state, newusers`;
  for (const query of [
    "?limit=200",
    "?limit=200&after=7000_many-5000",
    "?search=many-77",
    "?search=nobody%20at%20all",
  ]) {
    const times: number[] = [];
    while (times.length < 10 && !times.some((time) => time < 200)) {
      const startedAt = performance.now();
      await queue(query);
      times.push(performance.now() - startedAt);
    }
    expect(Math.min(...times), query).toBeLessThan(200);
  }
  const page = { states: ["REQUESTED", "ACCEPTING"], search: "", after: undefined, limit: 200 } as const;
  expect(await explainQueue(page)).toMatch(/Index Scan using registration_state_listed/);
});

async function explainQueue(filter: Omit<QueueFilter, "siteLanguage">): Promise<string> {
  const seen: CompiledQuery[] = [];
  const dialect = {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db: Kysely<AppDatabase>) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
  const db = new Kysely<AppDatabase>({ dialect, log: ({ query }) => void seen.push(query) });
  await listQueue(db, { ...filter, siteLanguage: "en" });
  const { sql = "", parameters = [] } = seen[0] ?? {};
  const rows = await stack.sql.unsafe(`explain ${sql}`, [...parameters] as string[]);
  return rows.map((row) => row["QUERY PLAN"]).join("\n");
}
