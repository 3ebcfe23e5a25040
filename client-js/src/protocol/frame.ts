/**
 * Frames: what one binary WebSocket message carries.
 *
 * A frame is one MessagePack array `[kind, lane, channel, …fields]` whose first three elements have a fixed width, so that a
 * relay can give a frame another lane by overwriting four bytes (`readdress`). Everything that may grow over the years is
 * inside the payload, a `bin` that comes last. `encode` and `decode` are in `frame/codec.ts`.
 */

import {
  type ACK,
  type CANCEL,
  type CLOSE,
  type CREDIT,
  type DATA,
  type END,
  type EVENT,
  type GOAWAY,
  type HELLO,
  OPEN,
  type PING,
  type PONG,
  type RESET,
  type WELCOME,
} from "./frame/header.ts";
import type { Class } from "./schedule.ts";

/** The lane that means the connection itself: PING, PONG and GOAWAY of one hop. */
export const CONNECTION = 0;

/** An unsigned integer of 64 bits: a number as far as those are exact, else a bigint. The two can be compared. */
export type Uint = number | bigint;

/** A stream: 0 standard input or the only one, 1 standard output, 2 standard error. */
export type Stream = 0 | 1 | 2;

/** One frame. Its lane is 0 when it comes from a `Lane`, which does not know its number: `encode` takes it. */
export type Frame = {
  /** The lane, {@link CONNECTION} for the connection itself. */
  readonly lane: number;
  /** The channel in the lane; 0 for a frame about the lane or the connection. */
  readonly channel: number;
} & Body;

/** What a frame says. `kind` is one of the numbers in `frame/header.ts`. */
export type Body =
  | {
      readonly kind: typeof HELLO | typeof WELCOME | typeof GOAWAY | typeof RESET | typeof EVENT;
      /** Encoded; those of the first four are in `frame/payload.ts`. */
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: typeof ACK;
      /** Counted frames received since the lane began. */
      readonly received: Uint;
    }
  | {
      readonly kind: typeof PING;
      /** Comes back in the PONG. */
      readonly nonce: Uint;
    }
  | { readonly kind: typeof PONG; readonly nonce: Uint; readonly received: Uint }
  | Open
  | {
      readonly kind: typeof DATA;
      readonly stream: Stream;
      /** The bytes, at least one. */
      readonly payload: Uint8Array;
    }
  | {
      readonly kind: typeof CREDIT;
      /** Added to the window; at least 1. */
      readonly bytes: number;
    }
  | { readonly kind: typeof END; readonly stream: Stream }
  | ({ readonly kind: typeof CLOSE } & Outcome)
  | { readonly kind: typeof CANCEL };

/** Opens a channel. */
export interface Open {
  readonly kind: typeof OPEN;
  /** Name of the channel's kind. */
  readonly name: string;
  /** Scheduling class; {@link Class} 0 for the kind's own. */
  readonly class: Class;
  /** The parameters, encoded. */
  readonly payload: Uint8Array;
}

/** How a channel ended. */
export interface Outcome {
  /** Whether `payload` is the kind's result; else it is an encoded `Failure`. */
  readonly ok: boolean;
  /** The result or the error, encoded. */
  readonly payload: Uint8Array;
}

/** Whether the frame is counted for acknowledgement and resumption: all frames of channels are. */
export const isCounted = (frame: Frame): boolean => frame.kind >= OPEN;

/** Length of the payload in bytes, 0 when the frame has none. */
export const payloadLength = (frame: Frame): number => ("payload" in frame ? frame.payload.length : 0);
