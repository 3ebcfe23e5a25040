/** What the user of a lane does: open, send, take, end, give up. */

import { type Blocked, Channel, type Item } from "../channel.ts";
import { OPEN } from "../frame/header.ts";
import type { Outcome, Stream } from "../frame.ts";
import { INITIAL_WINDOW } from "../limits.ts";
import { type Class, CONTROL, INTERACTIVE } from "../schedule.ts";
import { Ending, interrupted } from "./ending.ts";

/** The last id of a channel: ids are 32 bits wide. */
const LAST_ID = 0xffff_ffff;

/** The layer of a `Lane` with the calls of its user. */
export abstract class User extends Ending {
  /**
   * Opens a channel. Returns its id, or nothing when `maxChannels` are open or the ids are used up. In a lane that is gone the
   * channel ends at once, as {@link fail} says. `explicit`: OPEN names the class, as it is not the kind's own. `params` are
   * encoded and have at most `MAX_PAYLOAD` bytes, as `encode` of `msgpack.ts` sees to.
   */
  open(name: string, cls: Class, explicit: boolean, params: Uint8Array): number | undefined {
    const id = this.nextId;
    if (this.byId.size - this.accepted >= this.maxChannels || id + 2 > LAST_ID) return undefined;
    this.nextId = id + 2;
    // The control class is for the lane's own frames.
    const own = cls === CONTROL ? INTERACTIVE : cls;
    const channel = new Channel(id, "opener", own, INITIAL_WINDOW, this.recvWindow);
    this.byId.set(id, channel);
    if (this.gone !== undefined) {
      channel.end({ ok: false, payload: interrupted(this.gone, 0, 0) });
      this.tell("readable", id);
    } else {
      this.opens.push({ lane: 0, channel: id, kind: OPEN, name, class: explicit ? own : CONTROL, payload: params });
    }
    return id;
  }

  /**
   * Longest payload that {@link send} takes now; nothing when the channel takes nothing any more. When it is 0, `writable`
   * comes.
   */
  room(id: number): number | undefined {
    const channel = this.byId.get(id);
    if (channel?.state !== "open") return undefined;
    const room = channel.room();
    if (room === 0) channel.wantRoom();
    return room;
  }

  /** Asks for `writable` when there is more room than now. */
  wantRoom(id: number): void {
    this.byId.get(id)?.wantRoom();
  }

  /** Queues DATA. No bytes are no frame. Returns why not when nothing was queued. The bytes are not copied. */
  send(id: number, stream: Stream, data: Uint8Array): Blocked | undefined {
    return this.#queue(id, channel => channel.push(stream, data));
  }

  /** Queues EVENT. Returns why not when nothing was queued. */
  event(id: number, payload: Uint8Array): Blocked | undefined {
    return this.#queue(id, channel => channel.pushEvent(payload));
  }

  /** Queues END. Returns `done` when the stream or the channel has ended. */
  end(id: number, stream: Stream): Blocked | undefined {
    return this.#queue(id, channel => channel.pushEnd(stream));
  }

  /**
   * Ends a channel that the peer opened. Returns `done` when it has ended, or is ours. The payload has at most `MAX_PAYLOAD`
   * bytes, as `encode` of `msgpack.ts` sees to.
   */
  override close(id: number, outcome: Outcome): Blocked | undefined {
    return this.#queue(id, channel => {
      const blocked = channel.pushClose(outcome);
      // Nobody will ever be told.
      if (!blocked && this.gone !== undefined) channel.discard();
      return blocked;
    });
  }

  /** Gives up a channel that we opened. Its CLOSE still comes. */
  cancel(id: number): void {
    const channel = this.byId.get(id);
    if (channel?.cancel()) {
      this.queueControl(channel);
      if (channel.takeRoomWanted()) this.tell("writable", id);
    }
  }

  /** Gives up a channel that we opened, and whatever arrives on it. */
  release(id: number): void {
    this.cancel(id);
    const channel = this.byId.get(id);
    if (channel) {
      channel.abandon();
      this.forgetFinished(channel);
    }
  }

  /** Takes the next item of a channel. Taking DATA and EVENT lets the peer send more. */
  recv(id: number): Item | undefined {
    const channel = this.byId.get(id);
    const item = channel?.take(this);
    if (channel && item) {
      if (channel.hasCredit()) this.queueControl(channel);
      this.forgetFinished(channel);
    }
    return item;
  }

  #queue(id: number, push: (channel: Channel) => Blocked | undefined): Blocked | undefined {
    const channel = this.byId.get(id);
    if (!channel) return "done";
    const blocked = push(channel);
    if (!blocked) {
      this.queueOutbox(channel);
      this.forgetFinished(channel);
    }
    return blocked;
  }
}
