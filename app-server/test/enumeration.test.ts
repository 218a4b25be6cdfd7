import { mannWhitneyP } from "@anteroom/shared/testing/statistics";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient, tellTale } from "./support/client.ts";
import { readMails, type Stack, startStack } from "./support/stack.ts";
import { createWalk, type Walk } from "./support/walk.ts";

let stack: Stack;
let client: Client;
let walk: Walk;

const samples = 200;
/** Of each kind beside those whose answers are timed. */
const others = 20;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
  walk = await createWalk(stack, client);
  await stack.sql`insert into users (id, email, email_norm, firstname, lastname, password_hash,
      password_hash_algorithm_id, password_salt, created_at)
    select 'u' || n, 'user' || n || '@example.com', 'user' || n || '@example.com', 'A', 'B', '', 'x', '', 0
    from generate_series(100, ${99 + samples + others}::int) n`;
  await stack.sql`insert into registration_state (id, token_hash, email, state, created_at, expires_at)
    select 'p' || n, ('p' || n)::bytea, 'pend' || n || '@example.com', 'REQUESTED', 0, 4000000000
    from generate_series(100, ${99 + samples + others}::int) n`;
});

afterAll(() => stack?.stop());

const kinds = ["user", "pend", "none"] as const;
type Kind = (typeof kinds)[number];

interface Sample {
  milliseconds: number;
  shape: string;
}

/** Addresses of one length, so that only what is known of them differs. */
async function ask(path: string, body: object): Promise<Sample> {
  const init = { method: "POST", body: JSON.stringify(body) };
  const start = performance.now();
  const reply = await fetch(stack.urls.app + path, init);
  const text = await reply.text();
  const milliseconds = performance.now() - start;
  const json = JSON.parse(text);
  const { status, headers } = tellTale({ status: reply.status, headers: reply.headers, body: json });
  const shape = JSON.stringify([status, headers, Object.keys(json), json.message, text.length]);
  return { milliseconds, shape };
}

/**
 * Asks about every kind of address equally often, in an order drawn anew each round. With two hundred samples of each a
 * difference of half a standard deviation has a p of a millionth, and equals seldom one below a ten-thousandth: once is
 * enough. That the work is the same is proven by the statements, in oracles.test.ts.
 */
async function compare<K extends string>(
  names: readonly K[],
  perRound: number,
  sample: (kind: K, number: number) => Promise<Sample>,
): Promise<{ p: number; shapes: Set<string>; fastest: number }> {
  const shapes = new Set<string>();
  let fastest = Number.POSITIVE_INFINITY;
  const times = new Map<K, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < samples; round += perRound) {
    const turns = names.flatMap((name) => Array.from({ length: perRound }, (_, index) => ({ name, index })));
    turns.sort(() => Math.random() - 0.5);
    await Promise.all(
      turns.map(async ({ name, index }) => {
        const taken = await sample(name, 100 + round + index);
        times.get(name)?.push(taken.milliseconds);
        shapes.add(taken.shape);
        fastest = Math.min(fastest, taken.milliseconds);
      }),
    );
  }
  const pairs = names.flatMap((one, index) => names.slice(index + 1).map((other) => [one, other] as const));
  const p = Math.min(...pairs.map(([one, other]) => mannWhitneyP(times.get(one) ?? [], times.get(other) ?? [])));
  return { p, shapes, fastest };
}

test("S-1, D-52: request_registration answers alike in status, keys, headers, size and time for new, waiting and users", async () => {
  for (let warm = 0; warm < 10; warm++) await ask("/auth/request_registration", { email: `warm${warm}@example.com` });
  const { p, shapes, fastest } = await compare(kinds, 4, (kind: Kind, number) =>
    ask("/auth/request_registration", { email: `${kind}${number}@example.com`, firstname: "A", lastname: "B" }),
  );
  expect([...shapes]).toEqual([expect.any(String)]);
  expect(p).toBeGreaterThan(0.0001);
  // No answer leaves before the time that all of them take.
  expect(fastest).toBeGreaterThan(38);
});

test("S-1: users are told by mail, once; whoever waits gets none", async () => {
  const asked = kinds.flatMap((kind) =>
    Array.from({ length: others }, (_, index) => `${kind}${100 + samples + index}@example.com`),
  );
  await Promise.all(asked.map((email) => client.app.post("/auth/request_registration", { email })));
  await client.drainMail();
  const hinted = (await readMails(stack)).filter(({ type }) => type === "registration_hint").map(({ to }) => to);
  expect(hinted.filter((address) => !address.startsWith("user"))).toEqual([]);
  expect(hinted.filter((address) => asked.includes(address)).toSorted()).toEqual(
    asked.filter((address) => address.startsWith("user")),
  );
  const address = asked[0] ?? "";
  const asksAgain = { email: address };
  const hints = async () => (await walk.mailsTo(address)).length;
  for (let turn = 0; turn < 5; turn++) await client.app.post("/auth/request_registration", asksAgain);
  expect(await hints()).toBe(1);
  await client.command("app", "advance_clock", { seconds: 85_000 });
  await client.app.post("/auth/request_registration", asksAgain);
  expect(await hints()).toBe(1);
  await client.command("app", "advance_clock", { seconds: 1_400 });
  await client.app.post("/auth/request_registration", asksAgain);
  expect(await hints()).toBe(2);
});

test("S-1: a decoy's token behaves like one that waits: status, renewal, lookup, withdrawal, in answers and headers", async () => {
  const [decoy, waiting] = await Promise.all([
    client.register("user101@example.com"),
    client.register("real101@example.com"),
  ]);
  const look = async (path: string, token: string, address: string) => {
    const reply = await client.app.post(path, { registration_token: token, email: address, code: "ABCDEFGH" });
    return JSON.stringify(tellTale(reply)).replaceAll(address, "ADDRESS");
  };
  for (const path of [
    "/auth/registration_status",
    "/auth/renew_signup",
    "/auth/lookup_registration",
    "/auth/registration_status",
    "/auth/withdraw_registration",
    "/auth/registration_status",
    "/auth/withdraw_registration",
    "/auth/renew_signup",
  ]) {
    const answer = await look(path, decoy, "user101@example.com");
    expect(answer, path).toBe(await look(path, waiting, "real101@example.com"));
  }
});

test("S-1: decoys are on no administrator's list and end with the time of a registration", async () => {
  const decoy = await client.register("user102@example.com");
  const { body } = await client.app.get("/admin/list_newusers/", walk.admin);
  expect(body.filter((row: { email: string }) => row.email.startsWith("user"))).toEqual([]);
  expect((await client.status(decoy)).status).toBe(200);
  const waiting = await client.register("real102@example.com");
  await client.command("app", "advance_clock", { seconds: 14 * 86_400 - 5 });
  expect([(await client.status(decoy)).status, (await client.status(waiting)).status]).toEqual([200, 200]);
  await client.command("app", "advance_clock", { seconds: 10 });
  expect(tellTale(await client.status(decoy))).toEqual(tellTale(await client.status(waiting)));
  expect((await client.status(decoy)).status).toBe(404);
});

test("D-51, D-52: lookups take equally long for unknown addresses, wrong codes and registrations without a code", async () => {
  await client.command("app", "release_clock");
  await stack.sql`truncate rate_limits`;
  await stack.sql`insert into tokens (key, code_mac, timestamp, expires_at)
    select 'signup_verification:pend' || n || '@example.com', sha256(n::text::bytea), 0, 4000000000
    from generate_series(100, ${99 + samples}::int) n`;
  await stack.sql`update registration_state set state = 'REQUESTED', expires_at = 4000000000 where id like 'p1%' or id like 'p2%'`;
  const { p, shapes } = await compare(["pend", "none", "user"], 2, (kind, number) =>
    ask("/auth/lookup_registration", { email: `${kind}${number}@example.com`, code: "ABCDEFGH" }),
  );
  expect([...shapes]).toEqual([expect.any(String)]);
  expect(p).toBeGreaterThan(0.0001);
});
