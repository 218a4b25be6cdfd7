import { randomId } from "@anteroom/shared/runtime/crypto";
import type postgres from "postgres";
import { type People, withSql } from "./people.ts";
import type { Plan } from "./plan.ts";
import type { Rig } from "./rig.ts";
import { median, quantile, timed } from "./statistics.ts";

/**
 * What one acceptance cannot do without, by kind. Whoever changes its path changes these.
 * HTTP: the administrator's request, get_session, create_signup, /invoke, /email.
 * Reads: session; caller with permissions; user by address; whether codes were guessed too often.
 * Writes: the claim, the send limit, the sign-up, the outcome. One transaction of three: mailed, code, mail job.
 */
const roundTrips = { http: 5, reads: 4, writes: 4, transactions: 1 };

/** Milliseconds. */
export interface Acceptance {
  one: { p50: number; p99: number; count: number };
  /** The median cost of each kind of round trip on its own, and of all of `roundTrips` together. */
  raw: { http: number; read: number; write: number; transaction: number; sum: number };
  /** The first of many at once finds them waiting: measured from the moment all were sent. */
  atOnce: { p50: number; p99: number; size: number; failures: number };
}

/** Acceptances one by one, with the raw round trips measured between them, and many at once. */
export async function measureAcceptance(rig: Rig, people: People, plan: Plan): Promise<Acceptance> {
  const accept = (address: string) => acceptOne(rig, people, address);
  for (const address of await register(rig, Math.ceil(plan.acceptances / 2))) await accept(address);
  const samples: Samples = { one: [], http: [], read: [], write: [], transaction: [], atOnce: [], failures: 0 };
  await withSql(rig.databases.app, async (sql) => {
    const probes = await createProbes(rig, sql);
    for (let round = 0; round < plan.rounds; round++) {
      for (const address of await register(rig, plan.acceptances)) {
        samples.one.push(await timed(() => accept(address)));
        for (const kind of kinds) samples[kind].push(await timed(probes[kind]));
      }
      await acceptAtOnce(await register(rig, plan.burst), accept, samples);
    }
  });
  const { one, atOnce, failures } = samples;
  return {
    one: { p50: median(one), p99: quantile(one, 0.99), count: one.length },
    raw: sumUp(samples),
    atOnce: { p50: median(atOnce), p99: quantile(atOnce, 0.99), size: plan.burst, failures },
  };
}

const kinds = ["http", "read", "write", "transaction"] as const;
type Samples = Record<(typeof kinds)[number] | "one" | "atOnce", number[]> & { failures: number };

async function acceptAtOnce(
  addresses: string[],
  accept: (address: string) => Promise<void>,
  samples: Samples,
): Promise<void> {
  const outcomes = await Promise.allSettled(addresses.map((address) => timed(() => accept(address))));
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") samples.atOnce.push(outcome.value);
    else samples.failures++;
  }
}

function sumUp(samples: Samples): Acceptance["raw"] {
  const [http, read, write, transaction] = [
    median(samples.http),
    median(samples.read),
    median(samples.write),
    median(samples.transaction),
  ];
  const { http: requests, reads, writes, transactions } = roundTrips;
  const sum = requests * http + reads * read + writes * write + transactions * transaction;
  return { http, read, write, transaction, sum };
}

/** People who wait for a decision; each has an address of their own, because mails to one address are limited. */
async function register(rig: Rig, count: number): Promise<string[]> {
  const addresses = Array.from({ length: count }, () => `waiting.${randomId()}@example.com`);
  for (const email of addresses)
    await post(rig, "/auth/request_registration", { email, firstname: "Ada", lastname: "Lovelace" }, {});
  return addresses;
}

async function acceptOne(rig: Rig, people: People, email: string): Promise<void> {
  await post(rig, "/admin/accept_user/", { email }, { cookie: people.administrator });
}

async function post(rig: Rig, path: string, body: object, headers: Record<string, string>): Promise<void> {
  const response = await rig.app.request({
    method: "POST",
    path,
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.body.text();
  if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${text}`);
}

/** One round trip of each kind, with as little around it as possible. */
async function createProbes(rig: Rig, sql: postgres.Sql) {
  await sql`create table if not exists bench_rows (id text primary key, value bigint not null)`;
  await sql`insert into bench_rows values ('one', 0), ('two', 0), ('three', 0) on conflict do nothing`;
  const change = (on: postgres.ISql, id: string) => on`update bench_rows set value = value + 1 where id = ${id}`;
  return {
    http: async () => {
      const body = JSON.stringify({ email: "ada@example.com" });
      const headers = { "content-type": "application/json" };
      await (await rig.bare.request({ method: "POST", path: "/", headers, body })).body.text();
    },
    read: () => sql`select value from bench_rows where id = ${"one"}`,
    write: () => change(sql, "one"),
    transaction: () =>
      sql.begin(async (trx) => {
        for (const id of ["one", "two", "three"]) await change(trx, id);
      }),
  };
}
