import { setTimeout as sleep } from "node:timers/promises";
import { patiently } from "@anteroom/shared/testing/patience";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type RegistrationState,
  type StateRules,
  states,
  type TransitionName,
  transitions,
} from "../src/registration/states.ts";
import { type Client, createClient } from "./support/client.ts";
import { type Stack, startStack } from "./support/stack.ts";
import { waitUntil } from "./support/wait.ts";

let stack: Stack;
let client: Client;

beforeAll(async () => {
  stack = await startStack();
  client = createClient(stack);
});

afterAll(() => stack?.stop());

test("C3: the database knows the states of the table and no others, and what they say of approval and verification", async () => {
  const rowIn = (state: string, facts: object) => {
    const id = `${state} ${JSON.stringify(facts)}`;
    return {
      id,
      token_hash: Buffer.from(id),
      email: id,
      state,
      // So that no recovery moves it meanwhile.
      opening_until: 4e9,
      created_at: 1,
      expires_at: 4e9,
      ...facts,
    };
  };
  const takes = async (state: string, facts: object): Promise<boolean> => {
    const row = rowIn(state, { signup_token: state === "OPEN" ? Buffer.from("x") : null, ...facts });
    return stack.sql`insert into registration_state ${stack.sql(row)}`.then(
      () => true,
      () => false,
    );
  };
  expect(await takes("SOMETHING", {})).toBe(false);
  for (const [state, rules] of Object.entries<StateRules>(states)) {
    const facts = { verified_at: rules.isVerified ? 1 : null };
    expect({ state, takes: await takes(state, facts) }).toEqual({ state, takes: true });
    if (rules.isApproved === false) expect(await takes(state, { ...facts, approved_at: 2 })).toBe(false);
    if (rules.isVerified !== undefined)
      expect(await takes(state, { verified_at: rules.isVerified ? null : 2 }), state).toBe(false);
    const [row] = await stack.sql`select approved_at, accepted from registration_state where state = ${state}`;
    expect(row?.accepted).toBe(rules.isApproved === true);
    if (rules.isApproved) expect(row?.approved_at).not.toBeNull();
    // At most one holder for an address; of the others there may be as many as there are requests.
    const again = stack.sql`insert into registration_state (id, token_hash, email, state, verified_at, signup_token,
        opening_until, created_at, expires_at)
      select id || ' again', token_hash || 'x', email, state, verified_at, signup_token, opening_until, created_at, expires_at
      from registration_state where state = ${state} limit 1`;
    expect(
      await again.then(
        () => true,
        () => false,
      ),
      state,
    ).toBe(!rules.holdsAddress);
  }
});

test("C3: versions before the facts approve as before, and the approval counts from its decision", async () => {
  const id = "approved by an older version";
  const row = { id, token_hash: Buffer.from(id), email: id, created_at: 1, expires_at: 4e9 };
  await stack.sql`insert into registration_state ${stack.sql({ ...row, state: "REQUESTED" })}`;
  const [approved] = await stack.sql`update registration_state set state = 'ACCEPTED', accepted = true, decided_at = 77
    where id = ${id} returning accepted, approved_at`;
  expect(approved).toEqual({ accepted: true, approved_at: "77" });
  const [withdrawn] = await stack.sql`update registration_state set state = 'WITHDRAWN', accepted = false
    where id = ${id} returning accepted, approved_at`;
  expect(withdrawn).toEqual({ accepted: false, approved_at: "77" });
});

/** Somebody moves, or tries to. Numbers choose among the addresses, and among the requests for one. */
interface Event {
  mover: keyof typeof movers;
  whose: number;
  which: number;
  /** Days that pass, or milliseconds until the crash. */
  length: number;
}

interface Room {
  addresses: string[];
  /** Registration tokens and the addresses that they were given for. */
  tokens: { token: string; email: string }[];
}

interface Outcome {
  /** What may have happened to the address's registrations meanwhile. */
  by: readonly TransitionName[];
  /** What must have happened if the answer is yes; and nothing at all may have, if it is no. */
  says?: "yes" | "no";
}

const opening = ["accept", "open", "refuseSignup", "keep", "giveUp", "acceptLate", "lapse", "displace"] as const;

const movers = {
  request: async (room: Room, { whose }: Event): Promise<Outcome> => {
    const email = room.addresses[whose % room.addresses.length] ?? "";
    room.tokens.push({ token: await client.register(email), email });
    return { by: ["request", "requestAsDecoy"] };
  },
  accept: async (room: Room, event: Event): Promise<Outcome> => decide("accept", room, event, opening),
  reject: async (room: Room, event: Event): Promise<Outcome> => decide("reject", room, event, ["reject"]),
  reopen: async (room: Room, event: Event): Promise<Outcome> => decide("reopen", room, event, ["reopen"]),
  resend: async (room: Room, event: Event): Promise<Outcome> => decide("resend", room, event, opening),
  withdraw: async (room: Room, event: Event): Promise<Outcome> => {
    const { token } = chosen(room, event);
    const { status } = await client.app.post("/auth/withdraw_registration", { registration_token: token });
    return { by: ["withdraw", "takeOver"], says: status === 200 ? "yes" : "no" };
  },
  withdrawByCode: async (room: Room, event: Event): Promise<Outcome> => {
    const { token, email } = chosen(room, event);
    const code = await newestCode(email);
    const { status } = await client.app.post("/auth/withdraw_registration", { registration_token: token, code });
    return { by: ["withdraw", "withdrawByCode", "takeOver"], says: status === 200 ? "yes" : "no" };
  },
  complete: async (room: Room, event: Event): Promise<Outcome> => {
    const { token, email } = chosen(room, event);
    const { signup_token = "" } = (await client.status(token)).body;
    const completed = await client.completeSignup(signup_token ?? "", await newestCode(email));
    return { by: ["activate", "lapse"], says: completed.ok ? "yes" : "no" };
  },
  timePasses: async (_room: Room, { length }: Event): Promise<Outcome> => {
    await advance(length * 86_400);
    return { by: ["expire", "forget", "forgetDecoy", "lapse", "takeOver", "open", "giveUp", "keep"] };
  },
  crash: async (room: Room, event: Event): Promise<Outcome> => {
    const attempt = client.command("app", "accept", { email: chosen(room, event).email }).catch(() => undefined);
    await sleep(event.length);
    await stack.servers.app.kill();
    await attempt;
    await stack.servers.app.start();
    await client.command("app", "advance_clock", { seconds: ahead });
    // A living process's attempt is left alone for a minute; of one that is gone everybody knows at once.
    await waitUntil(
      () =>
        stack.sql`select state from registration_state where opening_until is not null and email = any(${room.addresses})`,
      (rows) => rows.length === 0,
      30,
    );
    // A server that starts clears away what time has left, too.
    return { by: [...opening, "takeOver", "expire", "forget", "forgetDecoy"] };
  },
};

async function decide(command: string, room: Room, event: Event, by: readonly TransitionName[]): Promise<Outcome> {
  const { error } = await client.command("app", command, { email: chosen(room, event).email });
  // A try to open a sign-up may fail for reasons of the auth server, and has moved something all the same.
  return { by, ...(by === opening ? {} : { says: error === undefined ? "yes" : "no" }) };
}

function chosen({ tokens, addresses }: Room, { whose, which }: Event) {
  const email = addresses[whose % addresses.length] ?? "";
  const own = tokens.filter((each) => each.email === email);
  return own[which % own.length] ?? { token: "of nobody", email };
}

async function newestCode(email: string): Promise<string> {
  const { code } = await client.readCode(email);
  return code ?? "AAAAAAAA";
}

/** Seconds that the servers' clocks are ahead. */
let ahead = 0;

async function advance(seconds: number): Promise<void> {
  ahead += seconds;
  await client.advanceClocks(seconds);
}

type Row = { id: string; email: string; state: RegistrationState; whole: string };

async function rowsOf({ addresses }: Room): Promise<Row[]> {
  return stack.sql<Row[]>`select id, email, state, to_jsonb(registration_state)::text as whole from registration_state
    where email = any(${addresses}) order by id`;
}

/** Whether transitions of these lead from one state to the other, one after the other. */
function leads(by: readonly TransitionName[], from: string, to: string): boolean {
  const reached = new Set([from]);
  for (const state of reached)
    for (const name of by) {
      const transition: { from: readonly string[]; to: string } = transitions[name];
      if (transition.from.includes(state)) reached.add(transition.to === "ACTIVE" ? "[*]" : transition.to);
    }
  return reached.has(to);
}

/** Two ask for an address, one is approved and becomes a user: what must be seen whatever else chance brings. */
const theUsual: Event[] = (["request", "request", "accept", "complete"] as const).map((mover) => ({
  mover,
  whose: 0,
  which: 0,
  length: 0,
}));

let rooms = 0;

test("G1, C3: whoever moves registrations, in whatever order, with time and crashes between: each move is in the table, and whoever is refused has changed nothing", {
  timeout: patiently(120_000),
}, async () => {
  const event = fc.record({
    mover: fc.oneof(
      {
        weight: 12,
        arbitrary: fc.constantFrom(...(Object.keys(movers) as Event["mover"][]).filter((name) => name !== "crash")),
      },
      { weight: 12, arbitrary: fc.constantFrom<Event["mover"]>("request", "accept", "complete") },
      { weight: 1, arbitrary: fc.constant<Event["mover"]>("crash") },
    ),
    whose: fc.nat(1),
    which: fc.nat(3),
    length: fc.nat(16),
  });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 30 }), async (events) => {
      rooms++;
      const room: Room = { addresses: [`first-${rooms}@example.com`, `second-${rooms}@example.com`], tokens: [] };
      let before: Row[] = [];
      for (const each of events) {
        const { by, says } = await movers[each.mover](room, each);
        const after = await rowsOf(room);
        const moves = movesBetween(before, after);
        for (const [from, to] of moves)
          expect({ by: each, from, to, leads: leads(by, from, to) }).toMatchObject({ leads: true });
        if (says === "no") expect(after).toEqual(before);
        if (says === "yes") expect(moves).not.toEqual([]);
        expectOneHolder(after);
        for (const [from, to] of moves) seen.add(`${from} → ${to}`);
        before = after;
      }
    }),
    { numRuns: 12, endOnFailure: true, examples: [[theUsual]] },
  );
  // Had nothing happened, nothing would have been shown.
  expect([...seen]).toEqual(
    expect.arrayContaining(["[*] → REQUESTED", "[*] → DECOY", "REQUESTED → OPEN", "OPEN → [*]"]),
  );
});

function movesBetween(before: Row[], after: Row[]): [from: string, to: string][] {
  const ids = new Set([...before, ...after].map(({ id }) => id));
  const stateIn = (rows: Row[], id: string) => rows.find((row) => row.id === id)?.state ?? "[*]";
  return [...ids]
    .map((id): [string, string] => [stateIn(before, id), stateIn(after, id)])
    .filter(([from, to]) => from !== to);
}

function expectOneHolder(rows: Row[]): void {
  const holders = rows.filter(({ state }) => states[state].holdsAddress).map(({ email }) => email);
  expect(holders).toEqual([...new Set(holders)]);
}
