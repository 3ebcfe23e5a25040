/**
 * What goes to a viewer, and how much of it may wait on the way. The next output is taken from the sandbox when there is
 * room, so a slow viewer slows its own lane down, and the terminal when nobody else reads it.
 */

/** What is needed of a WebSocket: of workerd, or of the package `ws`. */
export interface TerminalSocket {
  send(data: Uint8Array<ArrayBuffer> | string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message" | "close" | "error", listener: (event: unknown) => void): void;
  /** Bytes that were sent and are not on the network. Runtimes of before autumn 2026 do not say. */
  readonly bufferedAmount?: number;
}

/** Bytes that may wait for a viewer, in a runtime that says how many do. One frame of at most 64 KiB may come on top. */
export const MAX_BUFFERED: number = 256 << 10;

/**
 * The same where the runtime does not say: bytes that were sent since the viewer was heard last. At half of it, it is asked to
 * answer: the stock package's addon answers `ready` with its size. It bounds what waits for one that is slow or gone, not
 * what one heaps up on purpose that talks and does not read.
 */
export const MAX_UNHEARD: number = 16 << 20;

/** Milliseconds for the answer. */
const PATIENCE = 60_000;

/** Milliseconds between two looks at what waits. */
const LOOK = 10;

/** What goes to one viewer. */
export class Outgoing {
  readonly #socket: TerminalSocket;
  readonly #patience: number;
  #unheard = 0;
  #asked = false;
  #gone = false;
  /** Who waits for the viewer to be heard. */
  #wake = () => {};

  /** @param patience - Milliseconds for an answer. */
  constructor(socket: TerminalSocket, patience: number = PATIENCE) {
    this.#socket = socket;
    this.#patience = patience;
  }

  /** Sends bytes, when there is room. False: the viewer does not answer any more, and they were not sent. */
  async bytes(data: Uint8Array): Promise<boolean> {
    if (!(await this.#room(data.length))) return false;
    if (!this.#gone) this.#send(data as Uint8Array<ArrayBuffer>);
    return true;
  }

  /** Sends a control message. */
  text(message: object): void {
    if (!this.#gone) this.#send(JSON.stringify(message));
  }

  /** The viewer said something: it has come that far. */
  heard(): void {
    this.#unheard = 0;
    this.#asked = false;
    this.#wake();
  }

  /** The viewer is gone. */
  leave(): void {
    this.#gone = true;
    this.#wake();
  }

  async #room(length: number): Promise<boolean> {
    if (typeof this.#socket.bufferedAmount === "number") {
      while (!this.#gone && (this.#socket.bufferedAmount ?? 0) > MAX_BUFFERED) {
        await new Promise(resolve => setTimeout(resolve, LOOK));
      }
      return true;
    }
    if (this.#unheard + length > MAX_UNHEARD / 2 && !this.#asked) {
      this.#asked = true;
      this.text({ type: "ready" });
    }
    if (this.#unheard + length > MAX_UNHEARD && !(await this.#answer())) return false;
    this.#unheard += length;
    return true;
  }

  /** Waits until the viewer is heard, or gone. */
  #answer(): Promise<boolean> {
    return new Promise(resolve => {
      const timer = setTimeout(() => resolve(false), this.#patience);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #send(data: Uint8Array<ArrayBuffer> | string): void {
    try {
      this.#socket.send(data);
    } catch {
      // It is closed: its close event says so.
    }
  }
}
