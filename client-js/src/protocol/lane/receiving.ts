/** What a lane does with the peer's frames, and when it acknowledges them. */

import { Channel, wrongState } from "../channel.ts";
import { LaneError } from "../error.ts";
import { ACK, CANCEL, OPEN, PONG } from "../frame/header.ts";
import { type Frame, isCounted, type Open } from "../frame.ts";
import { classOf } from "../kind.ts";
import { ACK_BYTES, ACK_DELAY } from "../limits.ts";
import { retainCost } from "../replay.ts";
import { encodeFailure } from "./ending.ts";
import { User } from "./user.ts";

/** The layer of a `Lane` that hears the peer. */
export abstract class Receiving extends User {
  /**
   * Takes a frame of the peer for this lane. `now` is any clock that does not go back, in milliseconds. Throws a
   * {@link LaneError} when the peer broke the rules; the lane must then be given up.
   */
  handleFrame(now: number, frame: Frame): void {
    if (frame.kind === ACK || frame.kind === PONG) {
      // An acknowledgement that was overtaken by a newer one, in a PONG or a handshake, says nothing new.
      if (frame.received >= this.replay.acked && !this.replay.ack(frame.received)) throw this.badAck(frame.received);
      return;
    }
    const id = frame.channel;
    if (!isCounted(frame)) throw wrongState(id, "frame kind");
    this.#countReceived(now, frame);
    const channel = this.byId.get(id);
    if (frame.kind === OPEN) {
      this.#handleOpen(id, frame);
    } else if (channel) {
      this.#handleChannel(channel, frame);
    } else {
      this.#handleStray(id);
    }
  }

  /** When {@link handleTimeout} wants to be called. */
  pollTimeout(): number | undefined {
    return this.isAttached ? this.ackBy : undefined;
  }

  /** Time has passed. */
  handleTimeout(now: number): void {
    if (this.ackBy !== undefined && this.ackBy <= now) this.ackDue = true;
  }

  #handleChannel(channel: Channel, frame: Frame): void {
    const { id } = channel;
    if (channel.side === "opener" && channel.openCount === 0) throw noSuchChannel(id);
    const news = channel.handle(frame);
    if (channel.takeRoomWanted()) this.tell("writable", id);
    if (news) this.tell(frame.kind === CANCEL ? "cancelled" : "readable", id);
    this.forgetFinished(channel);
  }

  #handleOpen(id: number, open: Open): void {
    if (this.#isOurs(id) || id <= this.peerId) {
      throw new LaneError("BAD_CHANNEL_ID", `channel ${id}: may not be opened`);
    }
    if (this.accepted >= this.maxChannels * 2) throw new LaneError("TOO_MANY_CHANNELS", "too many channels");
    this.peerId = id;
    const cls = open.class || classOf(open.name);
    this.byId.set(id, new Channel(id, "acceptor", cls, this.sendWindow, this.recvWindow));
    this.accepted += 1;
    if (!this.draining && this.accepted <= this.maxChannels) {
      this.events.push({ type: "opened", id, name: open.name, params: open.payload });
      return;
    }
    const limit = this.maxChannels;
    const failure = this.draining
      ? { code: "DRAINING", message: "no new work is taken" }
      : {
          code: "LIMIT_EXCEEDED",
          message: `no more than ${limit} channels may be open`,
          details: { limit },
        };
    this.close(id, { ok: false, payload: encodeFailure(failure) });
  }

  /**
   * A frame for a channel that is not there. What the peer said before it had our CLOSE crossed it, and is dropped; after its
   * own CLOSE it has nothing to say.
   */
  #handleStray(id: number): void {
    const ours = this.#isOurs(id);
    if (id === 0 || (ours ? id >= this.nextId : id > this.peerId)) throw noSuchChannel(id);
    if (ours) throw wrongState(id, "a frame after CLOSE");
  }

  #isOurs(id: number): boolean {
    return (id % 2 === 1) === (this.role === "client");
  }

  #countReceived(now: number, frame: Frame): void {
    this.count += 1;
    this.unreportedBytes += retainCost(frame);
    if (this.unreportedBytes >= ACK_BYTES) this.ackDue = true;
    else this.ackBy ??= now + ACK_DELAY;
  }
}

const noSuchChannel = (id: number): LaneError => new LaneError("NO_SUCH_CHANNEL", `channel ${id}: never opened`);
