/** What the connection is doing. */

/** State of a client's connection. Operations go on in every state but `closed`. */
export type State =
  /** The first connection: what is opened goes out already, the server has not greeted yet. */
  | { readonly status: "connecting" }
  /** The connection stands. */
  | {
      readonly status: "connected";
      /** Changes whenever the server starts. */
      readonly bootId: string;
      /** Name and version of the server. */
      readonly server: string;
      /** How many connections there have been, this one included. */
      readonly connections: number;
      /** Round trip in milliseconds, as it was when this state began. */
      readonly rtt: number;
    }
  /** The connection is lost; it is being made again, and everything will go on where it was. */
  | {
      readonly status: "reconnecting";
      /** Tries since it was lost, from 1. */
      readonly attempt: number;
      /** Why it was lost, or why the last try failed. */
      readonly reason: string;
      /** Milliseconds until the next try; 0 while one is under way. */
      readonly retryInMs: number;
    }
  /** The server takes no new work and will end what runs. */
  | {
      readonly status: "draining";
      /** What the server said, for a person. */
      readonly reason: string;
      /** Milliseconds that open operations had left when this state began, when the server said it. */
      readonly deadlineMs?: number | undefined;
    }
  /**
   * Only through a relay: the sandbox was stopped, as it idled or was destroyed. What was open has failed with an
   * `InterruptedError` whose `context.reason` is `asleep`. Whatever is called next wakes it; nothing else does.
   */
  | { readonly status: "asleep"; readonly reason: string }
  /** The client was closed, or gave up. */
  | { readonly status: "closed"; readonly reason: string };

/** Figures of a client's connection. */
export interface Stats {
  /** Last measured round trip, in milliseconds; absent before the first. */
  readonly rtt?: number | undefined;
  /** Bytes of frames sent, on all connections. */
  readonly bytesUp: number;
  /** Bytes of frames received, on all connections. */
  readonly bytesDown: number;
  /** Connections that the server greeted. */
  readonly connections: number;
  /** Channels that are open. */
  readonly channels: number;
  /** Bytes that were sent and are kept until the server has acknowledged them. */
  readonly retained: number;
}

/** A value that can be watched: whoever is slow sees the newest, not all that were between. */
export class Watched<T> {
  #value: T;
  #listeners = new Set<(value: T) => void>();
  /** Those that iterate and wait. */
  #waiting = new Set<() => void>();
  #version = 0;
  #done = false;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value now. */
  get value(): T {
    return this.#value;
  }

  /** Sets it, and tells everybody. A listener that throws hurts nobody else. */
  set(value: T): void {
    if (this.#done) return;
    this.#value = value;
    this.#version += 1;
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        // It is the listener's own fault: reported as any error that nobody caught.
        Promise.reject(error);
      }
    }
    this.#wake();
  }

  /** No more values come; who iterates ends. */
  finish(): void {
    this.#done = true;
    this.#listeners.clear();
    this.#wake();
  }

  /** Calls `listener` with each new value. Returns what ends this. */
  listen(listener: (value: T) => void): () => void {
    const own = (value: T) => listener(value);
    if (!this.#done) this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** The value now, then each newer one, to the last. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (let seen = -1; ; ) {
      if (seen !== this.#version) {
        seen = this.#version;
        yield this.#value;
      } else if (this.#done) {
        return;
      } else {
        await new Promise<void>(resolve => this.#waiting.add(resolve));
      }
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
