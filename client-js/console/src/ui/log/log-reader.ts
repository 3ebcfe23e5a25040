/**
 * Keeps a {@link LogWindow} filled from a log that has offsets: follows its end, reads what is older or newer when a
 * person scrolls there, and takes no more than the window holds. While nobody wants the newest lines it stops reading.
 */

import { nextFrame } from "../next-frame.ts";
import { LOG_BOUNDS, type LogBounds, type LogStream, LogWindow } from "./log-window.ts";

/** What a log gives, in order. */
export type LogPiece =
  /** The read stands; the offset of the next byte, unless a gap follows. Always the first. */
  | { readonly type: "begin"; readonly offset: number }
  | {
      readonly type: "data";
      readonly stream: LogStream;
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly time?: number;
    }
  /** These bytes are gone. */
  | { readonly type: "gap"; readonly from: number; readonly to: number }
  /** Something happened between two bytes. */
  | { readonly type: "note"; readonly text: string; readonly tone: "plain" | "warning" };

/** Where to begin. */
export type LogStart = { readonly offset: number } | { readonly lines: number };

/** A log. */
export interface LogSource {
  /**
   * Gives what is there from some place on; with `follow` also what comes, until there can be no more. Aborting the
   * signal ends it.
   */
  read(from: LogStart, follow: boolean, signal: AbortSignal): AsyncIterable<LogPiece>;
}

/** What the reader is doing. `ended`: there will be no more. `idle`: it reads nothing until it is wanted. */
export type LogStatus = "loading" | "live" | "idle" | "ended" | "failed";

/** Lines shown at first. */
const FIRST_LINES = 2000;
/** Bytes that are read at a time in either direction. */
const PAGE = 256 * 1024;
/** Bytes taken between two pictures while the page is seen: what is faster than that cannot be read by a person. */
const BURST = 1024 * 1024;

/** A log that is being read. */
export class LogReader {
  readonly window: LogWindow;
  status: LogStatus = "loading";
  /** Why it failed. */
  error: unknown;
  /** Whether the newest lines are wanted. */
  following = true;
  /** Something is being read in front. */
  loadingOlder = false;

  readonly #source: LogSource;
  readonly #onChange: () => void;
  readonly #nextFrame: () => Promise<void>;
  #live: AbortController | undefined;
  #page: AbortController | undefined;
  #wake: (() => void) | undefined;
  /** One piece is wanted although nobody follows: somebody scrolled to the end of the window. */
  #oneMore = false;
  /** The window does not reach to where the live read is. */
  #detached = false;
  /** Nothing is kept before this. */
  #oldest = 0;

  constructor(
    source: LogSource,
    onChange: () => void,
    options: { bounds?: LogBounds; nextFrame?: () => Promise<void> } = {},
  ) {
    this.#source = source;
    this.#onChange = onChange;
    this.#nextFrame = options.nextFrame ?? nextFrame;
    this.window = new LogWindow(options.bounds ?? LOG_BOUNDS);
  }

  /** Whether there is something in front of the window. */
  get hasOlder(): boolean {
    return this.window.start > this.#oldest;
  }

  /** Whether there may be something behind it that is not being read. */
  get hasNewer(): boolean {
    return this.#detached || this.#wake !== undefined;
  }

  /** Begins at the last lines. */
  start(): void {
    this.#restart({ lines: FIRST_LINES });
  }

  /** Reads no more. */
  stop(): void {
    this.#live?.abort();
    this.#page?.abort();
    this.#wake?.();
  }

  /** Whether the newest lines are wanted: then the window goes with them, else it stays where it is. */
  follow(wanted: boolean): void {
    if (this.following === wanted) return;
    this.following = wanted;
    if (wanted && this.#detached) this.#restart({ lines: FIRST_LINES });
    else if (wanted) this.#wake?.();
    this.#onChange();
  }

  /** Reads what comes before the window. */
  async loadOlder(): Promise<void> {
    if (this.loadingOlder || !this.hasOlder) return;
    this.loadingOlder = true;
    this.#onChange();
    const { start } = this.window;
    const older = new LogWindow({ bytes: Number.POSITIVE_INFINITY, entries: Number.POSITIVE_INFINITY });
    older.reset(Math.max(this.#oldest, start - PAGE));
    try {
      await this.#read({ offset: older.start }, piece => {
        if (piece.type === "begin") return true;
        if (piece.type === "gap" && older.entries.length === 0) {
          this.#oldest = piece.to;
          older.reset(Math.min(piece.to, start));
          return piece.to < start;
        }
        if (piece.type === "data") {
          const bytes = piece.bytes.subarray(0, Math.max(0, start - piece.offset));
          older.append(piece.offset, piece.stream, bytes, piece.time);
          return piece.offset + piece.bytes.length < start;
        }
        addPiece(older, piece);
        return older.end < start;
      });
      // The window may have been filled anew meanwhile.
      if (this.window.start === start && older.end === start) {
        const { end } = this.window;
        this.window.prepend(older);
        if (this.window.end < end) this.#detach();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.loadingOlder = false;
      this.#onChange();
    }
  }

  /** Reads what comes after the window, when that is not being read anyway. */
  async loadNewer(): Promise<void> {
    if (this.#wake !== undefined) {
      this.#oneMore = true;
      this.#wake();
      return;
    }
    if (!this.#detached || this.#page !== undefined) return;
    const most = this.window.end + PAGE;
    try {
      const ended = await this.#read({ offset: this.window.end }, piece => {
        addPiece(this.window, piece);
        return this.window.end < most;
      });
      if (ended) this.#restart({ offset: this.window.end });
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#onChange();
    }
  }

  /** Reads one page; whether its end was the log's end. `take` says whether to go on. */
  async #read(from: LogStart, take: (piece: LogPiece) => boolean): Promise<boolean> {
    this.#page?.abort();
    const page = new AbortController();
    this.#page = page;
    try {
      for await (const piece of this.#source.read(from, false, page.signal)) {
        if (page.signal.aborted || !take(piece)) return false;
      }
      return !page.signal.aborted;
    } catch (error) {
      // Whoever stopped it reads something else now.
      if (!page.signal.aborted) throw error;
      return false;
    } finally {
      if (this.#page === page) this.#page = undefined;
    }
  }

  #restart(from: LogStart): void {
    this.stop();
    this.#detached = false;
    this.status = "loading";
    this.error = undefined;
    const live = new AbortController();
    this.#live = live;
    void this.#run(from, live.signal);
    this.#onChange();
  }

  async #run(from: LogStart, signal: AbortSignal): Promise<void> {
    // What is shown stays until the first of the new comes.
    let fresh = !("offset" in from && from.offset === this.window.end);
    let burst = 0;
    try {
      for await (const piece of this.#source.read(from, true, signal)) {
        if (signal.aborted) return;
        if (piece.type === "begin" && fresh) {
          this.window.reset(piece.offset);
          fresh = false;
        } else addPiece(this.window, piece);
        this.status = "live";
        this.#onChange();
        burst += piece.type === "data" ? piece.bytes.length : 0;
        if (burst >= BURST) {
          burst = 0;
          await this.#nextFrame();
        }
        while (!this.following && this.window.full && !signal.aborted && !this.#oneMore) await this.#sleep();
        this.#oneMore = false;
        if (signal.aborted) return;
      }
      if (!signal.aborted) this.status = "ended";
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
    if (!signal.aborted) this.#onChange();
  }

  /** Waits until somebody wants more: what comes meanwhile stays where it is. */
  #sleep(): Promise<void> {
    this.status = "idle";
    this.#onChange();
    return new Promise(resolve => {
      this.#wake = () => {
        this.#wake = undefined;
        this.status = "live";
        resolve();
      };
    });
  }

  #detach(): void {
    this.#live?.abort();
    this.#wake?.();
    this.#detached = true;
    this.status = "idle";
  }

  #fail(error: unknown): void {
    this.status = "failed";
    this.error = error;
  }
}

function addPiece(window: LogWindow, piece: LogPiece): void {
  if (piece.type === "begin") return;
  if (piece.type === "data") window.append(piece.offset, piece.stream, piece.bytes, piece.time);
  else if (piece.type === "note") window.note(piece.text, piece.tone);
  else {
    const lost = piece.to - piece.from;
    window.note(`… ${lost.toLocaleString("en")} ${lost === 1 ? "byte" : "bytes"} lost …`, "warning", piece.to);
  }
}
