/** Dark and light: the choice, else the system's, on the root element and in the `theme-color` of the browser. */

import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import { type ThemeChoice, themeChoice } from "./settings.ts";

const query = matchMedia("(prefers-color-scheme: light)");
const systemIsLight = signal(query.matches);
query.addEventListener("change", event => {
  systemIsLight.value = event.matches;
});

/** The colours that are shown now. */
export const theme: ReadonlySignal<"dark" | "light"> = computed(() =>
  themeChoice.value === "system" ? (systemIsLight.value ? "light" : "dark") : themeChoice.value,
);

/** Keeps the document in step with {@link theme}. Called once, before the first paint. */
export function applyTheme(): void {
  effect(() => {
    document.documentElement.setAttribute("data-theme", theme.value);
    for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
      meta.content = theme.value === "dark" ? "#0d0f12" : "#ffffff";
    }
  });
}

/** To the other colours; back to the system's when they are the same. */
export function toggleTheme(): void {
  const next: ThemeChoice = theme.value === "dark" ? "light" : "dark";
  themeChoice.value = next === (systemIsLight.value ? "light" : "dark") ? "system" : next;
}
