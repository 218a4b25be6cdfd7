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

export type SubjectName = "bare" | "oneQuery" | "oneConnection" | "auth";

export interface SessionReads {
  subjects: Record<SubjectName, Reads>;
  /**
   * The auth server's figures over those of the others: the median of the rounds' own ratios, because what else the
   * machine does changes from round to round.
   */
  ratios: Record<Exclude<SubjectName, "auth">, { perSecond: number | undefined; serverCpu: number | undefined }>;
}

const connections = 32;

/** `get_session` against a bare route and hand-written servers, all at the same load in alternating order. */
export async function measureSessionReads(rig: Rig, people: People, plan: Plan): Promise<SessionReads> {
  const next = nextSessionRead(people);
  const subjects: [SubjectName, () => Request][] = [
    ["bare", () => ({ method: "GET", path: "/" })],
    ["oneQuery", next],
    ["oneConnection", next],
    ["auth", next],
  ];
  for (const [name, request] of subjects) await warmUp(rig, name, request, plan.warmupSeconds);
  const rounds: Record<SubjectName, Reads[]> = { bare: [], oneQuery: [], oneConnection: [], auth: [] };
  for (let round = 0; round < plan.loadRounds; round++) {
    for (const [name, request] of round % 2 === 0 ? subjects : subjects.toReversed())
      rounds[name].push(await measure(rig, name, request, plan.loadSeconds));
  }
  return compare(rounds);
}

function compare(rounds: Record<SubjectName, Reads[]>): SessionReads {
  const subjects = {
    bare: summarize(rounds.bare),
    oneQuery: summarize(rounds.oneQuery),
    oneConnection: summarize(rounds.oneConnection),
    auth: summarize(rounds.auth),
  };
  const to = (other: Reads[]) => ({
    perSecond: medianRatio(
      rounds.auth.map((round) => round.perSecond),
      other.map((round) => round.perSecond),
    ),
    serverCpu: medianRatio(
      rounds.auth.map((round) => round.serverCpu),
      other.map((round) => round.serverCpu),
    ),
  });
  const { bare, oneQuery, oneConnection } = rounds;
  return { subjects, ratios: { bare: to(bare), oneQuery: to(oneQuery), oneConnection: to(oneConnection) } };
}

/** Wrong answers may be quick ones: nothing is measured on a server that gives any. */
async function warmUp(rig: Rig, name: SubjectName, next: () => Request, seconds: number): Promise<void> {
  const { failures } = await measure(rig, name, next, seconds);
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

async function measure(rig: Rig, name: SubjectName, next: () => Request, seconds: number): Promise<Reads> {
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
