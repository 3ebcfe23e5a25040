/**
 * What a terminal shows, drawn no faster than the browser can: a bounded number of bytes is on its way into xterm.js, and
 * nothing more is taken from the channel until they are drawn. So the credit that the server gets is that of the screen, a
 * flood stops at its source, and what a person types comes through.
 */

/** The part of an xterm.js terminal that draws. */
export interface Screen {
  write(data: Uint8Array, drawn: () => void): void;
}

/**
 * Bytes that xterm.js works on without a pause of ours: some 5 ms of its parser on a slow machine, less than a frame.
 * xterm.js itself takes a break only every 12 ms, and never within one piece.
 */
const PIECE_BYTES = 32 * 1024;

/** Bytes that may be on their way into xterm.js. Two pieces: one is drawn while the other waits. */
const IN_FLIGHT_BYTES = 2 * PIECE_BYTES;

/** Draws bytes in their order. */
export class Output {
  readonly #screen: Screen;
  /** Bytes that were handed to xterm.js and are not drawn. */
  #inFlight = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  /** Bytes that were handed to xterm.js and are not drawn. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Settles when so much is drawn that more may be taken. */
  async draw(data: Uint8Array): Promise<void> {
    for (let from = 0; from < data.length; from += PIECE_BYTES) {
      await this.#below(IN_FLIGHT_BYTES - PIECE_BYTES + 1);
      if (this.#closed) return;
      const piece = data.subarray(from, from + PIECE_BYTES);
      this.#inFlight += piece.length;
      this.#screen.write(piece, () => {
        this.#inFlight -= piece.length;
        this.#wake?.();
      });
    }
    await this.#below(IN_FLIGHT_BYTES);
  }

  /** Settles when everything is drawn. */
  drained(): Promise<void> {
    return this.#below(1);
  }

  /** Draws nothing more; who waits goes on. For a terminal that is gone, and whose callbacks may never come. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async #below(bytes: number): Promise<void> {
    while (this.#inFlight >= bytes && !this.#closed) {
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }
}
