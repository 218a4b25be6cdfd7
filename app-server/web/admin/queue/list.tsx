import { defaultRangeExtractor, useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { QueueRow } from "../api.ts";
import { useActiveRow } from "./active-row.ts";

export interface ListControls {
  /** The row that keys are about. */
  active: QueueRow | undefined;
  hasFocus: () => boolean;
  moveBy: (rows: number) => void;
  moveTo: (index: number) => void;
}

interface ListProps {
  rows: readonly QueueRow[];
  label: string;
  /** Of all that match, or -1 when that is not known. */
  total: number;
  isLoading: boolean;
  onNearEnd: () => void;
  /** Filled in for whoever listens to keys. */
  controls: { current: ListControls | undefined };
  children: (row: QueueRow, isActive: boolean) => ReactNode;
}

/** As many rows before the end the next page is asked for. */
const lookAhead = 30;

/**
 * However many people wait, only the rows in sight are in the page. The list scrolls with the page itself, so that it
 * works on a phone as everywhere.
 */
export function QueueList({ rows, label, total, isLoading, onNearEnd, controls, children }: ListProps) {
  const container = useRef<HTMLDivElement>(null);
  const activeIndex = useRef(-1);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => 96,
    overscan: 6,
    gap: 8,
    scrollMargin: useTop(container),
    scrollPaddingStart: 96,
    scrollPaddingEnd: 96,
    getItemKey: (index) => rows[index]?.id ?? index,
    // The row with the focus stays, or scrolling would lose the place.
    rangeExtractor: (range) => withIndex(defaultRangeExtractor(range), activeIndex.current),
  });
  const active = useActiveRow(rows, container, (index) => virtual.scrollToIndex(index, { align: "auto" }));
  activeIndex.current = active.index;
  controls.current = {
    active: rows[active.index],
    hasFocus: () => container.current?.contains(document.activeElement) ?? false,
    moveBy: (by) => active.moveTo(controls.current?.hasFocus() ? active.index + by : active.index),
    moveTo: active.moveTo,
  };
  const items = virtual.getVirtualItems();
  useNearEnd(items.at(-1)?.index ?? 0, rows.length, onNearEnd);
  return (
    <div
      ref={container}
      className="queue"
      role="feed"
      aria-label={label}
      aria-busy={isLoading}
      style={{ height: virtual.getTotalSize() }}
    >
      {items.map(({ index, key, start }) => {
        const row = rows[index];
        if (!row) return null;
        return (
          <article
            key={key}
            ref={virtual.measureElement}
            className="queue-row"
            data-index={index}
            data-id={row.id}
            tabIndex={index === active.index ? 0 : -1}
            aria-posinset={index + 1}
            aria-setsize={total}
            aria-labelledby={`name-${row.id}`}
            aria-describedby={`facts-${row.id}`}
            style={{ transform: `translateY(${start - virtual.options.scrollMargin}px)` }}
            onFocus={() => active.onFocus(index)}
          >
            {children(row, index === active.index)}
          </article>
        );
      })}
    </div>
  );
}

function useNearEnd(last: number, count: number, onNearEnd: () => void): void {
  useEffect(() => {
    if (last >= count - lookAhead) onNearEnd();
  }, [last, count, onNearEnd]);
}

function withIndex(range: number[], index: number): number[] {
  return index < 0 || range.includes(index) ? range : [...range, index].sort((a, b) => a - b);
}

/** How far from the top of the document something begins; what is above it comes, goes and wraps. */
function useTop(element: React.RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setTop(Math.round((element.current?.getBoundingClientRect().top ?? 0) + window.scrollY));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [element]);
  return top;
}
