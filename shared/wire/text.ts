/**
 * One line of somebody's words without control characters, and without those that are not seen but turn text around or hide it (bidi
 * controls, zero width, tags). Emoji and scripts that need joiners keep theirs. 500 characters, where nothing else is
 * said: as much as administrators read of a relay's reply or of why a mail came back.
 */
export function oneLine(value: string, maximum = 500): string {
  const line = value
    .toWellFormed()
    .replace(/(?![\u200c\u200d])\p{Cf}/gu, "")
    .replace(/[\p{Cc}\p{Z}\s]+/gu, " ")
    .trim();
  const letters = Array.from(line.slice(0, 2 * maximum + 2));
  return letters.length <= maximum ? line : `${letters.slice(0, maximum - 1).join("")}…`;
}
