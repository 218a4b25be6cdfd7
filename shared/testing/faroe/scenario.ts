import { readdirSync, readFileSync } from "node:fs";
import type { User } from "../../wire/user-server.ts";
import type { Fault } from "./stub-app-server.ts";

/** A recording of Faroe v0.5.1 and of a copy with its faults mended: steps to repeat, and what each must bring. */
export interface Scenario {
  name: string;
  group: string;
  description: string;
  requires: string[];
  steps: Step[];
}

export type Step = {
  /** Which of the two variants the step was recorded of; both when absent. */
  only?: "faroe" | "fixed";
  save?: string;
} & (
  | ({ kind: "action"; action: string; arguments: Record<string, unknown> } & Expecting)
  | { kind: "email"; expect: unknown }
  | { kind: "clock"; advance_seconds: number }
  | UserStep
  | RawStep
  | ({ kind: "parallel"; action: string; arguments: Record<string, unknown>; count: number } & Expecting)
  | { kind: "email_checker"; email_address: string; deny: boolean }
  | ({ kind: "fault" } & Fault)
);

/** What Faroe does, and what the mended copy does where that differs. */
interface Expecting {
  expect: Expectation;
  expect_fixed?: Expectation;
}

export interface Expectation {
  http_status?: number;
  ok?: boolean;
  values?: unknown;
  error_code?: string;
  headers?: Record<string, string | null>;
  body?: string;
  connection_closed?: boolean;
  /** Of requests at once: per result the least and the largest number. */
  outcomes?: Record<string, [number, number]>;
}

export type RawStep = {
  kind: "raw";
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string;
  body_base64?: string;
  body_parts?: ({ text: string } | { repeat: string; times: number })[];
} & Expecting;

export type UserStep = { kind: "user"; save?: string } & (
  | { op: "create"; email_address: string; set?: Partial<User> }
  | { op: "update"; by: Partial<User>; set?: Partial<User>; increment?: string[] }
  | { op: "delete"; by: Partial<User> }
  | { op: "expect"; by: Partial<User>; expect: unknown }
);

/** All recordings, one a line in the files of their group. */
export function loadScenarios(): Scenario[] {
  const folder = new URL("vectors/", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  return files.flatMap((name) => {
    const lines = readFileSync(new URL(name, folder), "utf8").split("\n");
    return lines.filter(Boolean).map((line) => JSON.parse(line) as Scenario);
  });
}
