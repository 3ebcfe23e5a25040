/** The addon: an xterm.js terminal that shows, and types into, a terminal of the sandbox. */

import { FitAddon } from "@xterm/addon-fit";
import type { IDisposable, ITerminalAddon, Terminal } from "@xterm/xterm";
import { type ClipboardOptions, copyText, handleClipboardRequests, safePaste } from "./clipboard.ts";
import { Input } from "./input.ts";
import { meansLink, openLink } from "./links.ts";
import { Output } from "./output.ts";
import { loadWebgl, type WebglLike } from "./renderer.ts";
import { Sizer } from "./size.ts";
import type { AttachRequest, Ending, Viewer, ViewerEvent } from "./viewer.ts";

/** What a terminal is doing, for whoever draws a frame around it. */
export type TerminalStatus =
  /** On the way to the sandbox. */
  | { readonly is: "attaching" }
  /** The screen is painted as it is there. */
  | { readonly is: "painting"; readonly id: string }
  /** What is shown is what is there. */
  | { readonly is: "live"; readonly id: string }
  /** Its program has ended. */
  | ({ readonly is: "ended" } & Ending)
  /** It cannot be shown; {@link SandwireAddon.attach} tries again. */
  | { readonly is: "failed"; readonly error: unknown };

/** What the addon is told. Only `attach` is needed. */
export interface SandwireAddonOptions {
  /** Opens a terminal, or attaches to one. Called by each {@link SandwireAddon.attach}. */
  readonly attach: (request: AttachRequest) => Viewer | Promise<Viewer>;
  /** Look only: no keys, and the size is the server's. Default: false. */
  readonly readOnly?: boolean;
  /** Whether the terminal takes the size of its element. Default: true, unless `readOnly`. */
  readonly fit?: boolean;
  /** What programs may do with the clipboard. Default: nothing. */
  readonly clipboard?: ClipboardOptions;
  /** Called with a link that was clicked on, with Control or Command, or tapped. Default: a safe one opens in a new tab. */
  readonly onLink?: (uri: string) => void;
  /** Makes the WebGL renderer, as `() => new WebglAddon()`. Where it does not work, the DOM renderer stays. Default: none. */
  readonly webgl?: () => WebglLike;
  /** Makes the tables of Unicode 11, as `() => new Unicode11Addon()`. Default: none, wide emoji are then too narrow. */
  readonly unicode11?: () => ITerminalAddon;
  /** Called with what is typed, gives what is sent instead: for modifiers on a phone's screen. Default: the same. */
  readonly mapKeys?: (keys: string) => string;
  /** Called whenever {@link SandwireAddon.status} changes. */
  readonly onStatus?: (status: TerminalStatus) => void;
  /** The program set its title. */
  readonly onTitle?: (title: string) => void;
  /** The program rang the bell. */
  readonly onBell?: () => void;
  /** What was typed or pasted was refused as a whole: more than 4 MiB waits for the program already. */
  readonly onRefused?: () => void;
}

/**
 * Shows a terminal of the sandbox in xterm.js. Load it, then open the terminal in an element, then call {@link attach}.
 * Disposing of it detaches; the terminal in the sandbox goes on.
 *
 * @example
 * ```ts
 * const terminal = new Terminal({ allowProposedApi: true });
 * const addon = new SandwireAddon({ attach: at => sandbox.createTerminal({ id: "work", reuse: true, ...at }) });
 * terminal.loadAddon(addon);
 * terminal.open(document.querySelector("#terminal"));
 * await addon.attach(); // the program in the terminal has ended
 * ```
 */
export class SandwireAddon implements ITerminalAddon {
  readonly #options: SandwireAddonOptions;
  readonly #input = new Input();
  readonly #disposables: IDisposable[] = [];
  #terminal: Terminal | undefined;
  #output: Output | undefined;
  #sizer: Sizer | undefined;
  #viewer: Viewer | undefined;
  #status: TerminalStatus = { is: "attaching" };
  /** Ends the newest call of {@link attach}. */
  #stop = new AbortController();
  /** Whether what needs the element is done. */
  #prepared = false;

  constructor(options: SandwireAddonOptions) {
    this.#options = options;
  }

  /** What it is doing. */
  get status(): TerminalStatus {
    return this.#status;
  }

  /** Called by `Terminal.loadAddon`. */
  activate(terminal: Terminal): void {
    const { readOnly, unicode11 } = this.#options;
    this.#terminal = terminal;
    const fit = new FitAddon();
    terminal.loadAddon(fit);
    this.#output = new Output(terminal);
    this.#sizer = new Sizer(terminal, fit, ({ cols, rows }) => void this.#viewer?.resize(cols, rows).catch(() => {}));
    terminal.options.disableStdin = readOnly === true;
    terminal.options.linkHandler = {
      activate: (event, uri) => this.openLink(event, uri),
      hover: (_, uri) => terminal.element?.setAttribute("title", uri),
      leave: () => terminal.element?.removeAttribute("title"),
    };
    if (unicode11) {
      terminal.loadAddon(unicode11());
      terminal.unicode.activeVersion = "11";
    }
    this.#disposables.push(
      fit,
      terminal.onData(data => this.#typed(this.#input.type(this.#options.mapKeys?.(data) ?? data))),
      terminal.onBinary(data => this.#typed(this.#input.typeBinary(data))),
      terminal.onTitleChange(title => this.#options.onTitle?.(title)),
      terminal.onBell(() => this.#options.onBell?.()),
      handleClipboardRequests(terminal, () => (readOnly ? {} : (this.#options.clipboard ?? {}))),
    );
    terminal.attachCustomKeyEventHandler(event => this.#key(event));
  }

  /**
   * Attaches, and stays so through lost connections: the viewer sees to that, and says so with another `attached`. Settles when the terminal has ended or cannot be shown; what came of it stands in {@link status}. Never rejects.
   */
  async attach(): Promise<void> {
    const terminal = this.#terminal;
    if (terminal?.element === undefined)
      throw new Error("attach() before Terminal.open(): open it in an element first");
    this.#prepare(terminal, terminal.element);
    this.#stop.abort();
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#detach();
    this.#set({ is: "attaching" });
    try {
      const size = this.#fits ? this.#sizer?.room() : undefined;
      const viewer = await this.#options.attach({ signal, ...size });
      if (signal.aborted) return;
      this.#viewer = viewer;
      this.#sizer?.told(size);
      for await (const event of until(viewer, signal)) {
        await this.#show(terminal, viewer, event);
        if (signal.aborted) return;
      }
      // A viewer that ended without saying how the program did was closed by somebody.
      if (this.#status.is !== "ended") throw new Error("the viewer was detached: attach again");
    } catch (error) {
      if (signal.aborted) return;
      this.#detach();
      this.#set({ is: "failed", error });
    }
  }

  /** Takes the size of the element now, and tells the server: after a change of letters, and when it is seen again. */
  fit(): void {
    if (this.#fits) this.#sizer?.fit();
  }

  /** Pastes a text as the browser would: marked as pasted for programs that want to know. */
  paste(text: string): void {
    const terminal = this.#terminal;
    if (terminal && !this.#options.readOnly) terminal.paste(safePaste(text, terminal.modes.bracketedPasteMode));
  }

  /** Puts the selected text on the clipboard. Gives whether it did. */
  async copy(): Promise<boolean> {
    const text = this.#terminal?.getSelection() ?? "";
    return text !== "" && (await copyText(text));
  }

  /** Types for the person, as a row of keys on a phone does. */
  type(text: string): void {
    if (!this.#options.readOnly) this.#terminal?.input(text);
  }

  /** Opens a link when the click means it. Give it to `WebLinksAddon` for links that are only text. */
  openLink(event: MouseEvent, uri: string): void {
    const touched = "pointerType" in event && event.pointerType === "touch";
    if (!touched && !meansLink(event)) return;
    if (this.#options.onLink) this.#options.onLink(uri);
    else openLink(uri);
  }

  /** Detaches. The terminal in the sandbox goes on. */
  dispose(): void {
    this.#stop.abort();
    this.#detach();
    this.#output?.close();
    this.#sizer?.dispose();
    for (const disposable of this.#disposables.splice(0)) disposable.dispose();
  }

  get #fits(): boolean {
    return this.#options.fit ?? !this.#options.readOnly;
  }

  /** What needs the element: once. */
  #prepare(terminal: Terminal, element: HTMLElement): void {
    if (this.#prepared) return;
    this.#prepared = true;
    if (this.#options.webgl) loadWebgl(terminal, this.#options.webgl);
    if (this.#fits) {
      this.#sizer?.observe();
      this.#sizer?.fit();
    }
    // Before xterm.js, which would let an end mark in the pasted text through.
    const onPaste = (event: ClipboardEvent) => {
      const text = event.clipboardData?.getData("text/plain");
      event.preventDefault();
      event.stopPropagation();
      if (text) this.paste(text);
    };
    const onFocus = () => this.fit();
    element.addEventListener("paste", onPaste, { capture: true });
    element.addEventListener("focusin", onFocus);
    this.#disposables.push({
      dispose: () => {
        element.removeEventListener("paste", onPaste, { capture: true });
        element.removeEventListener("focusin", onFocus);
      },
    });
  }

  async #show(terminal: Terminal, viewer: Viewer, event: ViewerEvent): Promise<void> {
    switch (event.type) {
      case "attached":
        // Perhaps once more, after the server had forgotten us: the painting begins on an empty screen.
        terminal.reset();
        this.#sizer?.follow(event);
        return this.#set({ is: "painting", id: event.id });
      case "output":
        return this.#output?.draw(event.data);
      case "live":
        if (this.#status.is === "painting") this.#set({ is: "live", id: this.#status.id });
        if (!this.#options.readOnly) this.#input.connect(data => viewer.write(data));
        return this.fit();
      case "resized":
        // What was written for the old size must be drawn in it.
        await this.#output?.drained();
        return this.#sizer?.follow(event);
      case "exit":
        await this.#output?.drained();
        this.#detach();
        return this.#set({ is: "ended", exitCode: event.exitCode, signal: event.signal });
    }
  }

  #detach(): void {
    this.#viewer = undefined;
    this.#input.disconnect();
  }

  #set(status: TerminalStatus): void {
    this.#status = status;
    this.#options.onStatus?.(status);
  }

  #typed(taken: boolean): void {
    if (!taken) this.#options.onRefused?.();
  }

  /** Copy and paste have Control-Shift, as in every terminal: Control alone is the program's. Gives whether xterm.js acts. */
  #key(event: KeyboardEvent): boolean {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return true;
    if (event.code === "KeyC") {
      event.preventDefault();
      if (event.type === "keydown") void this.copy();
      return false;
    }
    // The browser itself pastes for these keys, without asking for a permission.
    return event.code !== "KeyV";
  }
}

/** The events of a viewer until the signal: also while none comes. */
async function* until(viewer: Viewer, signal: AbortSignal): AsyncGenerator<ViewerEvent, void, void> {
  const events = viewer[Symbol.asyncIterator]();
  let wake = () => {};
  signal.addEventListener("abort", () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      // Not Promise.race: each call of that would leave something behind at the signal's promise.
      const next = await new Promise<IteratorResult<ViewerEvent> | undefined>((resolve, reject) => {
        wake = () => resolve(undefined);
        events.next().then(resolve, reject);
      });
      if (next === undefined || next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: it may wait for the next event itself.
    events.return?.().catch(() => {});
  }
}
