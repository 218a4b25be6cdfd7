import { writeFile } from "node:fs/promises";
import type { Dispatcher, Pool } from "undici";
import { findDifferences } from "./matching.ts";
import { fillIn, type Saved } from "./placeholders.ts";
import type { Expectation, RawStep, Scenario, Step, UserStep } from "./scenario.ts";
import { addUser, type StubAppServer } from "./stub-app-server.ts";

/** A running server to replay recordings against, and what surrounds it. */
export interface Station {
  server: Pool;
  app: StubAppServer;
  /** Of the server; one address a line. */
  emailBlocklist: string;
  /** `POST /command` of the server. */
  command(body: object): Promise<void>;
}

interface Replay extends Station {
  saved: Saved;
  /** The server's clock, which stands still. */
  now: number;
  denied: Set<string>;
}

interface Reply {
  status: number;
  headers: Dispatcher.ResponseData["headers"];
  text: string;
}

/** Repeats a scenario from an empty server on. Throws at the first step that brings something else than recorded. */
export async function replay(scenario: Scenario, station: Station): Promise<void> {
  const state: Replay = { ...station, saved: {}, now: 1_790_000_000, denied: new Set() };
  station.app.reset();
  await writeFile(station.emailBlocklist, "");
  await station.command({ command: "reset" });
  await station.command({ command: "set_clock", now: state.now });
  for (const [index, step] of scenario.steps.entries()) {
    if (step.only === "faroe") continue;
    const differences = await carryOut(state, step);
    if (differences.length > 0)
      throw new Error(`${scenario.name}, step ${index} (${step.kind}):\n${differences.join("\n")}`);
  }
  if (station.app.mailbox.length > 0) throw new Error(`${scenario.name}: a mail was sent that nobody expected.`);
  if (station.app.faults.length > 0) throw new Error(`${scenario.name}: a fault did not happen.`);
}

async function carryOut(state: Replay, step: Step): Promise<string[]> {
  switch (step.kind) {
    case "action":
      return checkReply(state, step, await send(state, { action: step.action, arguments: step.arguments }));
    case "raw":
      return checkReply(state, step, await sendRaw(state, step));
    case "parallel":
      return runAtOnce(state, step);
    case "email":
      return checkEmail(state, step);
    case "clock":
      return moveClock(state, step.advance_seconds);
    case "user":
      return changeUser(state, step);
    case "email_checker":
      return changeBlocklist(state, step);
    case "fault": {
      const { kind, ...fault } = step;
      state.app.faults.push(fault);
      return [];
    }
    default:
      throw new Error(`The recordings use a step that the runner lacks: ${JSON.stringify(step)}`);
  }
}

async function send({ server, app, saved }: Replay, invocation: object): Promise<Reply | string> {
  if (app.mailbox.length > 0) return `before the request: unread mail ${JSON.stringify(app.mailbox[0])}`;
  return request(server, "POST", "/", {}, JSON.stringify(fillIn(invocation, saved)));
}

async function sendRaw({ server, app, saved }: Replay, step: RawStep): Promise<Reply | string> {
  if (app.mailbox.length > 0) return `before the request: unread mail ${JSON.stringify(app.mailbox[0])}`;
  return request(server, step.method, step.path, step.headers ?? {}, bodyOf(step, saved));
}

async function request(
  server: Pool,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | Buffer | null,
): Promise<Reply> {
  const response = await server.request({ method: method as Dispatcher.HttpMethod, path, headers, body });
  return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
}

function bodyOf(step: RawStep, saved: Saved): string | Buffer | null {
  if (step.body !== undefined) return String(fillIn(step.body, saved));
  if (step.body_base64 !== undefined) return Buffer.from(step.body_base64, "base64");
  if (step.body_parts === undefined) return null;
  return step.body_parts
    .map((part) => ("text" in part ? fillIn(part.text, saved) : part.repeat.repeat(part.times)))
    .join("");
}

function checkReply(
  state: Replay,
  step: { expect: Expectation; expect_fixed?: Expectation; save?: string },
  reply: Reply | string,
): string[] {
  if (typeof reply === "string") return [reply];
  const expected = step.expect_fixed ?? step.expect;
  const differences =
    reply.status === expected.http_status ? [] : [`status ${reply.status}: ${reply.text.slice(0, 200)}`];
  for (const [name, value] of Object.entries(expected.headers ?? {}))
    if ((reply.headers[name] ?? null) !== value) differences.push(`header ${name}: ${reply.headers[name]}`);
  if (expected.body !== undefined && reply.text !== expected.body)
    differences.push(`body: ${reply.text.slice(0, 200)}`);
  if (expected.ok !== undefined) differences.push(...checkResult(state, step.save, expected, reply));
  return differences;
}

function checkResult(state: Replay, save: string | undefined, expected: Expectation, reply: Reply): string[] {
  if (reply.headers["content-type"] !== "application/json") return [`content type: ${reply.headers["content-type"]}`];
  const body = JSON.parse(reply.text) as { values?: unknown };
  if (save !== undefined) state.saved[save] = body.values;
  const { ok, values, error_code } = fillIn(expected, state.saved);
  const envelope = { ok, action_invocation_id: { $match: "id24" }, ...(ok ? { values } : { error_code }) };
  return findDifferences(envelope, body, state.now);
}

async function runAtOnce(state: Replay, step: Extract<Step, { kind: "parallel" }>): Promise<string[]> {
  const replies = await Promise.all(
    Array.from({ length: step.count }, (_, i) =>
      send({ ...state, saved: { ...state.saved, i } }, { action: step.action, arguments: step.arguments }),
    ),
  );
  state.app.mailbox.length = 0;
  const counts: Record<string, number> = {};
  for (const reply of replies) {
    if (typeof reply === "string") return [reply];
    const body = JSON.parse(reply.text) as { ok: boolean; error_code: string; values: unknown };
    const outcome = body.ok ? "ok" : body.error_code;
    if (body.ok && counts.ok === undefined && step.save !== undefined) state.saved[step.save] = body.values;
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return checkCounts(counts, (step.expect_fixed ?? step.expect).outcomes ?? {});
}

function checkCounts(counts: Record<string, number>, allowed: Record<string, [number, number]>): string[] {
  return [...new Set([...Object.keys(counts), ...Object.keys(allowed)])].flatMap((outcome) => {
    const [least, most] = allowed[outcome] ?? [0, 0];
    const count = counts[outcome] ?? 0;
    return count >= least && count <= most ? [] : [`${outcome} came ${count} times, not ${least} to ${most}`];
  });
}

function checkEmail(state: Replay, step: { expect: unknown; save?: string }): string[] {
  const email = state.app.mailbox.shift();
  if (step.save !== undefined) state.saved[step.save] = email;
  return email === undefined
    ? ["no mail was sent"]
    : findDifferences(fillIn(step.expect, state.saved), email, state.now);
}

async function moveClock(state: Replay, seconds: number): Promise<string[]> {
  state.now += seconds;
  await state.command({ command: "advance_clock", seconds });
  return [];
}

function changeUser(state: Replay, given: UserStep): string[] {
  const step = fillIn(given, state.saved);
  const { users } = state.app;
  if (step.op === "create") {
    const user = addUser(state.app, { email_address: step.email_address, ...step.set });
    if (step.save !== undefined) state.saved[step.save] = user;
    return [];
  }
  const by = Object.entries(step.by) as [keyof (typeof users)[number], unknown][];
  const user = users.find((one) => by.every(([name, value]) => one[name] === value));
  if (step.op === "expect") {
    if (step.save !== undefined) state.saved[step.save] = user && { ...user };
    return findDifferences(step.expect, user ?? null, state.now);
  }
  if (user === undefined) return ["there is no such user"];
  if (step.op === "delete") users.splice(users.indexOf(user), 1);
  else {
    Object.assign(user, step.set);
    for (const name of step.increment ?? []) user[name as "sessions_counter"] += 1;
  }
  return [];
}

async function changeBlocklist(
  { denied, emailBlocklist }: Replay,
  step: { email_address: string; deny: boolean },
): Promise<string[]> {
  if (step.deny) denied.add(step.email_address);
  else denied.delete(step.email_address);
  await writeFile(emailBlocklist, [...denied].join("\n"));
  return [];
}
