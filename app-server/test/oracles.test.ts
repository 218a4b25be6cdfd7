import { authActions } from "@anteroom/shared/wire/faroe";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publicActions, type ServedAction } from "../../auth-server/src/http/invoke.ts";
import { publicRoutes } from "../src/http/app.ts";
import type { Route } from "../src/http/serve.ts";
import { type Reply, tellTale } from "./support/client.ts";
import { type ProxiedStack, startProxiedStack } from "./support/proxied-stack.ts";
import { waitUntil } from "./support/wait.ts";

// Made from the tables of routes and actions: whatever anybody may call is tried for every kind of address, and a new
// route or action is tried too, or fails here because nobody has said what its fields are filled with.

let stack: ProxiedStack;

const kinds = ["knows", "waits", "fired", "never"] as const;
type Kind = (typeof kinds)[number];

/** Addresses of one length; each is used once, so that no limit is met and nothing is left from before. */
const addressesOfAKind = 900;

beforeAll(async () => {
  stack = await startProxiedStack({ watchDatabases: true, env: { BACKEND_MAIL_WORKER: "off" } });
  await stack.client.adminCookie();
  const until = 99 + addressesOfAKind;
  for (const [kind, disabled] of [
    ["knows", false],
    ["fired", true],
  ] as const)
    await stack.sql`insert into users (id, email, email_norm, firstname, lastname, password_hash,
        password_hash_algorithm_id, password_salt, created_at, disabled)
      select ${kind} || n, ${kind} || n || '@example.com', ${kind} || n || '@example.com', 'A', 'B', password_hash,
        password_hash_algorithm_id, password_salt, 0, ${disabled}
      from generate_series(100, ${until}::int) n, (select * from users limit 1) someone`;
  await stack.sql`insert into registration_state (id, token_hash, email, state, created_at, expires_at)
    select 'waits' || n, ('waits' || n)::bytea, 'waits' || n || '@example.com', 'REQUESTED', 0, 4000000000
    from generate_series(100, ${until}::int) n`;
  await learnUpkeep();
});

afterAll(() => stack?.stop());

const used: Record<Kind, number> = { knows: 100, waits: 100, fired: 100, never: 100 };
const nextAddress = (kind: Kind) => `${kind}${used[kind]++}@example.com`;

/** What a stranger who knows an address can put into each field. Secrets of others are guessed at. */
const fillers: Record<string, (address: string) => string | Promise<string>> = {
  email: (address) => address,
  user_email_address: (address) => address,
  registration_token: async (address) => stack.client.register(address),
  signin_token: async (address) => (await begin("create_signin", address)).signin_token,
  user_password_reset_token: async (address) =>
    (await begin("create_user_password_reset", address)).user_password_reset_token,
  firstname: () => "Ada",
  lastname: () => "Lovelace",
  language: () => "en",
  message: () => "Grace told me of you.",
  request_key: () => "a-key-of-the-client-of-32-letters",
  code: () => "ABCDEFGHJKLM",
  email_address_verification_code: () => "ABCDEFGH",
  temporary_password: () => "ABCDEFGHJKLM",
  password: () => "correct horse battery staple",
  ...Object.fromEntries(
    ["token", "setup_token", "session_token", "signup_token", "user_email_address_update_token"]
      .concat(["user_password_update_token", "user_deletion_token"])
      .map((name) => [name, () => "aaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbb"]),
  ),
};

async function begin(action: string, user_email_address: string) {
  const { values } = await stack.client.auth(action, { user_email_address });
  return values;
}

async function fill(fields: readonly string[], address: string): Promise<Record<string, string>> {
  const filled: Record<string, string> = {};
  for (const field of fields) {
    const filler = fillers[field];
    if (filler === undefined) throw new Error(`Say in this file what a stranger would put into "${field}".`);
    filled[field] = await filler(address);
  }
  return filled;
}

/** A call that anybody may make, prepared for an address. */
type Prepare = (address: string) => Promise<() => Promise<Reply>>;

/** With all of its fields, and with those alone that it needs; where one of several is needed, with each of them. */
function variantsOf({ contract }: Route): string[][] {
  const { body, query, either = [] } = contract;
  const shape = { ...body?.shape, ...query?.shape };
  const fields = Object.keys(shape);
  const needed = fields.filter((field) => !shape[field].safeParse(undefined).success);
  const sets = [fields, needed].flatMap((set) =>
    either.length === 0 ? [set] : either.map((one) => [one, ...set.filter((field) => !either.includes(field))]),
  );
  return [...new Map(sets.map((set) => [set.join(), set])).values()];
}

const routes = publicRoutes
  .filter(({ access, path }) => access === "anyone" && path !== "/auth/actions")
  .flatMap((route) =>
    variantsOf(route).map((fields): [string, Prepare] => [nameOf(route, fields), callOf(route, fields)]),
  );

function nameOf({ method, path }: Route, fields: string[]): string {
  return `${method} ${path} {${fields.join(", ")}}`;
}

function callOf({ method, path }: Route, fields: string[]): Prepare {
  return async (address) => {
    const filled = await fill(fields, address);
    if (method === "POST") return () => stack.client.app.post(path, filled);
    return () => stack.client.app.get(`${path}?${new URLSearchParams(filled)}`);
  };
}

const actions = publicActions({ strict: false, userStore: "app" }).flatMap((action): [string, Prepare][] => [
  [`auth ${action}`, throughPublicListener(action)],
  [`POST /auth/actions ${action}`, throughAppServer(action)],
]);

function throughPublicListener(action: ServedAction): Prepare {
  return async (address) => {
    const body = JSON.stringify({ action, arguments: await fill(authActions[action].arguments, address) });
    return async () => {
      const { status, headers, ...reply } = await fetch(stack.urls.auth, { method: "POST", body }).then(
        async (response) => ({ status: response.status, headers: response.headers, body: await response.json() }),
      );
      return { status, headers, body: reply.body };
    };
  };
}

function throughAppServer(action: ServedAction): Prepare {
  return async (address) => {
    const body = { action, arguments: await fill(authActions[action].arguments, address) };
    return () => stack.client.app.post("/auth/actions", body);
  };
}

/** Statements on either database and calls between the servers until the answer; mails are handed over beside it. */
async function observe(prepare: Prepare, kind: Kind) {
  const { recorder } = stack;
  const address = nextAddress(kind);
  const call = await prepare(address);
  await stack.settle();
  const mailsMayGo = Promise.withResolvers<undefined>();
  recorder.gate = ({ what }) => (what === "/email" ? mailsMayGo.promise : undefined);
  recorder.seen.length = 0;
  const reply = await call();
  const work = recorder.seen
    .filter(({ phase, what }) => phase === "call" && what !== "/email" && !upkeep.has(what))
    .map(({ link, what }) => `${link}: ${what}`)
    .sort();
  mailsMayGo.resolve(undefined);
  recorder.gate = undefined;
  await stack.settle();
  const shape = JSON.stringify(tellTale(reply))
    .replaceAll(address, "ADDRESS")
    .replace(/[a-z2-9]{24}(\.[a-z2-9]{24,26})?/g, "ID")
    .replace(/"[\w-]{43}"/g, "TOKEN")
    .replace(/\b\d{10}\b/g, "TIME");
  return { shape, work };
}

/** What the servers do by the clock, seen while nobody asks for anything. */
const upkeep = new Set<string>();

async function learnUpkeep(): Promise<void> {
  const { recorder } = stack;
  recorder.seen.length = 0;
  const rounds = async () => {
    await stack.sql`select pg_notify('anteroom_work', work) from unnest(array['mails', 'openings', 'batches', 'owed links']) work`;
    return recorder.seen.filter(({ what }) => what.startsWith('update "batches"')).length;
  };
  await waitUntil(rounds, (count) => count >= 6, 30);
  for (const { what } of recorder.seen) upkeep.add(what);
  for (const what of ["begin", "commit"]) upkeep.delete(what);
}

/** What they do more seldom only adds: what a request itself does is seen every time it is made. */
function common(one: string[], other: string[]): string[] {
  const left = [...other];
  return one.filter((what) => left.includes(what) && left.splice(left.indexOf(what), 1));
}

const looksAtMost = 6;

test.each([...routes, ...actions])("R21, G7: %s tells no kind of address from another", async (_, prepare) => {
  const works = new Map<Kind, string[]>();
  const areAlike = () => new Set([...works.values()].map((work) => work.join("\n"))).size === 1;
  for (let look = 0; look < looksAtMost && (look === 0 || !areAlike()); look++) {
    const shapes = new Map<Kind, string>();
    for (const kind of kinds) {
      const { shape, work } = await observe(prepare, kind);
      shapes.set(kind, shape);
      works.set(kind, common(work, works.get(kind) ?? work));
    }
    for (const kind of kinds) expect(shapes.get(kind), kind).toBe(shapes.get("never"));
  }
  for (const kind of kinds) expect(works.get(kind), kind).toEqual(works.get("never"));
});
