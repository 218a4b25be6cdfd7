export interface Line {
  name: string;
  label: string;
  /** One per day. */
  values: readonly number[];
}

interface ChartProps {
  /** How each day is written. */
  days: readonly string[];
  lines: readonly Line[];
  formatNumber: (value: number) => string;
}

/** Days whose names stand below the chart, as parts of its width. The second and fourth make room on narrow screens. */
const named = [0, 0.25, 0.5, 0.75, 1];

/**
 * Lines over days, drawn for eyes alone: whoever uses it offers the same as a table. The drawing is stretched to its
 * place and wears the tokens of colour, so that it follows the screen and the colour scheme by itself.
 */
export function Chart({ days, lines, formatNumber }: ChartProps) {
  const { top, steps } = scaleFor(Math.max(0, ...lines.flatMap(({ values }) => values)));
  const x = (day: number) => (100 * day) / Math.max(1, days.length - 1);
  const y = (value: number) => 100 - (100 * value) / top;
  return (
    <div className="chart" aria-hidden="true">
      <div className="chart-scale">
        {[...Array(steps + 1).keys()].map((step) => (
          <span key={step}>{formatNumber((top * (steps - step)) / steps)}</span>
        ))}
      </div>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        {[...Array(steps + 1).keys()].map((step) => (
          <path key={step} className="chart-grid" d={`M0 ${(100 * step) / steps}H100`} />
        ))}
        {lines.map(({ name, values }) => (
          <polyline
            key={name}
            className={`chart-line chart-${name}`}
            points={values.map((value, day) => `${x(day)},${y(value)}`).join(" ")}
          />
        ))}
        {days.map((day, index) => (
          <rect key={day} className="chart-day" x={x(index - 0.5)} width={x(1)} height={100}>
            <title>
              {`${day}\n${lines.map(({ label, values }) => `${label}: ${formatNumber(values[index] ?? 0)}`).join("\n")}`}
            </title>
          </rect>
        ))}
      </svg>
      <div className="chart-days">
        {named.map((part) => {
          const index = Math.round(part * (days.length - 1));
          return (
            <span key={part} style={{ insetInlineStart: `${x(index)}%` }}>
              {days[index]}
            </span>
          );
        })}
      </div>
    </div>
  );
}

/** From nothing to the least round number that is high enough, in three to five round steps. */
function scaleFor(value: number): { top: number; steps: number } {
  const least = Math.max(1, value / 5);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= least) ?? least;
  const steps = Math.max(1, Math.ceil(value / step));
  return { top: steps * step, steps };
}
