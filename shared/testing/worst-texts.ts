/** Texts that make careless readers slow: runs of what is skipped, split, unescaped or tried again from every place. */
export const worstTexts: readonly (readonly [name: string, unit: string])[] = [
  ["spaces", " "],
  ["tabs and ends of lines", "\t\r\n"],
  ["dots", "a."],
  ["dashes", "-"],
  ["signs of addresses", "@"],
  ["digits with joints", "1_"],
  ["percent signs", "%"],
  ["quotes and backslashes", '\\"'],
  ["separators", ";=,"],
  ["brackets", "[::"],
  ["combining marks", "e\u0301"],
  ["directions", "\u202e"],
];

/** `unit` again and again, at most `bytes` long. */
export function repeated(unit: string | Buffer, bytes: number): Buffer {
  const once = Buffer.from(unit as string);
  return Buffer.concat(Array.from({ length: Math.floor(bytes / once.length) }, () => once));
}
