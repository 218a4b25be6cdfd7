import { loadavg } from "node:os";
import type { Environment } from "@anteroom/shared/runtime/settings";
import { measureAcceptance } from "./acceptance.ts";
import type { Databases } from "./database.ts";
import { measureLaunch } from "./launch.ts";
import { settlePeople } from "./people.ts";
import type { Plan } from "./plan.ts";
import { memoryOf } from "./processes.ts";
import type { Figures, StartTimes } from "./report.ts";
import { startRig } from "./rig.ts";
import { measureSessionReads } from "./session-reads.ts";
import { measureSignins } from "./signins.ts";
import { median } from "./statistics.ts";

export interface RunOptions {
  plan: Plan;
  /** Everything that is written goes here. */
  folder: string;
  /** Of whoever runs the benchmark. */
  caller: Environment;
  startDatabases: () => Promise<Databases & { stop: () => Promise<void> }>;
  /** Tells what is being measured. */
  say: (line: string) => void;
  /** Called with what ends something as soon as it has been started, so that an interrupted run leaves nothing. */
  onStarted: (stop: () => Promise<void>) => void;
}

/** Measures everything. Stopping what was started is the caller's, through `onStarted`. */
export async function runBenchmark({
  plan,
  folder,
  caller,
  startDatabases,
  say,
  onStarted,
}: RunOptions): Promise<Figures> {
  const [before = 0] = loadavg();
  let launch: Figures["launch"];
  if (plan.restSeconds > 0) {
    say("npm start, twice, and a look at its memory");
    launch = await measureLaunch(folder, plan.restSeconds, caller);
  }
  say("starting both servers");
  const databases = await startDatabases();
  onStarted(databases.stop);
  const rig = await startRig(folder, databases, plan.starts);
  onStarted(rig.stop);
  const people = await settlePeople(databases, { users: 500, sessions: 1_000 });
  say("get_session");
  const reads = await measureSessionReads(rig, people, plan);
  say("sign-in");
  const signins = await measureSignins(rig, people, plan);
  say("acceptance");
  const acceptance = await measureAcceptance(rig, people, plan);
  return {
    machineLoad: { before, after: loadavg()[0] ?? 0 },
    reads,
    signins,
    acceptance,
    starts: { auth: toStartTimes(rig.starts.auth), app: toStartTimes(rig.starts.app) },
    loaded: { auth: memoryOf(rig.programs.auth.pid), app: memoryOf(rig.programs.app.pid) },
    launch,
  };
}

function toStartTimes([first = 0, ...later]: number[]): StartTimes {
  return { first, later: later.length > 0 ? median(later) : first };
}
