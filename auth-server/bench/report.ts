import { availableParallelism, cpus } from "node:os";
import type { Acceptance } from "./acceptance.ts";
import type { Launch } from "./launch.ts";
import type { Memory } from "./processes.ts";
import type { Ratio, Reads, SessionReads } from "./session-reads.ts";
import type { Signins } from "./signins.ts";

/** Everything that was measured. */
export interface Figures {
  /** Load averages of the machine: around the run itself at most 2 or so; with more, others were at work all the while. */
  machineLoad: { before: number; after: number };
  reads: SessionReads;
  signins: Signins;
  acceptance: Acceptance;
  /** Milliseconds from spawning to the first answer: the first time, and the median of the later ones. */
  starts: { auth: StartTimes; app: StartTimes };
  /** After all load. */
  loaded: { auth: Memory | undefined; app: Memory | undefined };
  launch: Launch | undefined;
}

export interface StartTimes {
  first: number;
  later: number;
}

/** The figures as Markdown: what they were measured on, the goals with their verdicts, and the figures behind them. */
export function render(figures: Figures, date: Date): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const { before, after } = figures.machineLoad;
  const parts = [
    `${date.toISOString().slice(0, 10)}, Node ${process.versions.node}, ${availableParallelism()} cores (${model}), load average ${before.toFixed(1)} before, ${after.toFixed(1)} after.`,
    table(["goal", "measured", "asked for", "met"], goalsOf(figures).map(renderGoal)),
    renderReads(figures),
    renderAcceptance(figures.acceptance),
    renderProcesses(figures),
  ];
  return `${parts.join("\n\n")}\n`;
}

interface Goal {
  what: string;
  value: number | undefined;
  limit: number;
  atLeast?: true;
  unit?: string;
  digits?: number;
}

export function goalsOf({ reads, signins, acceptance, starts, launch, loaded }: Figures): Goal[] {
  const { one, raw, atOnce } = acceptance;
  const { ratios, localToJoin } = reads;
  return [
    { what: "`get_session` / hand-written", value: ratios.oneQuery.perSecond, limit: 0.95, atLeast: true },
    { what: "… server CPU", value: ratios.oneQuery.serverCpu, limit: 1.15 },
    { what: "… own users, every time / hand-written join", value: localToJoin.perSecond, limit: 0.95, atLeast: true },
    { what: "… server CPU", value: localToJoin.serverCpu, limit: 1.15 },
    { what: "`get_session` while 8 clients sign in, p50", value: signins.reads.p50, limit: 2, unit: "ms" },
    { what: "… p99", value: signins.reads.p99, limit: 25, unit: "ms" },
    { what: "… a second", value: signins.reads.perSecond, limit: 2_000, atLeast: true, digits: 0 },
    { what: "sign-in / bare argon2id", value: signins.toRaw, limit: 0.9, atLeast: true },
    { what: "acceptance over its raw round trips", value: one.p50 - raw.sum, limit: 10, unit: "ms" },
    { what: "acceptance / its raw round trips", value: one.p50 / raw.sum, limit: 1.3 },
    { what: `${atOnce.size} acceptances at once: failures`, value: atOnce.failures, limit: 0, digits: 0 },
    { what: "… p99 / p50", value: atOnce.p99 / atOnce.p50, limit: 10 },
    { what: "auth server to first answer", value: starts.auth.later, limit: 300, unit: "ms", digits: 0 },
    { what: "app server to first answer", value: starts.app.later, limit: 300, unit: "ms", digits: 0 },
    ...launchGoals(launch),
    { what: "auth server after the load, RSS", value: loaded.auth?.rss, limit: 200, unit: "MiB", digits: 0 },
    { what: "app server after the load, RSS", value: loaded.app?.rss, limit: 200, unit: "MiB", digits: 0 },
  ];
}

function launchGoals(launch: Launch | undefined): Goal[] {
  if (launch === undefined) return [];
  const { memory } = launch;
  const pss = memory && memory.auth.pss + memory.app.pss + memory.postgres.pss;
  // The goal is in MB.
  const megabytes = pss && (pss * 1024 * 1024) / 1e6;
  return [
    { what: "`npm start` to ready, first", value: launch.first / 1000, limit: 5, unit: "s" },
    { what: "`npm start` to ready, later", value: launch.later / 1000, limit: 3, unit: "s" },
    { what: "both servers and PostgreSQL at rest, PSS", value: megabytes, limit: 300, unit: "MB", digits: 0 },
    { what: "auth server at rest, RSS", value: memory?.auth.rss, limit: 90, unit: "MiB", digits: 0 },
    { what: "app server at rest, RSS", value: memory?.app.rss, limit: 90, unit: "MiB", digits: 0 },
  ];
}

function renderGoal({ what, value, limit, atLeast, unit = "", digits = 2 }: Goal): string[] {
  const asked = `${atLeast ? "≥" : "≤"} ${limit} ${unit}`;
  if (value === undefined) return [what, "–", asked, "–"];
  const isMet = atLeast ? value >= limit : value <= limit;
  return [what, `${value.toFixed(digits)} ${unit}`, asked, isMet ? "yes" : "**no**"];
}

function renderReads({ reads, signins }: Figures): string {
  const { bare, oneQuery, oneConnection, auth, oneJoin, local } = reads.subjects;
  const row = (what: string, { perSecond, p50, p99, serverCpu, databaseCpu, failures }: Reads) => [
    what,
    perSecond.toFixed(0),
    `${p50.toFixed(1)} / ${p99.toFixed(1)}`,
    serverCpu?.toFixed(0) ?? "–",
    databaseCpu?.toFixed(0) ?? "–",
    String(failures),
  ];
  const rows = [
    row("bare Hono, constant JSON", bare),
    row("hand-written, one query, pool of ten", oneQuery),
    row("hand-written, one query, one connection", oneConnection),
    row("auth server, `get_session`", auth),
    row("hand-written, one join, pool of ten", oneJoin),
    row("auth server with users of its own", local),
    row(`… ${signins.readers} connections, 8 clients signing in`, signins.reads),
    ["sign-in, 8 clients", signins.perSecond.toFixed(1), "", "", "", ""],
    ["bare argon2id, one a core", signins.rawPerSecond.toFixed(1), "", "", "", ""],
  ];
  const head = ["32 connections", "a second", "p50 / p99 ms", "server CPU µs", "PostgreSQL CPU µs", "failures"];
  const share = ({ perSecond }: Ratio) => perSecond?.toFixed(2) ?? "–";
  const { bare: toBare, oneConnection: toOne } = reads.ratios;
  const shares = `\`get_session\` comes to ${share(toBare)} of the bare route and ${share(toOne)} of the single connection.`;
  return `${table(head, rows)}\n\n${shares}`;
}

function renderAcceptance({ one, raw, atOnce }: Acceptance): string {
  const rows = [
    [`acceptance, one after the other (${one.count})`, one.p50, one.p99],
    ["its raw round trips", raw.sum],
    ["… an HTTP request", raw.http],
    ["… a read", raw.read],
    ["… a write", raw.write],
    ["… a transaction of three writes", raw.transaction],
    [`acceptance, ${atOnce.size} at once`, atOnce.p50, atOnce.p99],
  ] as const;
  return table(
    ["acceptance", "p50 ms", "p99 ms"],
    rows.map(([what, p50, p99]) => [what, p50.toFixed(2), p99?.toFixed(2) ?? ""]),
  );
}

function renderProcesses({ starts, launch, loaded }: Figures): string {
  const memory = launch?.memory;
  const cells = (at: Memory | undefined) => [at?.rss.toFixed(0) ?? "–", at?.pss.toFixed(0) ?? "–"];
  const rows = [
    ["auth server", ...cells(memory?.auth), ...cells(loaded.auth), startCell(starts.auth)],
    ["app server", ...cells(memory?.app), ...cells(loaded.app), startCell(starts.app)],
    [`PostgreSQL (${memory?.postgres.processes ?? "–"} processes)`, ...cells(memory?.postgres), "", "", ""],
    ["npm and the launcher", ...cells(memory?.launcher), "", "", launch ? startCell(launch) : "–"],
  ];
  return table(["MiB", "at rest RSS", "PSS", "after load RSS", "PSS", "start ms, first / later"], rows);
}

function startCell({ first, later }: StartTimes): string {
  return `${first.toFixed(0)} / ${later.toFixed(0)}`;
}

/** A Markdown table that is readable as it stands. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n");
}
