/** The fixed-width header: all that a relay needs to know of a frame. */

import { malformed } from "../error.ts";

/** Length of the header in bytes: array marker, kind, lane, channel. */
export const LEN = 12;

/** HELLO: the client opens a lane, or goes on with one. A number is never used again for another frame. */
export const HELLO = 1;
/** WELCOME: the server's answer. */
export const WELCOME = 2;
/** ACK: all counted frames of this lane up to this number have been received. */
export const ACK = 3;
/** PING: asks for a PONG. */
export const PING = 4;
/** PONG: answers a PING, and acknowledges as ACK does. */
export const PONG = 5;
/** GOAWAY: no new channels here. */
export const GOAWAY = 6;
/** RESET, from a relay: the other side of this lane lost its connection. */
export const RESET = 7;
/** OPEN: opens a channel. From here on, frames are of channels and counted. */
export const OPEN = 8;
/** DATA: bytes of a stream. */
export const DATA = 9;
/** EVENT: a message of the channel's kind. */
export const EVENT = 10;
/** CREDIT: so many more bytes may be sent on this channel. */
export const CREDIT = 11;
/** END: the stream has ended. */
export const END = 12;
/** CLOSE: the channel has ended. */
export const CLOSE = 13;
/** CANCEL: the opener gives up. */
export const CANCEL = 14;

/** A frame's address, read without decoding the rest. */
export interface Header {
  /** Number of elements of the array. */
  readonly elements: number;
  /** Frame kind: {@link HELLO} to {@link CANCEL}, or a number that is not known. */
  readonly kind: number;
  /** Lane. */
  readonly lane: number;
  /** Channel. */
  readonly channel: number;
}

const FIXARRAY = 0x90;
const UINT32 = 0xce;

/** Reads the header at the begin of a frame. Throws a `WireError` for any other form than the fixed one. */
export function readHeader(frame: Uint8Array): Header {
  const [marker = 0, kind = 0] = frame;
  const elements = marker - FIXARRAY;
  if (frame.length < LEN || frame[2] !== UINT32 || frame[7] !== UINT32 || elements < 3 || elements > 15) {
    throw malformed("header");
  }
  const view = new DataView(frame.buffer, frame.byteOffset);
  return { elements, kind, lane: view.getUint32(3), channel: view.getUint32(8) };
}

/** Gives an encoded frame another lane, in place. Throws a `WireError` when it has no header to overwrite. */
export function readdress(frame: Uint8Array, lane: number): void {
  readHeader(frame);
  new DataView(frame.buffer, frame.byteOffset).setUint32(3, lane);
}
