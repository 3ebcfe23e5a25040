/** The twelve bytes of a frame that a relay looks at, read and overwritten in place. Nothing here allocates. */

import { malformed, unexpected, WireError } from "../protocol/error.ts";
import { LEN, OPEN, RESET, WELCOME } from "../protocol/frame/header.ts";
import { MAX_FRAME } from "../protocol/limits.ts";

/** The array marker of each kind of frame, by its number: a frame with other elements would end the trunk for everybody. */
const MARKERS = [0, 0x94, 0x94, 0x94, 0x94, 0x95, 0x94, 0x94, 0x96, 0x95, 0x94, 0x94, 0x94, 0x95, 0x93];

const UINT32 = 0xce;

/**
 * Checks the header of a frame and says its kind.
 *
 * @throws {@link WireError} for any form but the one that a frame of this version has.
 */
export function kindOf(frame: Uint8Array): number {
  if (frame.length > MAX_FRAME) throw new WireError("FRAME_TOO_LARGE", `more than ${MAX_FRAME} bytes`);
  if (frame.length < LEN || frame[2] !== UINT32 || frame[7] !== UINT32) throw malformed("header");
  const kind = frame[1] as number;
  const marker = MARKERS[kind];
  if (!marker) throw new WireError("UNKNOWN_FRAME", `unknown frame kind ${kind}`);
  if (frame[0] !== marker) throw malformed("number of elements");
  if (kind >= OPEN === (channelOf(frame) === 0)) throw malformed("channel");
  return kind;
}

/** The lane of a frame whose header was checked. */
export const laneOf = (frame: Uint8Array): number => uint32(frame, 3);

/** The channel of a frame whose header was checked. */
export const channelOf = (frame: Uint8Array): number => uint32(frame, 8);

/** Gives the frame another lane, in place. */
export function setLane(frame: Uint8Array, lane: number): void {
  frame[3] = lane >>> 24;
  frame[4] = lane >>> 16;
  frame[5] = lane >>> 8;
  frame[6] = lane;
}

/** Refuses what only the other direction says. */
export function checkFromClient(kind: number): void {
  if (kind === WELCOME || kind === RESET) throw unexpected("a client does not say this");
}

function uint32(frame: Uint8Array, at: number): number {
  const high = frame[at] as number;
  return (
    high * 0x100_0000 +
    (((frame[at + 1] as number) << 16) | ((frame[at + 2] as number) << 8) | (frame[at + 3] as number))
  );
}
