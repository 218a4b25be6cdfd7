/** The value below which the share `q` (0 to 1) of the values lies; 0 for none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const lower = sorted[Math.ceil(middle) - 1] ?? 0;
  return (lower + (sorted[Math.floor(middle)] ?? lower)) / 2;
}

/** The median of what the two came to in each round, one over the other; undefined where one is. */
export function medianRatio(
  over: readonly (number | undefined)[],
  under: readonly (number | undefined)[],
): number | undefined {
  const ratios = over.flatMap((value, round) => {
    const other = under[round];
    return value === undefined || !other ? [] : [value / other];
  });
  return ratios.length === 0 ? undefined : median(ratios);
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
