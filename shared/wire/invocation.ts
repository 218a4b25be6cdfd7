import { isUtf8 } from "node:buffer";

/** `{"action": …, "arguments": {…}}`, as both servers are called with. */
export interface Invocation {
  action: string;
  /** Members as sent: only the called action knows which it needs and of what type. */
  arguments: Record<string, unknown>;
}

/** As deep as Go reads, and so Faroe. */
const deepest = 10_000;

/** The invocation in a request's body, or undefined when the body is not one. Unknown members are ignored. */
export function parseInvocation(body: Uint8Array): Invocation | undefined {
  const value = parseStrictJson(body);
  if (!isObject(value)) return undefined;
  const { action, arguments: given } = { ...value };
  return typeof action === "string" && isObject(given) ? { action, arguments: given } : undefined;
}

/**
 * The arguments that Faroe's actions take: texts, all of `required` and any of `optional`. Undefined when one is missing
 * or not a text.
 */
export function textArguments<R extends string, O extends string>(
  given: Record<string, unknown>,
  required: readonly R[],
  optional: readonly O[],
): (Record<R, string> & Partial<Record<O, string>>) | undefined {
  const present = optional.filter((name) => Object.hasOwn(given, name));
  const names = [...required, ...present];
  if (!names.every((name) => Object.hasOwn(given, name) && typeof given[name] === "string")) return undefined;
  return Object.fromEntries(names.map((name) => [name, given[name]])) as Record<R, string> & Record<O, string>;
}

/**
 * JSON by RFC 8259, and undefined also for what parsers disagree about: members named twice, lone surrogates, a byte
 * order mark, nesting without end. Bytes that are not UTF-8 become U+FFFD inside strings and are refused elsewhere.
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString() : decode(bytes);
  try {
    const value: unknown = JSON.parse(text);
    return isUnambiguous(text) ? value : undefined;
  } catch {
    return undefined;
  }
}

const [quote, backslash, colon] = ['"', "\\", ":"].map((sign) => sign.charCodeAt(0));

/** Half of a character may stand in valid JSON only where one of these does. */
const escapedSurrogate = /\\u[dD][89a-fA-F]/;

/** The names of members seen so far, for each object or array that is open; most objects of strangers have none. */
type Open = (Set<string> | undefined)[];

/**
 * Whether `text`, which is valid JSON, means the same to every reader. Runs for every request, also those of strangers:
 * hence the codes, and that no string is copied without a reason.
 */
function isUnambiguous(text: string): boolean {
  const mayHoldHalves = escapedSurrogate.test(text);
  const open: Open = [];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        const isNamed = isName(text, end);
        if ((isNamed || mayHoldHalves) && !isSound(stringAt(text, at, end), isNamed, open)) return false;
        at = end - 1;
        break;
      }
      case 0x5b: // [
      case 0x7b: // {
        if (open.push(undefined) > deepest) return false;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        open.pop();
        break;
    }
  }
  return true;
}

function stringAt(text: string, start: number, end: number): string {
  const plain = text.slice(start + 1, end - 1);
  return plain.includes("\\") ? (JSON.parse(`"${plain}"`) as string) : plain;
}

/** Whether a string is well-formed and, if it names a member, a new one of its object. */
function isSound(string: string, isNamed: boolean, open: Open): boolean {
  if (!string.isWellFormed()) return false;
  if (!isNamed) return true;
  const names = open.pop() ?? new Set();
  open.push(names);
  const before = names.size;
  return names.add(string).size > before;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== quote; code = text.charCodeAt(at)) at += code === backslash ? 2 : 1;
  return at + 1;
}

/** In valid JSON a colon follows nothing but the name of a member. */
function isName(text: string, end: number): boolean {
  let at = end;
  // Nothing below stands between a string and what follows it but spaces, tabs and ends of lines.
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === colon;
}

/**
 * One U+FFFD for every byte that belongs to no character, as Go decodes; TextDecoder joins some of them into one. The
 * work is the same for whatever bytes.
 */
function decode(bytes: Uint8Array): string {
  const mended = Buffer.allocUnsafe(bytes.length * replacement.length);
  let end = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    if (length === 0) {
      for (const byte of replacement) mended[end++] = byte;
      at++;
    }
    for (const next = at + length; at < next; at++) mended[end++] = bytes[at] as number;
  }
  return mended.toString("utf8", 0, end);
}

const replacement = Buffer.from("\uFFFD");

/** The forms of characters beyond ASCII (RFC 3629, section 4): their first bytes, their second bytes, their length. */
const forms: readonly [first: [number, number], second: [number, number], length: number][] = [
  [[0xc2, 0xdf], [0x80, 0xbf], 2],
  [[0xe0, 0xe0], [0xa0, 0xbf], 3],
  [[0xe1, 0xec], [0x80, 0xbf], 3],
  [[0xed, 0xed], [0x80, 0x9f], 3],
  [[0xee, 0xef], [0x80, 0xbf], 3],
  [[0xf0, 0xf0], [0x90, 0xbf], 4],
  [[0xf1, 0xf3], [0x80, 0xbf], 4],
  [[0xf4, 0xf4], [0x80, 0x8f], 4],
];
const formOf = Array.from({ length: 256 }, (_, byte) => forms.find(([[from, to]]) => byte >= from && byte <= to));

/** How many bytes the character at `at` has, 0 when none begins there. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return 1;
  const form = formOf[first];
  if (form === undefined) return 0;
  const [, [from, to], length] = form;
  const second = bytes[at + 1] ?? 0;
  if (second < from || second > to) return 0;
  for (let next = 2; next < length; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
