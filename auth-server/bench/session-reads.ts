import { type Load, type Request, runLoad } from "./load.ts";
import type { People } from "./people.ts";
import type { Plan } from "./plan.ts";
import { cpuSecondsOf } from "./processes.ts";
import type { Rig } from "./rig.ts";
import { median, medianRatio } from "./statistics.ts";

/** Medians over the rounds. */
export interface Reads extends Omit<Load, "requests"> {
  /** Microseconds a request; undefined where they cannot be read. */
  serverCpu: number | undefined;
  databaseCpu: number | undefined;
}

const subjects = ["bare", "oneQuery", "oneConnection", "auth", "oneJoin", "local"] as const;
type SubjectName = (typeof subjects)[number];

export interface Ratio {
  perSecond: number | undefined;
  serverCpu: number | undefined;
}

export interface SessionReads {
  subjects: Record<SubjectName, Reads>;
  /** The auth server over each: the median of the rounds' own ratios, because the machine changes from round to round. */
  ratios: Record<"bare" | "oneQuery" | "oneConnection", Ratio>;
  /** The auth server with users of its own, over the hand-written join. */
  localToJoin: Ratio;
}

const connections = 32;

/** A small part of the time for which a look at a user counts. */
const freshenSeconds = 0.3;

/** `get_session` against a bare route and hand-written servers, all at the same load in alternating order. */
export async function measureSessionReads(rig: Rig, people: People, plan: Plan): Promise<SessionReads> {
  const read = nextSessionRead(people);
  const next = (name: SubjectName) => (name === "bare" ? () => ({ method: "GET", path: "/" }) as const : read);
  const measure = (name: SubjectName, seconds: number) =>
    measureReads(rig, name, { next: next(name), seconds, sessions: people.sessionTokens.length });
  for (const name of subjects) await warmUp(name, () => measure(name, plan.warmupSeconds));
  const rounds = perSubject((): Reads[] => []);
  for (let round = 0; round < plan.loadRounds; round++) {
    for (const name of round % 2 === 0 ? subjects : subjects.toReversed())
      rounds[name].push(await measure(name, plan.loadSeconds));
  }
  const { bare, oneQuery, oneConnection, auth, oneJoin, local } = rounds;
  return {
    subjects: perSubject((name) => summarize(rounds[name])),
    ratios: {
      bare: compare(auth, bare),
      oneQuery: compare(auth, oneQuery),
      oneConnection: compare(auth, oneConnection),
    },
    localToJoin: compare(local, oneJoin),
  };
}

function perSubject<T>(make: (name: SubjectName) => T): Record<SubjectName, T> {
  return Object.fromEntries(subjects.map((name) => [name, make(name)])) as Record<SubjectName, T>;
}

function compare(over: Reads[], under: Reads[]): Ratio {
  const ratioOf = (figure: "perSecond" | "serverCpu") =>
    medianRatio(
      over.map((round) => round[figure]),
      under.map((round) => round[figure]),
    );
  return { perSecond: ratioOf("perSecond"), serverCpu: ratioOf("serverCpu") };
}

/** Wrong answers may be quick ones: nothing is measured on a server that gives any. */
async function warmUp(name: SubjectName, measure: () => Promise<Reads>): Promise<void> {
  const { failures } = await measure();
  if (failures > 0) throw new Error(`${name} answered ${failures} requests wrongly`);
}

/** Every session in turn. */
export function nextSessionRead({ sessionTokens }: People): () => Request {
  const headers = { "content-type": "application/json" };
  const bodies = sessionTokens.map((session_token) =>
    JSON.stringify({ action: "get_session", arguments: { session_token } }),
  );
  let index = 0;
  return () => {
    index = (index + 1) % bodies.length;
    return { method: "POST", path: "/", headers, body: bodies[index] ?? "" };
  };
}

async function measureReads(
  rig: Rig,
  name: SubjectName,
  { next, seconds, sessions }: { next: () => Request; seconds: number; sessions: number },
): Promise<Reads> {
  // The goal is about users that were looked at lately: all of them, however slow the machine, in time for the round.
  for (let read = 0; name === "auth" && read < sessions; )
    read += (await runLoad(rig.urls[name], { connections, seconds: freshenSeconds, next })).requests;
  const server = rig.programs[name].pid;
  const database = rig.databases.pid ?? 0;
  const before = { server: cpuSecondsOf(server), database: cpuSecondsOf(database) };
  const load = await runLoad(rig.urls[name], { connections, seconds, next });
  const perRequest = (from: number | undefined, to: number | undefined) =>
    from === undefined || to === undefined ? undefined : ((to - from) * 1e6) / load.requests;
  return {
    ...load,
    serverCpu: perRequest(before.server, cpuSecondsOf(server)),
    databaseCpu: perRequest(before.database, cpuSecondsOf(database)),
  };
}

export function summarize(rounds: Reads[]): Reads {
  const middle = (figure: (round: Reads) => number | undefined) => {
    const values = rounds.map(figure).filter((value) => value !== undefined);
    return values.length === 0 ? undefined : median(values);
  };
  return {
    perSecond: middle((round) => round.perSecond) ?? 0,
    p50: middle((round) => round.p50) ?? 0,
    p99: middle((round) => round.p99) ?? 0,
    failures: rounds.reduce((sum, round) => sum + round.failures, 0),
    serverCpu: middle((round) => round.serverCpu),
    databaseCpu: middle((round) => round.databaseCpu),
  };
}
