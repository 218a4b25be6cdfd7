/**
 * An address of exactly these origins, spelled out. What is no whole address is none of theirs, and neither is one with a
 * user's name before the host or a backslash, which browsers read otherwise than people.
 */
export function findAllowed(text: string, origins: readonly string[]): string | undefined {
  const url = /^https?:\/\/[^\\]*$/i.test(text) ? URL.parse(text) : null;
  const isPlain = url !== null && url.username === "" && url.password === "";
  return isPlain && origins.includes(url.origin) ? url.href : undefined;
}
