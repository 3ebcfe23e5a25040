/** What the page remembers in this browser. */

import { effect, type Signal, signal } from "@preact/signals";

const PREFIX = "sandwire.";

/**
 * A signal that is kept in localStorage under `name`. `valid` says whether what was found there is usable; what is not
 * is replaced by `initial`. A browser without storage forgets it at the end of the visit.
 */
export function remembered<T>(name: string, initial: T, valid: (value: unknown) => value is T): Signal<T> {
  const stored = read(name);
  const kept = signal<T>(valid(stored) ? stored : initial);
  effect(() => {
    const value = kept.value;
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      // Full, or forbidden: then it holds for this visit only.
    }
  });
  return kept;
}

/** Whether what was found is yes or no. */
export const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";

/** Whether what was found is a number. */
export const isNumber = (value: unknown): value is number => typeof value === "number";

/** The choice of colours. */
export type ThemeChoice = "system" | "dark" | "light";

const isTheme = (value: unknown): value is ThemeChoice => value === "system" || value === "dark" || value === "light";
const isFontSize = (value: unknown): value is number => isNumber(value) && value >= 8 && value <= 32;

/** Dark, light, or as the system says. */
export const themeChoice: Signal<ThemeChoice> = remembered("theme", "system", isTheme);

/** Size of the terminals' letters, in CSS pixels. */
export const terminalFontSize: Signal<number> = remembered("terminal-font-size", 13, isFontSize);

/** Whether a program in a terminal may put text on the clipboard (OSC 52). Off until the person says so. */
export const clipboardWrite: Signal<boolean> = remembered("clipboard-write", false, isBoolean);

/** Whether terminals keep their text in the page for screen readers. Off: it costs time with much output. */
export const screenReader: Signal<boolean> = remembered("screen-reader", false, isBoolean);

function read(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
  } catch {
    return null;
  }
}
