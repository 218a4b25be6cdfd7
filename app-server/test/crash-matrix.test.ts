import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Reply } from "./support/client.ts";
import type { Crossing, Link } from "./support/crossings.ts";
import { carriesAny, createHolds, isAt, type Point } from "./support/holds.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { type MailFile, readMails } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";

/**
 * Kills a server between any two effects of an acceptance and of an activation. Many people are accepted and activated
 * at once, each stopped at another point; then the server is killed with SIGKILL and started again, and everybody is
 * looked at. What was on its way goes on either while the server is dead or after it is back.
 */

/** A statement or call, in the order in which they happen; each can be stopped before it and before its answer. */
type Step = [name: string, link: Link, what: RegExp];

const acceptanceSteps: Step[] = [
  ["compare-and-set", "app → database", /^update "registration_state" set "state"/],
  ["create_signup", "app → auth", /^create_signup$/],
  ["look-up of a user", "auth → app", /^get_user_by_email_address$/],
  ["select of the user", "app → database", /^select "id", .* from "users" where "email_norm"/],
  ["check of the code limit", "auth → database", /^select "kind" from "rate_limits"/],
  ["mail token", "auth → database", /^with "step0" as \(insert into rate_limits/],
  ["sign-up", "auth → database", /^insert into "signups"/],
  ["/email", "auth → app", /^\/email$/],
  ["mark of the mail", "app → database", /^with "moved" as \(update "registration_state" set "mailed_at"/],
  ["code and mail", "app → database", /^with "code" as \(insert into "tokens"/],
  ["commit of the mail", "app → database", /^commit$/],
  [
    "token and approval",
    "app → database",
    /^with "moved" as \(update "registration_state" set "state".*"signup_token"/,
  ],
];

const activationSteps: Step[] = [
  ["look-up of the sign-up", "auth → database", /^select \* from "signups" where "id"/],
  ["create_user", "auth → app", /^create_user$/],
  ["lock of the registration", "app → database", /^select "state"\."id"/],
  ["select of the user", "app → database", /^select "id", .* from "users" where "email_norm"/],
  ["insert of the user", "app → database", /^insert into "users"/],
  ["removal of the registration", "app → database", /^\s*with used as \(delete from registration_state/],
  ["removal of the code", "app → database", /^delete from "tokens"/],
  ["mail that the account is ready", "app → database", /^insert into "mails"/],
  ["reading of the user", "app → database", /^select "id", .* from "users" where "id"/],
  ["commit of the user", "app → database", /^commit$/],
  ["session", "auth → database", /^with "ended" as \(delete from "signups"/],
];

const pointsOf = (steps: Step[]): Point[] =>
  steps.flatMap(([name, link, what]) => [
    { name: `before: ${name}`, link, what, phase: "call" },
    { name: `done, not yet answered: ${name}`, link, what, phase: "answer" },
  ]);

const acceptancePoints = pointsOf(acceptanceSteps);
const activationPoints = pointsOf(activationSteps);

/** What the mail worker does at the same time, and what every connection does when it is new. */
const besides = /^\s*(with busy as|update "mails"|select b\.oid)/;

let stack: ProxiedStack;
let authSql: postgres.Sql;
let admin: { cookie: string };
/** Seconds that the servers' clocks are ahead. A server that starts has to be told: time never goes back. */
let ahead = 0;

beforeAll(async () => {
  stack = await startProxiedStack({
    watchDatabases: true,
    // A statement that waits keeps its connection; nobody's patience ends before the server is killed.
    env: {
      BACKEND_DATABASE_POOL: "40",
      AUTH_DATABASE_POOL: "20",
      AUTH_INVOKE_TIMEOUT: "15s",
      AUTH_EMAIL_TIMEOUT: "15s",
      LOG_LEVEL: "warn",
    },
  });
  authSql = postgres(stack.databases.auth.url, { max: 2, onnotice: () => undefined });
  admin = await stack.client.adminCookie();
});

afterAll(async () => {
  await authSql?.end({ timeout: 1 });
  await stack?.stop();
});

interface Person {
  email: string;
  registrationToken: string;
  /** What messages about this person carry. */
  marks: string[];
}

async function register(email: string): Promise<Person> {
  const registrationToken = await stack.client.register(email);
  const [row] = await stack.sql`select id from registration_state where email = ${email}`;
  return { email, registrationToken, marks: [email, row?.id] };
}

function accept({ email }: Person): Promise<Reply | undefined> {
  return stack.client.app.post("/admin/accept_user/", { email }, admin).catch(() => undefined);
}

interface Verified extends Person {
  signupToken: string;
}

/** Accepted, code shown and password set: only complete_signup is missing. */
async function prepareActivation(email: string): Promise<Verified> {
  const person = await register(email);
  await accept(person);
  await stack.client.drainMail();
  const signupToken = await verify(person, await newestCode(person));
  const families = await authSql`select distinct family_id from signups where email_address = ${email}`;
  return { ...person, signupToken, marks: [...person.marks, signupToken.slice(0, 24), families[0]?.family_id] };
}

const password = "correct horse battery staple";

/** With a token of this person's own, as the page would. */
async function verify({ registrationToken }: Person, code: string): Promise<string> {
  const { signup_token } = (await stack.client.status(registrationToken)).body;
  const shown = { signup_token, email_address_verification_code: code };
  expect(await stack.client.auth("verify_signup_email_address_verification_code", shown)).toMatchObject({ ok: true });
  expect(await stack.client.auth("set_signup_password", { signup_token, password })).toMatchObject({ ok: true });
  return signup_token;
}

async function codeMails({ email }: Person): Promise<MailFile[]> {
  return (await readMails(stack, email)).filter(({ type }) => type === "signup_verification");
}

async function newestCode(person: Person): Promise<string> {
  const mail = (await codeMails(person)).at(-1);
  expect(mail?.link).toBe(`${stack.urls.app}/account/signup?token=${person.registrationToken}&code=${mail?.code}`);
  return mail?.code ?? "";
}

function complete({ signupToken }: Verified): Promise<{ ok: boolean } | undefined> {
  return stack.client.auth("complete_signup", { signup_token: signupToken }).catch(() => undefined);
}

type WorkerPoint = Omit<Point, "link"> & { delivered: number };

const outcome = /^update "mails" set "status"/;
const workerPoints: WorkerPoint[] = [
  { name: "has taken the mail", what: /^\s*with busy as/, phase: "answer", delivered: 0 },
  { name: "has taken its turn", what: /insert into rate_limits as bucket/, phase: "answer", delivered: 0 },
  { name: "has delivered the mail", what: outcome, phase: "call", delivered: 1 },
  { name: "has written down the delivery", what: outcome, phase: "answer", delivered: 1 },
];

test.each(workerPoints)("a mail that a killed worker $name goes out within seconds, and not twice", async (held) => {
  const { delivered, ...point } = held;
  // A turn names the domain of its mail, an outcome the file that the mail was written to: this is in all of them.
  const mark = point.name.replaceAll(" ", "-");
  const person = await register(`worker@${mark}.example.com`);
  const holds = createHolds();
  stack.recorder.gate = holds.gate;
  const hold = holds.stopAt({ ...point, link: "app → database" }, [mark]);
  expect(await accept(person)).toMatchObject({ status: 200 });
  await hold.isReached();
  expect(await codeMails(person)).toHaveLength(delivered);
  await stack.servers.app.kill();
  await startAgain("app");
  stack.recorder.reset();
  const mails = () => stack.sql`select status from mails where email = ${person.email}`;
  await waitUntil(mails, (found) => found.every(({ status }) => status === "accepted"), 10);
  expect(await codeMails(person)).toHaveLength(1);
  const signupToken = await verify(person, await newestCode(person));
  expect(await complete({ ...person, signupToken })).toMatchObject({ ok: true });
});

describe("every message of an acceptance and of an activation is one of the points", () => {
  /** The points passed by what `run` does with the person; an unknown message shows as its own text. */
  async function trace(points: Point[], person: Person, run: () => Promise<unknown>): Promise<string[]> {
    stack.recorder.seen.length = 0;
    await run();
    const named = (crossing: Crossing) =>
      points.find((point) => isAt(point, crossing))?.name ?? `${crossing.link}: ${crossing.what} (${crossing.phase})`;
    return stack.recorder.seen
      .filter((crossing) => carriesAny(crossing, person.marks) && !besides.test(crossing.what))
      .map(named);
  }

  test("acceptance", async () => {
    const person = await register("trace-acceptance@example.com");
    const passed = await trace(acceptancePoints, person, () => accept(person));
    expect(passed.toSorted()).toEqual(acceptancePoints.map(({ name }) => name).toSorted());
  });

  test("activation", async () => {
    const person = await prepareActivation("trace-activation@example.com");
    const passed = await trace(activationPoints, person, () => complete(person));
    expect(passed.toSorted()).toEqual(activationPoints.map(({ name }) => name).toSorted());
  });
});

describe.each<{ who: string; killed: ("app" | "auth")[]; goesOn: "meanwhile" | "afterwards"; later: number }>([
  { who: "the app server", killed: ["app"], goesOn: "meanwhile", later: 0 },
  { who: "the app server", killed: ["app"], goesOn: "afterwards", later: 90 },
  { who: "the auth server", killed: ["auth"], goesOn: "afterwards", later: 90 },
  { who: "both servers", killed: ["app", "auth"], goesOn: "afterwards", later: 90 },
])("SIGKILL for $who; what is on its way goes on $goesOn; $later s later", ({ killed, goesOn, later }) => {
  const runName = `${killed.join("-")}-${goesOn}`;
  const accepted = new Map<Point, { person: Person; reply: Reply | undefined }>();
  const activated = new Map<Point, { person: Verified; result: { ok: boolean } | undefined }>();

  beforeAll(async () => {
    const people = await mapPoints(acceptancePoints, (index) => register(`${runName}-accept-${index}@example.com`));
    const ready = await mapPoints(activationPoints, (index) =>
      prepareActivation(`${runName}-activate-${index}@example.com`),
    );
    const holds = createHolds();
    stack.recorder.gate = holds.gate;
    const underWay: Promise<void>[] = [];
    for (const [point, person] of people) {
      const hold = holds.stopAt(point, person.marks);
      underWay.push(accept(person).then((reply) => void accepted.set(point, { person, reply })));
      await hold.isReached();
    }
    for (const [point, person] of ready) {
      const hold = holds.stopAt(point, person.marks);
      underWay.push(complete(person).then((result) => void activated.set(point, { person, result })));
      await hold.isReached();
    }
    await Promise.all(killed.map((name) => stack.servers[name].kill()));
    if (goesOn === "meanwhile") {
      holds.release();
      await stack.settle();
    }
    await Promise.all(killed.map(startAgain));
    holds.release();
    await Promise.all(underWay);
    await stack.settle();
    stack.recorder.reset();
    await stack.client.advanceClocks(later);
    ahead += later;
    await settleRegistrations(`${runName}-%`);
    await stack.client.drainMail();
  });

  // Nobody has to do with anybody else from here on.
  test.concurrent.each(acceptancePoints)("D-31: acceptance, $name", async (point) => {
    const { person, reply } = accepted.get(point) as { person: Person; reply: Reply | undefined };
    expect(await countUsers(person), "nobody is active without having shown the code").toBe(0);
    if ((await stateOf(person)) === "REQUESTED") {
      expect(reply?.status, "an acceptance that was answered is not lost").not.toBe(200);
      expect(await codeMails(person), "an acceptance that was mailed is not lost").toEqual([]);
      expect(await accept(person)).toMatchObject({ status: 200 });
      await stack.client.drainMail();
    }
    const [newest, ...older] = (await codeMails(person)).toReversed();
    expect(older.length, "one extra mail at most").toBeLessThanOrEqual(1);
    for (const { code } of older) expect(await tryCode(person, code ?? "")).toBe(code === newest?.code);
    const signupToken = await verify(person, await newestCode(person));
    expect(await complete({ ...person, signupToken })).toMatchObject({ ok: true });
    await expectActive(person);
  });

  test.concurrent.each(activationPoints)("D-46: activation, $name", async (point) => {
    const { person, result } = activated.get(point) as { person: Verified; result: { ok: boolean } | undefined };
    if ((await stateOf(person)) === "OPEN") {
      expect(result, "an activation that was answered is not lost").not.toMatchObject({ ok: true });
      expect(await countUsers(person)).toBe(0);
      expect(await complete(person)).toMatchObject({ ok: true });
    }
    await expectActive(person);
    expect(await codeMails(person)).toHaveLength(1);
  });
});

async function startAgain(name: "app" | "auth"): Promise<void> {
  await stack.servers[name].start();
  await stack.client.command(name, "advance_clock", { seconds: ahead });
}

async function mapPoints<T>(points: Point[], make: (index: number) => Promise<T>): Promise<Map<Point, T>> {
  const made = await Promise.all(points.map((_, index) => make(index)));
  return new Map(points.map((point, index) => [point, made[index] as T]));
}

/** Waits until every registration stands where a person can go on from. */
async function settleRegistrations(addresses: string): Promise<void> {
  const moving = () => stack.sql`
    select email, state, opening_until, mailed_at from registration_state
    where email like ${addresses} and (state not in ('REQUESTED', 'OPEN') or opening_until is not null)`;
  await waitUntil(moving, (rows) => rows.length === 0);
}

async function stateOf({ email }: Person): Promise<string | undefined> {
  const [row] = await stack.sql`select state from registration_state where email = ${email}`;
  return row?.state;
}

async function countUsers({ email }: Person): Promise<number> {
  const [row] = await stack.sql`select count(*)::int as users from users where email = ${email}`;
  return row?.users;
}

/** Whether the code is the one of the sign-up that is open now. */
async function tryCode({ registrationToken }: Person, code: string): Promise<boolean> {
  const { signup_token } = (await stack.client.status(registrationToken)).body;
  const shown = { signup_token, email_address_verification_code: code };
  return (await stack.client.auth("verify_signup_email_address_verification_code", shown)).ok;
}

async function expectActive(person: Person): Promise<void> {
  expect(await countUsers(person)).toBe(1);
  expect((await stack.client.status(person.registrationToken)).status).toBe(404);
  const cookie = await stack.client.setSession(await stack.client.signIn(person.email, password));
  const info = await stack.client.app.get("/auth/session_info/", { cookie });
  expect(info.body.user).toMatchObject({ email: person.email, permissions: [] });
}
