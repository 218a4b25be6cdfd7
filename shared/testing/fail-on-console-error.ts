import { format } from "node:util";
import { afterEach, beforeEach, expect, vi } from "vitest";

// What is written to console.error is a fault nobody has looked at: it fails the test it happens in.
const lines: string[] = [];

beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, "error").mockImplementation((...parts: unknown[]) => {
    lines.push(format(...parts));
  });
});

afterEach(() => {
  expect(lines, "written to console.error").toEqual([]);
});
