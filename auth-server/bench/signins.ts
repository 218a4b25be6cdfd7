import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { hashRaw } from "@node-rs/argon2";
import type { Pool } from "undici";
import { runLoad } from "./load.ts";
import { argon2, type People } from "./people.ts";
import type { Plan } from "./plan.ts";
import type { Rig } from "./rig.ts";
import { nextSessionRead, type Reads, summarize } from "./session-reads.ts";
import { median, medianRatio } from "./statistics.ts";

export interface Signins {
  perSecond: number;
  /** Hashes a second with nothing around them, as many at once as there are cores. */
  rawPerSecond: number;
  /** The median of the rounds' own ratios. */
  toRaw: number;
  /** `get_session` meanwhile. */
  reads: Reads;
  readers: number;
}

const clients = 8;
const readers = 4;

/** Sign-ins (three actions each) and bare hashing in alternating order, then `get_session` beside sign-ins. */
export async function measureSignins(rig: Rig, people: People, plan: Plan): Promise<Signins> {
  const signIn = createSignIn(rig.auth, people);
  const milliseconds = plan.signinSeconds * 1000;
  const rates: { raw: number[]; whole: number[] } = { raw: [], whole: [] };
  const reads: Reads[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    const raw = () =>
      countPerSecond(availableParallelism(), milliseconds, hashOnce).then((rate) => rates.raw.push(rate));
    const whole = () => countPerSecond(clients, milliseconds, signIn).then((rate) => rates.whole.push(rate));
    for (const run of round % 2 === 0 ? [raw, whole] : [whole, raw]) await run();
    reads.push(await readBeside(rig, people, signIn, plan.signinSeconds));
  }
  return {
    perSecond: median(rates.whole),
    rawPerSecond: median(rates.raw),
    toRaw: medianRatio(rates.whole, rates.raw) ?? 0,
    reads: summarize(reads),
    readers,
  };
}

async function readBeside(rig: Rig, people: People, signIn: () => Promise<void>, seconds: number): Promise<Reads> {
  const signing = countPerSecond(clients, (seconds + 0.2) * 1000, signIn);
  await sleep(200);
  const load = await runLoad(rig.urls.auth, { connections: readers, seconds, next: nextSessionRead(people) });
  await signing;
  return { ...load, serverCpu: undefined, databaseCpu: undefined };
}

function hashOnce(): Promise<unknown> {
  return hashRaw("correct horse battery staple", { ...argon2, salt: randomBytes(16) });
}

/** Every user in turn, so that nobody meets the limit of five attempts a minute. */
function createSignIn(auth: Pool, { addresses, password }: People): () => Promise<void> {
  let index = 0;
  return async () => {
    index = (index + 1) % addresses.length;
    const created = await invoke(auth, "create_signin", { user_email_address: addresses[index] ?? "" });
    const { signin_token } = created as { signin_token: string };
    await invoke(auth, "verify_signin_user_password", { signin_token, password });
    await invoke(auth, "complete_signin", { signin_token });
  };
}

async function invoke(auth: Pool, action: string, args: Record<string, string>): Promise<unknown> {
  const response = await auth.request({
    method: "POST",
    path: "/",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action, arguments: args }),
  });
  const answer = (await response.body.json()) as { ok: boolean; values?: unknown; error_code?: string };
  if (!answer.ok) throw new Error(`${action}: ${answer.error_code}`);
  return answer.values;
}

/** How often a second `work` is done by so many at once. What is under way at the end is waited for, not counted. */
async function countPerSecond(atOnce: number, milliseconds: number, work: () => Promise<unknown>): Promise<number> {
  const until = performance.now() + milliseconds;
  let done = 0;
  const repeat = async () => {
    while (performance.now() < until) {
      await work();
      if (performance.now() < until) done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, repeat));
  return (done * 1000) / milliseconds;
}
