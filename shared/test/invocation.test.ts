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
  ["65 levels", "[".repeat(65) + "]".repeat(65)],
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
  ["[".repeat(64) + "]".repeat(64), JSON.parse("[".repeat(64) + "]".repeat(64))],
])("JSON is taken: %s", (text, value) => {
  expect(parseStrictJson(bytes(text))).toEqual(value);
});

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
