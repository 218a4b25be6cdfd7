/** What expectations may refer to beside the value itself. */
interface Surroundings {
  /** Unix seconds on the clock of the server when the request was made. */
  now: number;
  /** The object that holds the value. */
  siblings: Record<string, unknown>;
}

type Matcher = { $match: string } & Record<string, unknown>;
type Match = (matcher: Matcher, actual: unknown, around: Surroundings) => boolean;

const lower = "[abcdefghijkmnpqrstuvwxyz23456789]";
const upper = "[ABCDEFGHJKLMNPQRSTUVWXYZ23456789]";

const matches: Record<string, Match> = {
  id24: (_, actual) => isText(actual, `${lower}{24}`),
  token: (matcher, actual, { siblings }) =>
    isText(actual, `${lower}{24}\\.${lower}{24}`) &&
    String(actual).split(".")[0] === (siblings[String(matcher.id_of)] as { id?: string } | undefined)?.id,
  code8: (_, actual) => isText(actual, `${upper}{8}`),
  code12: (_, actual) => isText(actual, `${upper}{12}`),
  string: (_, actual) => typeof actual === "string" && actual !== "",
  timestamp: (matcher, actual, { now, siblings }) =>
    typeof matcher.offset_from_now === "number"
      ? actual === now + matcher.offset_from_now
      : actual === Number(siblings.created_at) + Number(matcher.offset_from_created),
  email_timestamp: (matcher, actual, { now }) => actual === inWords(now + Number(matcher.offset_from_now)),
  base64: (matcher, actual) =>
    typeof actual === "string" &&
    Buffer.from(actual, "base64").length === matcher.bytes &&
    Buffer.from(actual, "base64").toString("base64") === actual,
};

/** Compares exactly, but for the matchers in `expected`. Returns what differs, one line each; nothing when it fits. */
export function findDifferences(
  expected: unknown,
  actual: unknown,
  now: number,
  path = "",
  siblings: Record<string, unknown> = {},
): string[] {
  if (isMatcher(expected)) return applyMatcher(expected, actual, { now, siblings }, path);
  if (!isObject(expected) || !isObject(actual)) {
    const isEqual = JSON.stringify(expected) === JSON.stringify(actual);
    return isEqual ? [] : [`${path || "."}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`];
  }
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...names].flatMap((name) => {
    const at = `${path}.${name}`;
    if (!Object.hasOwn(expected, name)) return [`${at}: not expected, got ${JSON.stringify(actual[name])}`];
    if (isOptional(expected[name]) && !Object.hasOwn(actual, name)) return [];
    return findDifferences(expected[name], actual[name], now, at, actual);
  });
}

function applyMatcher(matcher: Matcher, actual: unknown, around: Surroundings, path: string): string[] {
  if (isOptional(matcher)) return findDifferences(matcher.value, actual, around.now, path, around.siblings);
  const { $match: name } = matcher;
  const match = matches[name];
  if (match === undefined) throw new Error(`The recordings use a matcher that the runner lacks: ${name}`);
  return match(matcher, actual, around) ? [] : [`${path}: ${JSON.stringify(actual)} is no ${JSON.stringify(matcher)}`];
}

function isOptional(value: unknown): boolean {
  return isMatcher(value) && value.$match === "optional";
}

function isMatcher(value: unknown): value is Matcher {
  return isObject(value) && typeof value.$match === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown, pattern: string): boolean {
  return typeof value === "string" && new RegExp(`^${pattern}$`).test(value);
}

/** Written apart from the server's own, so that a slip there shows. */
function inWords(seconds: number): string {
  const [, day, month, year, time] = new Date(seconds * 1000).toUTCString().split(" ");
  const months = "January February March April May June July August September October November December".split(" ");
  return `${months.find((name) => name.startsWith(month ?? "?"))} ${Number(day)}, ${year} ${time}`;
}
