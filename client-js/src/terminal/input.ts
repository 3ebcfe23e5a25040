/** What is typed, on its way to the server: in order, never lost silently, and with a bound. */

/** Bytes of a pasted text that go out in one write, so that a key typed behind it waits for little. */
const CHUNK_BYTES = 16 * 1024;

/** Bytes that may wait while the connection is lost or the program does not read. More is refused as a whole. */
export const MAX_WAITING_BYTES: number = 4 * 1024 * 1024;

/** A queue in front of a viewer's `write`. */
export class Input {
  readonly #encoder = new TextEncoder();
  readonly #queue: Uint8Array[] = [];
  #waiting = 0;
  #send: ((data: Uint8Array) => Promise<void>) | undefined;
  #busy = false;

  /** From now on what is typed goes here. What waited goes first. */
  connect(send: (data: Uint8Array) => Promise<void>): void {
    this.#send = send;
    void this.#pump();
  }

  /** Nothing can be sent any more; what waits is forgotten, as it was meant for what stood there then. */
  disconnect(): void {
    this.#send = undefined;
    this.#queue.length = 0;
    this.#waiting = 0;
  }

  /** Takes what was typed. Gives false when too much waits already: then nothing of it is sent. */
  type(text: string): boolean {
    return this.#push(this.#encoder.encode(text));
  }

  /** As {@link type}, for the bytes of mouse reports, one in each code unit, which are not UTF-8. */
  typeBinary(text: string): boolean {
    return this.#push(Uint8Array.from(text, char => char.charCodeAt(0) & 0xff));
  }

  #push(data: Uint8Array): boolean {
    if (this.#waiting + data.length > MAX_WAITING_BYTES) return false;
    for (let from = 0; from < data.length; from += CHUNK_BYTES) {
      this.#queue.push(data.subarray(from, from + CHUNK_BYTES));
    }
    this.#waiting += data.length;
    void this.#pump();
    return true;
  }

  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let send = this.#send; send !== undefined; send = this.#send) {
        const next = this.#queue.shift();
        if (next === undefined) return;
        this.#waiting -= next.length;
        try {
          await send(next);
        } catch {
          // The channel has ended, and says so itself: what it did not take is not typed into another one.
          if (this.#send === send) this.disconnect();
        }
      }
    } finally {
      this.#busy = false;
    }
  }
}
