/** Which cells ran when the page was left: they were interrupted, and the person is told so when they come back. */

const KEY = "sandwire.notebooks-left";

/** Cells by the path of their notebook. */
export type Left = Readonly<Record<string, readonly string[]>>;

/** Remembers them, for this tab of the browser. */
export function rememberLeft(left: Left): void {
  try {
    if (Object.keys(left).length > 0) sessionStorage.setItem(KEY, JSON.stringify(left));
  } catch {
    // Full, or forbidden: then nobody is told.
  }
}

/** Those of a notebook, once. */
export function takeLeft(path: string): readonly string[] {
  try {
    const { [path]: mine = [], ...others } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Left;
    sessionStorage.setItem(KEY, JSON.stringify(others));
    return mine;
  } catch {
    return [];
  }
}
