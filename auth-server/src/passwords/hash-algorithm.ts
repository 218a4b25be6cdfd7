/** Parameters of argon2id, and the text they are written as beside a hash. */
export interface HashParameters {
  /** `argon2id.passes.KiB.lanes.bytes` */
  id: string;
  passes: number;
  /** Memory in KiB. */
  memory: number;
  lanes: number;
  /** Length of the hash in bytes. */
  length: number;
}

/** The parameters named by `id`; undefined when it is of another form or asks for more than a server should give. */
export function parseHashAlgorithm(id: string): HashParameters | undefined {
  const match = /^argon2id\.(\d{1,3})\.(\d{1,7})\.(\d{1,2})\.(\d{1,2})$/.exec(id);
  if (!match) return undefined;
  const [passes = 0, memory = 0, lanes = 0, length = 0] = match.slice(1).map(Number);
  const isPossible = passes >= 1 && lanes >= 1 && memory >= 8 * lanes && length >= 16;
  return isPossible && memory <= 2_097_152 ? { id, passes, memory, lanes, length } : undefined;
}

/** OWASP's Password Storage Cheat Sheet: pairs of passes and KiB of equal strength, the least it accepts. */
const owaspMinimum = [
  [1, 47_104],
  [2, 19_456],
  [3, 12_288],
  [4, 9_216],
  [5, 7_168],
] as const;

export function isStrongEnough({ passes, memory, length }: HashParameters): boolean {
  return length >= 32 && owaspMinimum.some(([minPasses, minMemory]) => passes >= minPasses && memory >= minMemory);
}
