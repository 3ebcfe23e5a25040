/**
 * A lane: one client's ordered, reliable, resumable sequence of frames, and the channels in it.
 *
 * The lane routes, a layer a direction: what it knows (`lane/state.ts`), what it says, how it ends, its user's calls, what it
 * hears. What a frame means to a channel is in `channel.ts`, what is kept for resumption in `replay.ts`, whose turn it is in
 * `schedule.ts`.
 */

import { Receiving } from "./lane/receiving.ts";

export type { Config, Epoch, LaneEvent, Role } from "./lane/state.ts";

/** One lane. */
export class Lane extends Receiving {}
