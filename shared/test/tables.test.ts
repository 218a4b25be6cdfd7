import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fileOf, printed, withTable } from "../testing/tables/main.ts";

test.each(printed)(
  "S-F1, S-17, C3, C5: docs/$document shows the $what as the code has them (npm run tables)",
  (one) => {
    const text = readFileSync(fileOf(one), "utf8");
    expect(text).toBe(withTable(text, one));
  },
);
