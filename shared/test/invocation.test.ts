import { isUtf8 } from "node:buffer";
import { expect, test } from "vitest";
import { parseInvocation, parseStrictJson, textArguments } from "../wire/invocation.ts";

const bytes = (text: string) => Buffer.from(text);

test("an invocation is an action's name and an object of arguments; other members are ignored", () => {
  const body = bytes(' {"action":"a","x":[1,{"y":null}],"arguments":{"b":"c","d":1}}\n');
  expect(parseInvocation(body)).toEqual({ action: "a", arguments: { b: "c", d: 1 } });
});

test.each([
  ["nothing", ""],
  ["not JSON", "hello"],
  ["no object", '["action"]'],
  ["null", "null"],
  ["no action", '{"arguments":{}}'],
  ["no arguments", '{"action":"a"}'],
  ["an action that is no text", '{"action":1,"arguments":{}}'],
  ["arguments that are null", '{"action":"a","arguments":null}'],
  ["arguments that are an array", '{"action":"a","arguments":[]}'],
  ["members that only a prototype has", '{"__proto__":{"action":"a","arguments":{}}}'],
])("not an invocation: %s", (_, text) => {
  expect(parseInvocation(bytes(text))).toBeUndefined();
});

test.each([
  ["a member twice", '{"a":1,"a":1}'],
  ["a member twice, once escaped", '{"a":1,"\\u0061":1}'],
  ["a member twice in an ignored place", '{"x":[{"y":1 , "y" :2}]}'],
  ["a comma at the end of an object", '{"a":1,}'],
  ["a comma at the end of an array", "[1,]"],
  ["a lone high surrogate", '"\\ud800"'],
  ["swapped surrogates", '"\\udc00\\ud800"'],
  ["a lone surrogate in a name", '{"\\udc00":1}'],
  ["a byte order mark", "\uFEFF{}"],
  ["a space that JSON does not know", "\u00A0{}"],
  ["something after the value", "{} {}"],
  ["a raw control character", '"\t"'],
  ["a number with a bare point", "1."],
  ["a number with a leading zero", "01"],
  ["a number with a plus", "+1"],
  ["10,001 levels", "[".repeat(10_001) + "]".repeat(10_001)],
  ["a million open brackets", "[".repeat(1_000_000)],
])("JSON is refused: %s", (_, text) => {
  expect(parseStrictJson(bytes(text))).toBeUndefined();
});

test.each([
  ['{"a":{"a":1},"b":{"a":1}}', { a: { a: 1 }, b: { a: 1 } }],
  ['["a","a",":","{"]', ["a", "a", ":", "{"]],
  ['{"a":"\\"a\\":{[,","b":"\\\\"}', { a: '"a":{[,', b: "\\" }],
  ['"\\ud83d\\ude00\\u0000"', "😀\0"],
  ["[-1,-0.5e-2,1E3]", [-1, -0.005, 1000]],
  ['"\\u00e9\\ud83d\\ude00"', "é😀"],
])("JSON is taken: %s", (text, value) => {
  expect(parseStrictJson(bytes(text))).toEqual(value);
});

test("int 5: what is ignored may be nested 10,000 deep, as in Faroe", () => {
  const nested = `{"action":"a","arguments":{},"x":${"[".repeat(9_999)}${"]".repeat(9_999)}}`;
  expect(parseInvocation(bytes(nested))).toEqual({ action: "a", arguments: {} });
});

test("S-F4: every sequence of three bytes is decoded as Go does: what is no character is one U+FFFD a byte", () => {
  // Each byte that begins or ends a range of RFC 3629, section 4, and its neighbours.
  const edges = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1];
  edges.push(0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff);
  const sequences = edges.flatMap((a) =>
    edges.flatMap((b) =>
      edges.flatMap((c) => [
        [a, b, c],
        [a, b, c, 0xbf],
      ]),
    ),
  );
  for (const sequence of sequences) {
    const body = Buffer.from([quote, ...sequence, quote]);
    expect(parseStrictJson(body), Buffer.from(sequence).toString("hex")).toBe(decodedByRule(sequence));
  }
});

const quote = 0x22;

/** The same from the definition: the shortest valid beginning is a character, any other byte is none. */
function decodedByRule(sequence: readonly number[]): string {
  if (sequence.length === 0) return "";
  const length = [1, 2, 3, 4].find(
    (count) => count <= sequence.length && isUtf8(Buffer.from(sequence.slice(0, count))),
  );
  const first = length === undefined ? "\uFFFD" : Buffer.from(sequence.slice(0, length)).toString();
  return first + decodedByRule(sequence.slice(length ?? 1));
}

test("bytes that are not UTF-8 become one U+FFFD each inside strings and are refused elsewhere", () => {
  expect(parseStrictJson(Buffer.from("22e282aceea2f0908022ff", "hex").subarray(0, 10))).toBe(
    "€\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD",
  );
  expect(parseStrictJson(Buffer.from("ff22", "hex"))).toBeUndefined();
  expect(parseStrictJson(Buffer.from("22eda08022", "hex"))).toBe("\uFFFD\uFFFD\uFFFD");
});

test("textArguments wants every named argument as a text and leaves others out", () => {
  expect(textArguments({ a: "", b: 1 }, ["a"], ["c"])).toEqual({ a: "" });
  expect(textArguments({ a: "1", c: "2" }, ["a"], ["c"])).toEqual({ a: "1", c: "2" });
  expect(textArguments({ a: "1", c: 2 }, ["a"], ["c"])).toBeUndefined();
  expect(textArguments({ c: "2" }, ["a"], ["c"])).toBeUndefined();
  expect(textArguments({}, ["toString"], [])).toBeUndefined();
});
