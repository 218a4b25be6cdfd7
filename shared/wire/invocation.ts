import { isUtf8 } from "node:buffer";

/** `{"action": …, "arguments": {…}}`, as both servers are called with. */
export interface Invocation {
  action: string;
  /** Members as sent: only the called action knows which it needs and of what type. */
  arguments: Record<string, unknown>;
}

/** Deeper nesting than any honest request has. */
const deepest = 64;

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

const [quote, backslash] = ['"'.charCodeAt(0), "\\".charCodeAt(0)];

/** Whether `text`, which is valid JSON, means the same to every reader. Runs for every request, hence the codes. */
function isUnambiguous(text: string): boolean {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        if (!isSound(text, at, end, open.at(-1))) return false;
        at = end - 1;
        break;
      }
      case 0x5b: // [
      case 0x7b: // {
        if (open.push(new Set()) > deepest) return false;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        open.pop();
        break;
    }
  }
  return true;
}

/** Whether the string from `start` to `end` is well-formed and, if it names a member, a new one of its object. */
function isSound(text: string, start: number, end: number, names: Set<string> | undefined): boolean {
  const plain = text.slice(start + 1, end - 1);
  const string = plain.includes("\\") ? (JSON.parse(`"${plain}"`) as string) : plain;
  if (!string.isWellFormed()) return false;
  if (!isName(text, end)) return true;
  const isNew = !names?.has(string);
  names?.add(string);
  return isNew;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== quote; code = text.charCodeAt(at)) at += code === backslash ? 2 : 1;
  return at + 1;
}

/** In valid JSON a colon follows nothing but the name of a member. */
function isName(text: string, end: number): boolean {
  let at = end;
  while (" \t\n\r".includes(text[at] ?? "x")) at++;
  return text[at] === ":";
}

/** One U+FFFD for every byte that belongs to no character, as Go decodes; TextDecoder joins some of them into one. */
function decode(bytes: Uint8Array): string {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let text = "";
  for (let at = 0; at < source.length; ) {
    const length = [1, 2, 3, 4].find((count) => at + count <= source.length && isUtf8(source.subarray(at, at + count)));
    text += length === undefined ? "\uFFFD" : source.toString("utf8", at, at + length);
    at += length ?? 1;
  }
  return text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
