/** Keys to actions. */

import { actions } from "./actions.ts";

/** Whether this is a Mac, where Command is the key of the applications and Control that of the terminal. */
export const isMac: boolean = /Mac|iPhone|iPad/.test(navigator.platform);

/** Runs the action of the keys that are pressed, for as long as the page lives. */
export function listenForKeys(): void {
  addEventListener("keydown", onKey, { capture: true });
}

/** How keys are written on this machine: `Mod+K` becomes `⌘ K` or `Ctrl K`. */
export function keyLabels(keys: string): string[] {
  const names: Record<string, string> = isMac
    ? { Mod: "⌘", Meta: "⌘", Ctrl: "⌃", Alt: "⌥", Shift: "⇧" }
    : { Mod: "Ctrl", Meta: "Super" };
  const arrows: Record<string, string> = {
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Enter: "↵",
    _: "−",
  };
  return split(keys).map(key => names[key] ?? arrows[key] ?? key);
}

function onKey(event: KeyboardEvent): void {
  if (event.isComposing || event.repeat || document.querySelector("dialog[open]")) return;
  const pressed = describe(event);
  if (pressed === undefined) return;
  const target = event.target instanceof Element ? event.target : undefined;
  const inTerminal = target?.closest(".xterm") != null;
  const typing = target?.closest("input, textarea, select, [contenteditable]:not([contenteditable=false])") != null;
  for (const action of actions.list()) {
    if (!action.keys?.some(keys => normalise(keys) === pressed)) continue;
    const forApplications = /^(Ctrl\+Shift\+|Meta\+)/.test(pressed);
    const plain = !/^(Ctrl|Meta|Alt)\+/.test(pressed) && !/^F\d/.test(pressed);
    if (inTerminal ? !forApplications : typing && plain) continue;
    event.preventDefault();
    event.stopPropagation();
    action.run();
    return;
  }
}

/** The pressed keys in one fixed form: modifiers in the order Ctrl, Alt, Shift, Meta, then the key. */
function describe(event: KeyboardEvent): string | undefined {
  if (["Control", "Shift", "Alt", "Meta", "Dead", "Process"].includes(event.key)) return undefined;
  const modified = event.ctrlKey || event.altKey || event.metaKey;
  // With modifiers the position of a digit or of a letter that is not Latin counts, without them what it writes.
  const fromCode = /^(?:Digit|Key)(.)$/.exec(event.code)?.[1];
  const latin = /^[a-z]$/i.test(event.key);
  const key = latin ? event.key.toUpperCase() : modified && fromCode !== undefined ? fromCode : event.key;
  const shift = event.shiftKey && (modified || key.length > 1 || latin);
  return [event.ctrlKey && "Ctrl", event.altKey && "Alt", shift && "Shift", event.metaKey && "Meta", key]
    .filter(Boolean)
    .join("+");
}

function normalise(keys: string): string {
  const parts = split(keys).map(part => (part === "Mod" ? (isMac ? "Meta" : "Ctrl") : part));
  const key = parts.pop() ?? "";
  const order = ["Ctrl", "Alt", "Shift", "Meta"];
  return [...parts.sort((a, b) => order.indexOf(a) - order.indexOf(b)), key].join("+");
}

function split(keys: string): string[] {
  return keys.split(/\+(?=.)/);
}
