/** One channel as its opener sees it: what the typed calls in `kinds/` rest on. */

/** What came on a channel, in the order it was sent. */
export type Item<Down> =
  | { readonly type: "data"; readonly stream: number; readonly data: Uint8Array }
  | { readonly type: "end"; readonly stream: number }
  | { readonly type: "event"; readonly event: Down };

/** The opener's end of a channel. `Up` and `Down` are the events of its kind, `Result` is what its CLOSE carries. */
export interface Channel<Up, Down, Result> {
  /** The channel's number in its lane: odd. */
  readonly id: number;
  /**
   * CLOSE: the result, or a {@link SandwireError}. Settles when everything before it was taken by {@link recv}, so that
   * nothing is overtaken; nobody has to listen (a rejection that nobody awaits is not reported).
   */
  readonly result: Promise<Result>;
  /**
   * The next item, or nothing once the channel has closed. Taking an item is what gives the other side credit for more:
   * who does not call this stops the command's pipe. One call at a time.
   */
  recv(): Promise<Item<Down> | undefined>;
  /** Waits for room, then sends. Rejects when the channel has ended. The bytes are not copied: leave them alone. */
  write(stream: number, data: Uint8Array): Promise<void>;
  /** Waits for room, then sends an event. */
  event(event: Up): Promise<void>;
  /** END of that stream: no more data on it. */
  end(stream: number): void;
  /** Gives up: the other side stops the work. What comes after that is thrown away; `result` rejects with `CANCELLED`. */
  cancel(): void;
}

/** What opens channels: a lane on a connection that resumes. */
export interface Opener {
  /** Throws a {@link SandwireError} at once when the client is closed or too many channels are open. */
  open<Up, Down, Result>(kind: string, params: object): Channel<Up, Down, Result>;
}
