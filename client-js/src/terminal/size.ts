/** The size of a terminal in letters, kept in step with its element and with what the server says. */

import type { FitAddon } from "@xterm/addon-fit";
import type { Terminal } from "@xterm/xterm";

/** Columns and rows. */
export interface Size {
  readonly cols: number;
  readonly rows: number;
}

/** Milliseconds without a change before a new size is told: a window that is dragged would redraw vim sixty times a second. */
const QUIET_MS = 60;

/** Follows the element of a terminal. */
export class Sizer {
  readonly #terminal: Terminal;
  readonly #fit: FitAddon;
  readonly #observer: ResizeObserver;
  readonly #tell: (size: Size) => void;
  /** The last size that was told. */
  #lastTold: Size | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `tell` is called with each size that the element has room for, when it is another one than was told last. */
  constructor(terminal: Terminal, fit: FitAddon, tell: (size: Size) => void) {
    this.#terminal = terminal;
    this.#fit = fit;
    this.#tell = tell;
    this.#observer = new ResizeObserver(() => this.#later());
  }

  /** Starts to follow. The terminal must have been opened in an element. */
  observe(): void {
    const box = this.#terminal.element?.parentElement;
    if (box) this.#observer.observe(box);
  }

  /** What the element has room for; nothing while it cannot be seen. Never 0 in either direction. */
  room(): Size | undefined {
    const box = this.#terminal.element?.parentElement;
    if (!box || box.clientWidth === 0 || box.clientHeight === 0) return undefined;
    const size = this.#fit.proposeDimensions();
    if (size === undefined || !(size.cols >= 1) || !(size.rows >= 1)) return undefined;
    return { cols: size.cols, rows: size.rows };
  }

  /** Takes the size of the element now, and tells it when it is new, or when another viewer has changed it since. */
  fit(): void {
    clearTimeout(this.#timer);
    const size = this.room();
    if (size === undefined) return;
    const drawn = size.cols === this.#terminal.cols && size.rows === this.#terminal.rows;
    const told = size.cols === this.#lastTold?.cols && size.rows === this.#lastTold.rows;
    if (drawn && told) return;
    this.#lastTold = size;
    if (!drawn) this.#terminal.resize(size.cols, size.rows);
    this.#tell(size);
  }

  /** The server says what the size is: another viewer may have typed last. */
  follow(size: Size): void {
    if (size.cols < 1 || size.rows < 1) return;
    if (size.cols !== this.#terminal.cols || size.rows !== this.#terminal.rows) {
      this.#terminal.resize(size.cols, size.rows);
    }
  }

  /** What a new viewer was told when it was made. */
  told(size: Size | undefined): void {
    this.#lastTold = size;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#observer.disconnect();
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fit(), QUIET_MS);
  }
}
