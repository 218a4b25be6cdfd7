import { networkInterfaces } from "node:os";
import { distance } from "fastest-levenshtein";
import ipaddr from "ipaddr.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every fault found in the settings, one line each, naming the variable and the remedy. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(`Settings need attention:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`);
    this.faults = faults;
  }
}

export type SettingsReader = ReturnType<typeof createSettingsReader>;

/**
 * Reads typed values out of environment variables. A fault is noted and a stand-in returned, so that one start reports
 * all of them; `finish` throws if there were any.
 */
export function createSettingsReader(environment: Environment) {
  let faults: string[] = [];
  let given = environment;
  const known = new Set<string>();

  function get(name: string): string | undefined {
    known.add(name);
    return given[name] || undefined;
  }

  function read<T>(name: string, parse: (text: string) => T | undefined, fallback: T, expected: string): T {
    const text = get(name);
    if (text === undefined) return fallback;
    const value = parse(text);
    if (value !== undefined) return value;
    faults.push(`${name} is not ${expected}.`);
    return fallback;
  }

  /** Secrets, the newest first: `new,old`. The first is used, all are understood. */
  function readSecrets<T>(name: string, parse: (text: string) => T | undefined, expected: string): T[] {
    const secrets = split(get(name) ?? "").map(parse);
    const isEmpty = get(name) !== undefined && secrets.length === 0;
    if (secrets.includes(undefined) || isEmpty) faults.push(`${name} is too short or too regular: give ${expected}.`);
    return secrets.filter((secret): secret is Exclude<typeof secret, undefined> => secret !== undefined) as T[];
  }

  return {
    optionalText: get,
    ...typedReaders(read),
    /** Required: at least 32 bytes each in base64. */
    secrets: (name: string): Secrets => {
      const expected = "at least 32 random bytes as base64 (openssl rand -base64 32)";
      const [newest, ...older] = readSecrets(name, parseKey, expected);
      if (newest) return [newest, ...older];
      if (get(name) === undefined) faults.push(`${name} is missing: give ${expected}.`);
      return [Buffer.alloc(32)];
    },
    /** Texts that others send; none where nobody has to. */
    passphrases: (name: string): readonly string[] =>
      readSecrets(name, parsePassphrase, "at least 32 characters (openssl rand -base64 32)"),
    /** A value without a default. */
    required: (name: string, expected: string): string => {
      const text = get(name);
      if (!text) faults.push(`${name} is missing: give ${expected}.`);
      return text ?? "";
    },
    /** Settings that belong to something switched off: known, and of no consequence. */
    ignore: (readAll: () => unknown): undefined => {
      const before = { faults, given };
      [faults, given] = [[], {}];
      readAll();
      ({ faults, given } = before);
    },
    fault: (line: string) => void faults.push(line),
    /** @param prefixes of names that only this reader knows */
    finish: (...prefixes: string[]) => {
      faults.push(...prefixes.flatMap((prefix) => findUnknown(environment, prefix, known)));
      if (faults.length > 0) throw new SettingsError(faults);
    },
  };
}

type Read = <T>(name: string, parse: (text: string) => T | undefined, fallback: T, expected: string) => T;

/** One for each type of value. */
function typedReaders(read: Read) {
  return {
    text: (name: string, fallback: string) => read(name, (text) => text, fallback, "a text"),
    integer: (name: string, fallback: number, minimum: number, maximum: number) =>
      read(name, integerBetween(minimum, maximum), fallback, `a whole number from ${minimum} to ${maximum}`),
    port: (name: string, fallback: number) =>
      read(name, integerBetween(0, 65_535), fallback, "a port, 0 to 65535 (0 takes a free one)"),
    flag: (name: string, fallback: boolean) => read(name, parseFlag, fallback, "true or false"),
    choice: <T extends string>(name: string, choices: readonly T[], fallback: T): T =>
      read(name, (text) => choices.find((choice) => choice === text), fallback, `one of ${choices.join(", ")}`),
    list: (name: string, fallback: string): readonly string[] => read(name, split, split(fallback), "a list"),
    /** Seconds, written as in `90s`, `20m`, `24h`, `90d`. */
    duration: (name: string, fallback: string) =>
      read(name, parseDuration, parseDuration(fallback) ?? 0, "a duration such as 90s, 20m, 24h or 90d"),
    origin: (name: string, fallback: string) =>
      read(name, parseOrigin, fallback, "an origin such as https://people.example (no path)"),
    origins: (name: string, fallback: readonly string[]) =>
      read(name, (text) => every(split(text), parseOrigin), fallback, "a comma-separated list of origins"),
    baseUrl: (name: string, fallback: string) =>
      read(name, parseBaseUrl, parseBaseUrl(fallback) ?? fallback, "an http or https URL"),
    /** A page's address, with its path and query as they are given. */
    webUrl: (name: string) =>
      read<string | undefined>(
        name,
        parseWebUrl,
        undefined,
        "an https URL (http on this machine only), without a user",
      ),
    /** Addresses and CIDRs, for instance of proxies. */
    networks: (name: string) =>
      read<readonly Network[]>(name, (text) => every(split(text), parseNetwork), [], "a list of addresses or CIDRs"),
    /** In small letters. */
    headerName: (name: string, fallback: string) =>
      read(name, parseHeaderName, fallback, "the name of a header, such as x-forwarded-for"),
  };
}

/** The newest first. */
export type Secrets = readonly [Buffer, ...Buffer[]];

/** What begins with `prefix` and was not asked for is a slip of the pen, or a switch that does nothing. */
function findUnknown(environment: Environment, prefix: string, known: ReadonlySet<string>): string[] {
  const names = Object.keys(environment).filter((name) => name.startsWith(prefix) && environment[name]);
  return names.filter((name) => !known.has(name)).map((name) => `${name} is not a setting.${suggestion(name, known)}`);
}

/** What a misspelt name may have meant. */
function suggestion(name: string, known: ReadonlySet<string>): string {
  const [nearest] = [...known]
    .map((candidate) => ({ candidate, steps: distance(name, candidate) }))
    .filter(({ steps }) => steps <= Math.max(2, name.length / 4))
    .sort((a, b) => a.steps - b.steps);
  return nearest ? ` Did you mean ${nearest.candidate}?` : " docs/configuration.md lists them all.";
}

/** What both servers share, under names that differ by prefix only. */
export function readCommonSettings(reader: SettingsReader, prefix: "AUTH" | "BACKEND", ports: [number, number]) {
  const privateHost = reader.text(`${prefix}_PRIVATE_HOST`, defaultPrivateHost());
  const internalSecrets = reader.passphrases("INTERNAL_SECRET");
  if (reader.optionalText("INTERNAL_SECRET") === undefined && !isLoopback(privateHost))
    reader.fault(`${prefix}_PRIVATE_HOST is ${privateHost}, which others can reach: set INTERNAL_SECRET as well.`);
  const secrets = reader.secrets(`${prefix}_SECRET`);
  const testMode = reader.choice("TEST_MODE", ["on", "off"], "off") === "on";
  if (testMode && reader.optionalText("NODE_ENV") === "production")
    reader.fault(
      "TEST_MODE is on and NODE_ENV is production: test commands can erase everything, so unset one of them.",
    );
  return {
    host: reader.text(`${prefix}_HOST`, "127.0.0.1"),
    port: reader.port(`${prefix}_PORT`, ports[0]),
    privateHost,
    privatePort: reader.port(`${prefix}_PRIVATE_PORT`, ports[1]),
    databaseUrl: reader.required(`${prefix}_DATABASE_URL`, "the PostgreSQL URL of this server's own database"),
    databasePool: reader.integer(`${prefix}_DATABASE_POOL`, 10, 1, 200),
    secrets,
    /** What keys are derived from: the kept one, once the server has opened it (kept-secret.ts). */
    secret: secrets[0],
    /** The first is sent, all are taken; none: whoever reaches the private listener may call. */
    internalSecrets,
    ipLimits: reader.choice(`${prefix}_IP_LIMITS`, ["on", "off"], "on") === "on",
    trustedProxies: reader.networks("TRUSTED_PROXIES"),
    trustedProxyHeader: reader.headerName("TRUSTED_PROXY_HEADER", "x-forwarded-for"),
    testMode,
    logLevel: reader.choice("LOG_LEVEL", ["trace", "debug", "info", "warn", "error", "fatal", "silent"], "info"),
  };
}

export type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** 127.0.0.2 keeps private listeners apart from public ones; macOS has only 127.0.0.1 unless told otherwise. */
export function defaultPrivateHost(): string {
  const names = Object.values(networkInterfaces()).flat();
  const hasWholeLoopback = names.some((entry) => entry?.address === "127.0.0.1" && entry.netmask === "255.0.0.0");
  return hasWholeLoopback && process.platform === "linux" ? "127.0.0.2" : "127.0.0.1";
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || (ipaddr.isValid(host) && ipaddr.process(host).range() === "loopback");
}

export function parseDuration(text: string): number | undefined {
  const match = /^(\d+)(s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  return Number(match[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[match[2] as "s" | "m" | "h" | "d"];
}

function integerBetween(minimum: number, maximum: number) {
  return (text: string) => {
    const value = Number(text);
    return /^\d+$/.test(text) && value >= minimum && value <= maximum ? value : undefined;
  };
}

export function parseFlag(text: string): boolean | undefined {
  return { true: true, on: true, false: false, off: false }[text.toLowerCase()];
}

function parseOrigin(text: string): string | undefined {
  const url = URL.parse(text);
  return url && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, "") ? url.origin : undefined;
}

function parseWebUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return undefined;
  const isOwnMachine = isLoopback(url.hostname.replace(/^\[|\]$/g, ""));
  return url.protocol === "https:" || (url.protocol === "http:" && isOwnMachine) ? url.href : undefined;
}

function parseBaseUrl(text: string): string | undefined {
  const url = URL.parse(text);
  return url && /^https?:$/.test(url.protocol) ? url.href.replace(/\/$/, "") : undefined;
}

function parseNetwork(text: string): Network | undefined {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  if (!ipaddr.isValid(text)) return undefined;
  const address = ipaddr.process(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}

function parseHeaderName(text: string): string | undefined {
  return /^[a-z][a-z0-9-]*$/i.test(text) ? text.toLowerCase() : undefined;
}

function parseKey(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return isStrong(bytes) ? bytes : undefined;
}

function parsePassphrase(text: string): string | undefined {
  return isStrong(Buffer.from(text)) ? text : undefined;
}

/** Refuses what people paste from examples: too short, hardly any different bytes, or bytes that follow a rule. */
function isStrong(bytes: Buffer): boolean {
  const steps = bytes.map((byte, index) => byte - (bytes[index - 1] ?? 0)).subarray(1);
  return bytes.length >= 32 && new Set(bytes).size >= 12 && new Set(steps).size >= 12;
}

function split(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

function every<T>(texts: string[], parse: (text: string) => T | undefined): T[] | undefined {
  const values = texts.map(parse);
  return values.includes(undefined) ? undefined : (values as T[]);
}
