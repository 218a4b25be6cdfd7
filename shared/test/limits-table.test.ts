import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { securityDoc, withLimits } from "../testing/limits-table.ts";

test("S-F1, S-17: docs/security.md shows every limit as the code has it (npm run limits)", () => {
  const text = readFileSync(securityDoc, "utf8");
  expect(text).toBe(withLimits(text));
});
