/** Where the page is: `#/<panel>/<segment>/…`, so that a reload and a link lead back to the same place. */

import { type ReadonlySignal, signal } from "@preact/signals";

/** A place in the console. */
export interface Route {
  /** The panel, as `terminals`. */
  readonly panel: string;
  /** What the panel shows, decoded; its meaning is the panel's. */
  readonly path: readonly string[];
}

const current = signal<Route>(parse(location.hash));

addEventListener("hashchange", () => {
  current.value = parse(location.hash);
});

/** The place now. */
export const route: ReadonlySignal<Route> = current;

/** The address of a place, for links. */
export function href(panel: string, ...path: string[]): string {
  return `#/${[panel, ...path].map(encodeURIComponent).join("/")}`;
}

/** Goes to a place. `replace` leaves no entry in the history. */
export function navigate(panel: string, path: readonly string[] = [], options: { replace?: boolean } = {}): void {
  const target = href(panel, ...path);
  if (target === location.hash) return;
  if (options.replace) {
    history.replaceState(null, "", target);
    current.value = parse(target);
  } else {
    location.hash = target;
  }
}

/**
 * Says where in its panel the page is. Nothing happens when the person has gone to another panel: what draws a panel may hear
 * of that later.
 */
export function say(panel: string, path: readonly string[], options: { replace?: boolean } = {}): void {
  if (parse(location.hash).panel === panel) navigate(panel, path, options);
}

function parse(hash: string): Route {
  const [panel = "", ...path] = hash
    .replace(/^#\/?/, "")
    .split("/")
    .filter(segment => segment !== "")
    .map(decode);
  return { panel: panel || "terminals", path };
}

/** A hand-typed address may hold a lone `%`. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
