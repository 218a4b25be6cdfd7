import { pino } from "pino";
import { beforeEach, expect, test } from "vitest";
import { inRequest } from "../runtime/http/request-scope.ts";
import { createSecurityEvents } from "../runtime/security-events.ts";

const lines: Record<string, unknown>[] = [];
const log = pino({ level: "info" }, { write: (line) => void lines.push(JSON.parse(line)) });
const [ours, theirs] = ["a key of one installation", "that of another one"].map((key) =>
  createSecurityEvents(log, Buffer.from(key)),
) as [ReturnType<typeof createSecurityEvents>, ReturnType<typeof createSecurityEvents>];

beforeEach(() => void lines.splice(0));

test("S-F5: a mail address is a keyed hash in the log: one for all its spellings, and another one elsewhere", () => {
  for (const events of [ours, theirs])
    for (const address of ["ada@example.com", " Ada@Example.com"])
      events.record("authn_token_created", { address, outcome: "ok" });
  const hashes = lines.map(({ address }) => address);
  expect(hashes).toEqual([
    expect.stringMatching(/^[\w-]{16}$/),
    hashes[0],
    expect.stringMatching(/^[\w-]{16}$/),
    hashes[2],
  ]);
  expect(hashes[0]).not.toBe(hashes[2]);
  expect(lines.map(({ event }) => event)).toEqual(hashes.map((hash) => `authn_token_created:${hash}`));
});

test("S-F5: what strangers can cause without end is told once for each caller, action and outcome", () => {
  const record = (caller: string, action: string, outcome: string) =>
    inRequest({ id: "id", caller, userAgent: "" }, () => ours.record("authz_fail", { action, outcome }));
  for (let time = 0; time < 3; time++) {
    record("192.0.2.1", "/one", "no_session");
    record("192.0.2.2", "/one", "no_session");
    record("192.0.2.1", "/two", "no_session");
    record("192.0.2.1", "/one", "missing_permission");
  }
  expect(lines).toHaveLength(4);
  for (let time = 0; time < 3; time++) ours.record("user_deleted", { user: "ada" });
  expect(lines).toHaveLength(7);
});
