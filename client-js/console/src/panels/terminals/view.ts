/**
 * One tab's terminal: xterm.js in an element of its own. The element outlives the components that show it, so that a tab
 * which is dragged to another group, or hidden, keeps its screen, its scrollback and its selection.
 */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { type ISearchOptions, SearchAddon } from "@xterm/addon-search";
import { Unicode11Addon } from "@xterm/addon-unicode11";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { WebglAddon } from "@xterm/addon-webgl";
import { Terminal } from "@xterm/xterm";
import type { AttachRequest, Viewer } from "../../../../src/terminal/viewer.ts";
import { SandwireAddon, type TerminalStatus } from "../../../../src/terminal.ts";
import { clipboardWrite, screenReader, terminalFontSize } from "../../app/settings.ts";
import { theme } from "../../app/theme.ts";
import { toast } from "../../app/toasts.ts";
import { terminalOptions, themes } from "./xterm.ts";

/** What was found for a searched text. */
export interface Found {
  /** Number of the match that is shown, from 1; 0 when none is. */
  readonly at: number;
  readonly count: number;
}

/** A terminal of the sandbox, drawn. */
export class TerminalView {
  /** What xterm.js draws in. */
  readonly element: HTMLElement;
  readonly status: ReadonlySignal<TerminalStatus>;
  /** The title that the program set. */
  readonly title: ReadonlySignal<string>;
  /** Whether the bell rang since somebody looked. */
  readonly rang: ReadonlySignal<boolean>;
  /** What the search has found. */
  readonly found: ReadonlySignal<Found | undefined>;
  /** A modifier of the keys on a phone's screen that waits for the next key. */
  readonly sticky = signal<"ctrl" | "alt" | undefined>(undefined);

  readonly #status = signal<TerminalStatus>({ is: "attaching" });
  readonly #title = signal("");
  readonly #rang = signal(false);
  readonly #found = signal<Found | undefined>(undefined);
  readonly #terminal: Terminal;
  readonly #addon: SandwireAddon;
  readonly #search = new SearchAddon();
  readonly #stop: () => void;
  #opened = false;
  /** Whether somebody wanted to give it the keys before it could take them. */
  #focusWanted = false;
  #asked = false;

  constructor(options: { attach: (request: AttachRequest) => Promise<Viewer>; readOnly: boolean }) {
    this.status = this.#status;
    this.title = this.#title;
    this.rang = this.#rang;
    this.found = this.#found;
    this.element = document.createElement("div");
    this.element.className = "terminals-screen";
    this.#terminal = new Terminal({
      ...terminalOptions,
      fontSize: terminalFontSize.value,
      theme: themes[theme.value],
      screenReaderMode: screenReader.value,
    });
    this.#addon = new SandwireAddon({
      attach: options.attach,
      readOnly: options.readOnly,
      clipboard: { write: () => this.#mayWriteClipboard() },
      webgl: () => new WebglAddon(),
      unicode11: () => new Unicode11Addon(),
      mapKeys: keys => this.#modified(keys),
      onStatus: status => {
        this.#status.value = status;
      },
      onTitle: title => {
        this.#title.value = title;
      },
      onBell: () => {
        if (!this.element.contains(document.activeElement)) this.#rang.value = true;
      },
      onRefused: () =>
        toast("That was too much to type at once", {
          tone: "danger",
          detail: "More than 4 MiB waits for the program already. Upload a file instead.",
        }),
    });
    this.#terminal.loadAddon(this.#addon);
    this.#terminal.loadAddon(new WebLinksAddon((event, uri) => this.#addon.openLink(event, uri)));
    this.#terminal.loadAddon(this.#search);
    this.#search.onDidChangeResults(({ resultIndex, resultCount }) => {
      this.#found.value = { at: resultIndex + 1, count: resultCount };
    });
    this.#stop = effect(() => {
      const { options: set } = this.#terminal;
      set.theme = themes[theme.value];
      set.screenReaderMode = screenReader.value;
      if (set.fontSize !== terminalFontSize.value) {
        set.fontSize = terminalFontSize.value;
        this.#addon.fit();
      }
    });
  }

  /** Called when its element stands in the page and is seen: attaches the first time, and takes the room that there is. */
  show(): void {
    if (!this.#opened) {
      this.#opened = true;
      this.#terminal.open(this.element);
      void this.#addon.attach();
    }
    this.#rang.value = false;
    this.#addon.fit();
    if (this.#focusWanted) this.focus();
  }

  /** Attaches again. */
  retry(): void {
    void this.#addon.attach();
  }

  /** Gives it the keys, as soon as it stands in the page. */
  focus(): void {
    this.#focusWanted = !this.element.isConnected;
    this.#rang.value = false;
    this.#terminal.focus();
  }

  /** Takes the keys from the terminal, so that those of the page work again. */
  blur(): void {
    this.#terminal.blur();
  }

  /** What the server says of the title of a terminal that nobody has looked at yet. */
  hint(title: string): void {
    if (!this.#opened) this.#title.value = title;
  }

  /** Names it for screen readers. */
  label(text: string): void {
    this.#terminal.textarea?.setAttribute("aria-label", text);
  }

  /** Types, with the modifier that waits. */
  type(keys: string): void {
    this.#addon.type(keys);
  }

  /** The bytes of an arrow key, as the program has asked for them. */
  arrow(letter: "A" | "B" | "C" | "D"): void {
    this.type(`\x1b${this.#terminal.modes.applicationCursorKeysMode ? "O" : "["}${letter}`);
  }

  copy(): Promise<boolean> {
    return this.#addon.copy();
  }

  /** Pastes what is on the clipboard, if the browser lets us read it: it asks the person. */
  async paste(): Promise<void> {
    try {
      this.#addon.paste(await navigator.clipboard.readText());
      this.focus();
    } catch {
      toast("The browser does not let this page read the clipboard", {
        detail: "Press the keys for pasting in the terminal instead: they need no permission.",
      });
    }
  }

  /** Marks all that matches and goes to the next. */
  search(text: string, direction: "next" | "previous", options: ISearchOptions = {}): void {
    const colours = { matchOverviewRuler: "#e9c48a", activeMatchColorOverviewRuler: "#e9c48a" };
    const decorations = { ...colours, matchBackground: "#6b5a33", activeMatchBackground: "#c98a1b" };
    if (text === "") this.endSearch();
    else if (direction === "next") this.#search.findNext(text, { ...options, decorations });
    else this.#search.findPrevious(text, { ...options, decorations });
  }

  endSearch(): void {
    this.#search.clearDecorations();
    this.#terminal.clearSelection();
    this.#found.value = undefined;
  }

  /** Forgets the lines above the screen. */
  clear(): void {
    this.#terminal.clear();
  }

  /** Detaches. The terminal in the sandbox goes on. */
  dispose(): void {
    this.#stop();
    this.#terminal.dispose();
    this.element.remove();
  }

  /** The keys with the modifier that waits for them, wherever they were typed. */
  #modified(keys: string): string {
    const sticky = this.sticky.peek();
    if (sticky === undefined) return keys;
    this.sticky.value = undefined;
    return sticky === "alt" ? `\x1b${keys}` : control(keys);
  }

  /** Tells once in the life of a tab, and not by a dialog: any program could throw that up. */
  #mayWriteClipboard(): boolean {
    if (clipboardWrite.value) return true;
    if (!this.#asked) {
      this.#asked = true;
      toast("A program in a terminal wants to put text on your clipboard", {
        detail: "It was not allowed to. You can change this for all terminals.",
        action: {
          title: "Allow",
          run: () => {
            clipboardWrite.value = true;
          },
        },
      });
    }
    return false;
  }
}

/** A key with Control: `c` becomes the byte 3; what has no such byte stays as it is. */
function control(key: string): string {
  const code = key.toUpperCase().charCodeAt(0);
  if (key.length !== 1) return key;
  if (key === " ") return "\0";
  return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code & 0x1f) : key;
}
