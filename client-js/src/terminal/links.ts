/** Links in a terminal: what a program prints is not to be trusted, so few schemes open, and never a window that can reach back. */

/** Schemes that open. Others could run something: `javascript:`, `data:`, `file:`, those of applications. */
const SAFE_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);

/** Whether a link may be opened: absolute, of a safe scheme, and without a name and password that hide the true host. */
export function isSafeLink(uri: string): boolean {
  try {
    const url = new URL(uri);
    return SAFE_SCHEMES.has(url.protocol) && url.username === "" && url.password === "";
  } catch {
    return false;
  }
}

/** Opens a link in a tab of its own that knows nothing of ours. Gives whether it did. */
export function openLink(uri: string): boolean {
  if (!isSafeLink(uri)) return false;
  window.open(uri, "_blank", "noopener,noreferrer");
  return true;
}

/** Whether a click means the link: with Control or Command, so that a click into a terminal opens nothing by accident. */
export function meansLink(event: MouseEvent): boolean {
  return event.ctrlKey || event.metaKey;
}
