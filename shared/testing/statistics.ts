/**
 * The two-sided p-value of the Mann–Whitney U test, by its normal approximation with ties corrected: how likely two
 * samples differ as much as these when both come from one distribution.
 */
export function mannWhitneyP(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, isA: true })), ...b.map((value) => ({ value, isA: false }))];
  all.sort((one, other) => one.value - other.value);
  const n = all.length;
  let rankSumOfA = 0;
  let ties = 0;
  for (let start = 0; start < n; ) {
    let end = start;
    while (end < n && all[end]?.value === all[start]?.value) end++;
    const count = end - start;
    const rank = (start + 1 + end) / 2;
    rankSumOfA += rank * all.slice(start, end).filter(({ isA }) => isA).length;
    ties += count ** 3 - count;
    start = end;
  }
  const product = a.length * b.length;
  const u = rankSumOfA - (a.length * (a.length + 1)) / 2;
  const deviation = Math.sqrt((product / 12) * (n + 1 - ties / (n * (n - 1))));
  return deviation === 0 ? 1 : 2 * (1 - normal(Math.abs(u - product / 2) / deviation));
}

/** Normal distribution function, Abramowitz and Stegun 26.2.17; error below 1e-7. */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail;
}
