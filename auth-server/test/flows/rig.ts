import { forwardingHeaders } from "@anteroom/shared/runtime/http/request-scope";
import { patiently } from "@anteroom/shared/testing/patience";
import { type AuthAction, authActions } from "@anteroom/shared/wire/faroe";
import type { User } from "@anteroom/shared/wire/user-server";
import postgres from "postgres";
import { afterAll, expect } from "vitest";
import { type Answer, internalSecret, request, startTestServer, type TestServer } from "../harness.ts";
import { password, prepareSignup, startOver, succeed } from "../steps.ts";

/** A test server with either user store, so that one suite proves both. */
export interface Rig extends TestServer {
  users: Users;
  sql: postgres.Sql;
  /** Every `action outcome` so far. */
  seen: Set<string>;
}

/** The users of a server, wherever they live, as whoever keeps them sees and changes them. */
export interface Users {
  find(id: string): Promise<User | undefined>;
  /** Counters are not touched unless `set` says so. */
  change(id: string, set: Partial<User>): Promise<void>;
  remove(id: string): Promise<void>;
}

export const stores = ["app", "local"] as const;
export type Store = (typeof stores)[number];

const cheap = "argon2id.1.64.1.32";

export const newPassword = "another long passphrase";

type Settings = Record<string, string>;

export async function startRig(store: Store, overrides: Settings | ((appUrl: string) => Settings) = {}): Promise<Rig> {
  const server = await startTestServer(({ url }) => ({
    AUTH_USER_STORE: store,
    AUTH_TEMPORARY_PASSWORD_HASH: cheap,
    AUTH_EMAIL_TIMEOUT: "3s",
    ...(typeof overrides === "function" ? overrides(url) : overrides),
  }));
  const sql = postgres(server.databaseUrl, { max: 2 });
  const seen = new Set<string>();
  return {
    ...server,
    sql,
    seen,
    users: store === "app" ? usersOfStub(server) : usersInDatabase(sql),
    invoke: async (action, args) => {
      const answer = await server.invoke(action, args);
      seen.add(`${action} ${answer.ok ? "ok" : answer.error_code}`);
      return answer;
    },
    stop: async () => {
      await sql.end();
      await server.stop();
    },
  };
}

function usersOfStub({ app }: TestServer): Users {
  const find = (id: string) => app.users.find((user) => user.id === id);
  return {
    find: async (id) => find(id),
    change: async (id, set) => void Object.assign(find(id) as User, set),
    remove: async (id) => void app.users.splice(app.users.indexOf(find(id) as User), 1),
  };
}

function usersInDatabase(sql: postgres.Sql): Users {
  return {
    find: async (id) => {
      const [row] = await sql`select * from users where id = ${id}`;
      if (row === undefined) return undefined;
      const { password_hash, password_salt, ...rest } = row;
      const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
      return { ...rest, password_hash: text(password_hash), password_salt: text(password_salt) } as User;
    },
    change: async (id, { password_hash, password_salt, ...set }) => {
      const bytes = {
        ...(password_hash === undefined ? {} : { password_hash: Buffer.from(password_hash, "base64") }),
        ...(password_salt === undefined ? {} : { password_salt: Buffer.from(password_salt, "base64") }),
      };
      await sql`update users set ${sql({ ...set, ...bytes })} where id = ${id}`;
    },
    remove: async (id) => {
      await sql`delete from users where id = ${id}`;
    },
  };
}

export interface Person {
  id: string;
  address: string;
  session_token: string;
}

/** Somebody with an account and the session of the sign-up. */
export async function join(rig: Rig, address: string, displayName = ""): Promise<Person> {
  const { signup_token } = await prepareSignup(rig, address, password);
  const { session, session_token } = await succeed(rig, "complete_signup", { signup_token });
  if (displayName !== "") await rig.users.change(session.user_id, { display_name: displayName });
  return { id: session.user_id, address, session_token };
}

export async function begin(rig: Rig): Promise<void> {
  await startOver(rig);
}

/** The next mail of a type, which may still be under way. */
export async function takeMail(rig: Rig, type: string) {
  const { mailbox } = rig.app;
  const find = () => mailbox.findIndex((mail) => mail.type === type);
  await expect.poll(find, { interval: 2, timeout: patiently(10_000) }).toBeGreaterThan(-1);
  return mailbox.splice(find(), 1)[0];
}

/**
 * Lets calls come as far as changing a row that somebody else holds, and only then lets go of it: all of them have seen
 * it unchanged.
 */
export async function meetAtRow(
  { sql }: Rig,
  table: "user_changes" | "users" | "signups" | "signins" | "sessions",
  id: string,
  calls: (() => Promise<string>)[],
): Promise<string[]> {
  let running: Promise<string>[] = [];
  await sql.begin(async (transaction) => {
    await transaction`select 1 from ${transaction(table)} where id = ${id} for update`;
    running = calls.map((call) => call());
    const blocked = () => sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    await expect
      .poll(async () => (await blocked()).length, { interval: 5, timeout: patiently(10_000) })
      .toBe(calls.length);
  });
  return (await Promise.all(running)).sort();
}

/** Has no session stored while `work` runs. */
export async function withoutNewSessions({ sql }: Rig, work: () => Promise<void>): Promise<void> {
  await sql`alter table sessions add constraint none check (false) not valid`;
  await work();
  await sql`alter table sessions drop constraint none`;
}

/**
 * The tests of this suite together see every code that the contract declares for these actions, except those named with
 * `action code`. Looked at when all have run, in whatever order; some of them alone prove nothing of the kind.
 */
export function seesEveryCode(rig: () => Rig, actions: readonly AuthAction[], except: readonly string[]): void {
  // biome-ignore lint/correctness/noEmptyPattern: Vitest wants a pattern for the fixtures, of which there are none.
  afterAll(({}, suite) => {
    if (!haveAllPassed(suite)) return;
    const declared = actions.flatMap((action) =>
      ["ok", ...authActions[action].errors].map((code) => `${action} ${code}`),
    );
    const unseen = declared.filter((pair) => !rig().seen.has(pair));
    expect(unseen.sort(), "codes of the contract that no test was answered with").toEqual([...except].sort());
  });
}

type Task = { type: string; result?: { state: string }; tasks?: readonly Task[] };

const haveAllPassed = (task: Task): boolean =>
  task.tasks ? task.tasks.every(haveAllPassed) : task.result?.state === "pass";

export function actionsOf(object: string): AuthAction[] {
  return (Object.keys(authActions) as AuthAction[]).filter((action) => action.includes(object));
}

/** The same server, as the app server calls it for a visitor at another address. Resets are asked for a link. */
export function from<T extends TestServer>(server: T, address: string, more: Record<string, string> = {}): T {
  const headers = { authorization: `Bearer ${internalSecret}`, "x-forwarded-for": address };
  return {
    ...server,
    invoke: async (action, args) => {
      const body = JSON.stringify({ action, arguments: args });
      const cause = action === "create_user_password_reset" ? forwardingHeaders("link") : {};
      const reply = await request(server.private, "POST", "/", body, { ...headers, ...cause, ...more });
      return JSON.parse(reply.text) as Answer;
    },
  };
}

/** The same server, called from elsewhere by the public listener. Needs TRUSTED_PROXIES=127.0.0.1. */
export function publicly<T extends TestServer>(server: T, address: string, more: Record<string, string> = {}): T {
  return {
    ...server,
    invoke: async (action, args) => {
      const body = JSON.stringify({ action, arguments: args });
      const reply = await request(server.public, "POST", "/", body, { "x-forwarded-for": address, ...more });
      return JSON.parse(reply.text) as Answer;
    },
  };
}

/** What the app server says of a device on which these users have shown their first password; `user@1`: their second. */
export function device(id: string, ...users: string[]): Record<string, string> {
  return { "x-anteroom-device": `${id}:${users.map((user) => (user.includes("@") ? user : `${user}@0`)).join(",")}` };
}

/** Of a call that an administrator or the app server causes. */
export const bySite = forwardingHeaders("site");
