/** What the page has to fit into. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";

const narrow = matchMedia("(max-width: 720px)");
const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", event => {
  isNarrow.value = event.matches;
});

/** Whether the page has the room of a phone: one column. */
export const phone: ReadonlySignal<boolean> = isNarrow;

/** Height below which a phone's own keyboard must be out. */
const KEYBOARD_OUT_PX = 500;

const short = matchMedia(`(max-height: ${KEYBOARD_OUT_PX}px)`);
const isShort = signal(short.matches);
short.addEventListener("change", event => {
  isShort.value = event.matches;
});

/** Marks the root element while a phone's keyboard takes half of the page, so that the rest is kept for the terminal. */
export function markKeyboard(): void {
  effect(() => {
    document.documentElement.toggleAttribute("data-keyboard", isNarrow.value && isShort.value);
  });
}
