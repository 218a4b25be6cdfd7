import { useEffect, useRef, useState } from "react";

/** `false`: not meant for it after all, the browser does what it always does. */
export type Shortcuts = Record<string, () => unknown>;

/**
 * Keys that do something on this page, as `KeyboardEvent.key` names them. They are left alone while somebody types,
 * while a dialog is open, and together with Ctrl, Alt or Meta.
 */
export function useShortcuts(shortcuts: Shortcuts, isOn: boolean): void {
  const current = useRef(shortcuts);
  current.current = shortcuts;
  useEffect(() => {
    if (!isOn) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
      if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
      const run = Object.hasOwn(current.current, event.key) ? current.current[event.key] : undefined;
      if (run && run() !== false) event.preventDefault();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [isOn]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

const storageKey = "shortcuts";

/** Whether single keys do anything: some people speak to their computer, or press keys without meaning to. */
export function useShortcutsSwitch(): [boolean, (isOn: boolean) => void] {
  const [isOn, setOn] = useState(readStored);
  return [
    isOn,
    (wanted) => {
      setOn(wanted);
      try {
        localStorage.setItem(storageKey, wanted ? "on" : "off");
      } catch {
        // It holds until the page is closed.
      }
    },
  ];
}

function readStored(): boolean {
  try {
    return localStorage.getItem(storageKey) !== "off";
  } catch {
    return true;
  }
}
