/** The clipboard: what a person copies and pastes, and what a program may do with it (OSC 52). */

import type { IDisposable, Terminal } from "@xterm/xterm";

/** Says whether a program may do that now. */
export type Permission<T extends unknown[]> = boolean | ((...about: T) => boolean | Promise<boolean>);

/** What programs in the terminal may do with the clipboard. */
export interface ClipboardOptions {
  /** Whether a program may put text there. Default: false. */
  readonly write?: Permission<[text: string]>;
  /** Whether a program may read what is there: passwords, too. Default: false. */
  readonly read?: Permission<[]>;
}

/** Characters that one OSC 52 may carry; more is ignored. */
const MAX_BASE64 = 1024 * 1024;

/** Answers OSC 52 as `options` allow. */
export function handleClipboardRequests(terminal: Terminal, options: () => ClipboardOptions): IDisposable {
  return terminal.parser.registerOscHandler(52, data => {
    const [selection = "", content = ""] = split(data);
    if (content === "?") void answer(terminal, selection, options().read ?? false);
    else void put(content, options().write ?? false);
    return true;
  });
}

/** Puts text on the clipboard. Gives whether it did: a browser may refuse. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or a page over plain HTTP, where there is no such object: the old way still works there.
    return copyByCommand(text);
  }
}

/**
 * What may be typed for a pasted text. A program that asked for bracketed paste takes what comes between two marks for
 * text; an end mark inside of the text would let the rest through as keys. Nothing else in a text needs an ESC.
 */
export function safePaste(text: string, bracketed: boolean): string {
  return bracketed ? text.replaceAll("\x1b", "\u241b") : text;
}

async function put(base64: string, permission: Permission<[string]>): Promise<void> {
  if (permission === false || base64.length > MAX_BASE64) return;
  const text = decode(base64);
  if (text === undefined) return;
  if (permission === true || (await permission(text))) await copyText(text);
}

async function answer(terminal: Terminal, selection: string, permission: Permission<[]>): Promise<void> {
  if (permission === false || !(permission === true || (await permission()))) return;
  const text = await navigator.clipboard.readText().catch(() => "");
  terminal.input(`\x1b]52;${selection.replace(/[^a-z0-7]/g, "")};${encode(text)}\x07`, false);
}

function split(data: string): [string, string] {
  const at = data.indexOf(";");
  return at < 0 ? ["", data] : [data.slice(0, at), data.slice(at + 1)];
}

function decode(base64: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(base64), char => char.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function encode(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), byte => String.fromCharCode(byte)).join(""));
}

function copyByCommand(text: string): boolean {
  const before = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.setAttribute("aria-hidden", "true");
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
