/** What the addon needs of a viewer of a terminal, by structure: `createTerminal` and `attachTerminal` of a sandbox give one. */

import type { Size } from "./size.ts";

/** Something that a terminal says. */
export type ViewerEvent =
  /** It is attached; the painting of the screen follows. */
  | ({ readonly type: "attached"; readonly id: string } & Size)
  /** Bytes for the screen. */
  | { readonly type: "output"; readonly data: Uint8Array }
  /** The painting is complete: what follows is new. */
  | { readonly type: "live" }
  /** It has another size. */
  | ({ readonly type: "resized" } & Size)
  /** Its first program has ended: always the last. */
  | ({ readonly type: "exit" } & Ending);

/** How the first program of a terminal ended. */
export interface Ending {
  /** Its exit code; `null` when a signal ended it. */
  readonly exitCode: number | null;
  /** The signal that ended it; `null` when it ended by itself. */
  readonly signal: string | null;
}

/**
 * A viewer. Taking an event is what gives the server credit for more; leaving the iteration detaches. After `attached`, the
 * screen is painted anew.
 */
export interface Viewer extends AsyncIterable<ViewerEvent> {
  /** Types. Settles when there was room. */
  write(data: Uint8Array): Promise<void>;
  /** Says the size of the viewer. */
  resize(cols: number, rows: number): Promise<void>;
}

/** How a terminal is opened, or attached to: what `createTerminal` and `attachTerminal` take. */
export interface AttachRequest extends Partial<Size> {
  /** Aborted when nobody looks any more. */
  readonly signal: AbortSignal;
}
