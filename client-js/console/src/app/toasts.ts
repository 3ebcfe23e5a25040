/** Short messages at the edge of the page, read out by screen readers. */

import { type ReadonlySignal, signal } from "@preact/signals";

/** A message. */
export interface Toast {
  readonly id: number;
  readonly tone: "info" | "ok" | "danger";
  readonly text: string;
  readonly detail?: string | undefined;
  /** A button beside the text. */
  readonly action?: { readonly title: string; run(): void } | undefined;
}

/** Messages at once; the oldest goes first. */
const MOST = 4;
/** How long a message stays, in milliseconds; one about an error stays until it is dismissed. */
const SHOWN_MS = 5000;

const shown = signal<readonly Toast[]>([]);
let count = 0;

/** What is shown now. */
export const toasts: ReadonlySignal<readonly Toast[]> = shown;

/** Shows a message. */
export function toast(
  text: string,
  options: { tone?: Toast["tone"]; detail?: string; action?: Toast["action"] } = {},
): void {
  const made: Toast = {
    id: ++count,
    tone: options.tone ?? "info",
    text,
    detail: options.detail,
    action: options.action,
  };
  shown.value = [...shown.value, made].slice(-MOST);
  if (made.tone !== "danger") setTimeout(() => dismiss(made.id), SHOWN_MS);
}

/** Shows what went wrong: what was tried, then the error's own words. */
export function toastError(tried: string, error: unknown): void {
  toast(tried, { tone: "danger", detail: messageOf(error) });
}

/** The words of an error, for a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Takes a message away. */
export function dismiss(id: number): void {
  shown.value = shown.value.filter(toast => toast.id !== id);
}
