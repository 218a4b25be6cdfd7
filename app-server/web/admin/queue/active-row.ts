import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

interface ActiveRow {
  /** In the rows; -1 when there are none. */
  index: number;
  /** Makes another row the one that keys are about, and gives it the focus. */
  moveTo: (index: number) => void;
  /** Somebody pointed at a row, or came to it with the Tab key. */
  onFocus: (index: number) => void;
}

/**
 * The row that the keyboard is at. When it leaves the list, the row that takes its place follows it, and has the focus if
 * it had it: a decision never throws anybody back to the top of the page.
 */
export function useActiveRow(
  rows: readonly { id: string }[],
  container: RefObject<HTMLElement | null>,
  show: (index: number) => void,
): ActiveRow {
  const [active, setActive] = useState({ id: "", index: 0 });
  const found = rows.findIndex(({ id }) => id === active.id);
  const index = found >= 0 ? found : Math.min(active.index, rows.length - 1);
  const wantsFocus = useRef(false);
  const hadFocus = useFocusWithin(container);
  const id = rows[index]?.id;

  useLayoutEffect(() => {
    const isLost = hadFocus.current && document.activeElement === document.body;
    if (!id || !(wantsFocus.current || isLost)) return;
    const row = container.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);
    if (!row) return;
    wantsFocus.current = false;
    row.focus({ preventScroll: true });
  });

  const remember = (to: number) => {
    const row = rows[to];
    if (row && (row.id !== active.id || to !== active.index)) setActive({ id: row.id, index: to });
  };
  return {
    index,
    moveTo: (wanted) => {
      const to = Math.max(0, Math.min(wanted, rows.length - 1));
      wantsFocus.current = true;
      remember(to);
      show(to);
    },
    onFocus: remember,
  };
}

/** Whether the focus was in there last; what happens in dialogs does not count, since they give it back. */
function useFocusWithin(container: RefObject<HTMLElement | null>): RefObject<boolean> {
  const isWithin = useRef(false);
  useEffect(() => {
    const look = ({ target }: Event) => {
      if (!(target instanceof Element) || target.closest("dialog")) return;
      isWithin.current = container.current?.contains(target) ?? false;
    };
    document.addEventListener("focusin", look);
    document.addEventListener("pointerdown", look);
    return () => {
      document.removeEventListener("focusin", look);
      document.removeEventListener("pointerdown", look);
    };
  }, [container]);
  return isWithin;
}
