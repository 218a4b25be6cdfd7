/** Replies of relays and diagnoses of bounces are shown to administrators: one line, of a length that can be read. */
export function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Z}]+/gu, " ").trim();
  return line.length <= 500 ? line : `${line.slice(0, 499)}…`;
}
