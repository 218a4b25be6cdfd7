import { domainOf } from "@anteroom/shared/wire/email-address";
import { oneLine } from "@anteroom/shared/wire/text";
import { Liquid } from "liquidjs";
import { expect, test } from "vitest";
import { escapeHtml } from "../src/html.ts";

test("S-47: what we write into HTML is escaped as the engine of templates does it, for attributes of either quote", () => {
  const hostile = `<a href='x' title="y">&amp; & </a>`;
  const engine = new Liquid({ outputEscape: "escape" });
  expect(escapeHtml(hostile)).toBe(engine.parseAndRenderSync("{{ hostile }}", { hostile }));
  expect(escapeHtml(hostile)).not.toMatch(/[<>"']/);
});

test.each([
  [
    "line ends and control characters become a space",
    "550 5.1.1\r\nno\u0000such\u001b[31m\u2028user\u0085",
    "550 5.1.1 no such [31m user",
  ],
  ["what turns text around or is not seen goes", "\ufeff5\u200b5\u202e0\u2066 \u00adno", "550 no"],
  ["spaces around what goes become one", "a \u202e b\u00a0\u3000c", "a b c"],
  ["joiners of scripts and emoji stay", "نیم\u200cفاصله 👩\u200d🚀", "نیم\u200cفاصله 👩\u200d🚀"],
  ["half a character is replaced", "Ada \ud800", "Ada \ufffd"],
])("mail: of words from outside, %s", (_, words, line) => {
  expect(oneLine(words)).toBe(line);
});

test("mail: words from outside are cut between characters, with an ellipsis", () => {
  expect(oneLine("😀".repeat(500))).toBe("😀".repeat(500));
  expect(oneLine("😀".repeat(501))).toBe(`${"😀".repeat(499)}…`);
  expect(oneLine("abcdef", 4)).toBe("abc…");
});

test.each([
  ["ada@example.com", "example.com"],
  ['"ada@home"@example.com', "example.com"],
  ["nobody", "nobody"],
  ["ada@", "unknown"],
  [`ada@${"x".repeat(900)}`, "x".repeat(255)],
])("mail: whatever is waited for has a domain to be counted under: %s", (address, domain) => {
  expect(domainOf(address)).toBe(domain);
});
