import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Line {
  label: string;
  /** The name of a token of colour, such as `--accent`. */
  colour: string;
  /** Lengths of strokes and gaps, so that the line is known without its colour. */
  dash?: number[];
  values: number[];
}

interface ChartProps {
  /** Unix seconds, one per value. */
  times: number[];
  lines: readonly Line[];
  /** How a time is written below the chart. */
  formatTime: (time: number) => string;
}

/** Pixels. */
const height = 260;

/** Lines over time, drawn for eyes alone: whoever uses it offers the same as a table. */
export function Chart({ times, lines, formatTime }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const scheme = useColourScheme();
  useEffect(() => {
    const element = frame.current;
    // Drawn anew when the colours change.
    if (!element || !scheme) return;
    const plot = new uPlot(
      { ...optionsOf(element, lines, formatTime), width: element.clientWidth, height },
      [times, ...lines.map(({ values }) => values)],
      element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [times, lines, formatTime, scheme]);
  return <div ref={frame} className="chart" aria-hidden="true" />;
}

function optionsOf(
  element: HTMLElement,
  lines: readonly Line[],
  formatTime: (time: number) => string,
): Omit<uPlot.Options, "width" | "height"> {
  const colours = readColours(element, ["--ink-soft", "--line", ...lines.map(({ colour }) => colour)]);
  const font = `14px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    stroke: colours["--ink-soft"] ?? "",
    font,
    grid: { stroke: colours["--line"] ?? "", width: 1 },
    ticks: { show: false },
  };
  return {
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 16, 0, 0],
    scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(4, Math.ceil(most * 1.1))] } },
    axes: [
      { ...axis, grid: { show: false }, space: 72, values: (_, splits) => splits.map(formatTime) },
      { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] },
    ],
    series: [
      {},
      ...lines.map(({ colour, dash, label }) => ({
        label,
        stroke: colours[colour] ?? "",
        width: 2.5,
        points: { show: false },
        ...(dash ? { dash } : {}),
      })),
    ],
  };
}

/** A canvas does not know the tokens: what they come to is read from an element that wears them. */
function readColours(within: HTMLElement, names: readonly string[]): Record<string, string> {
  const probe = within.appendChild(document.createElement("span"));
  const colours: Record<string, string> = {};
  for (const name of names) {
    probe.style.color = `var(${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return colours;
}

function useColourScheme(): "light" | "dark" {
  const [isDark, setDark] = useState(() => matchMedia(dark).matches);
  useEffect(() => {
    const media = matchMedia(dark);
    const look = () => setDark(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, []);
  return isDark ? "dark" : "light";
}

const dark = "(prefers-color-scheme: dark)";
