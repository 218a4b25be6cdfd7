/**
 * An address of exactly these origins, spelled out. What is no whole address is none of theirs, and neither is one with a
 * user's name before the host or a backslash, which browsers read otherwise than people.
 */
export function findAllowed(text: string, origins: readonly string[]): string | undefined {
  const url = /^https?:\/\/[^\\]*$/i.test(text) ? parse(text) : undefined;
  const isPlain = url !== undefined && url.username === "" && url.password === "";
  return isPlain && origins.includes(url.origin) ? url.href : undefined;
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
