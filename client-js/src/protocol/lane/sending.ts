/** What a lane says next, and whether it may. */

import type { Channel } from "../channel.ts";
import { ACK } from "../frame/header.ts";
import type { Frame } from "../frame.ts";
import { RETAIN_RESERVE } from "../limits.ts";
import { BULK, type Class, CONTROL } from "../schedule.ts";
import { type Epoch, LaneState } from "./state.ts";

/** The layer of a `Lane` that feeds its connection. */
export abstract class Sending extends LaneState {
  /** The next frame for the connection of this epoch. Its `lane` is 0: `encode` is told the number. */
  pollTransmit(epoch: Epoch): Frame | undefined {
    if (!this.isCurrent(epoch)) return undefined;
    if (this.ackDue) return { lane: 0, channel: 0, kind: ACK, received: this.acknowledgeNow() };
    const again = this.replay.resend();
    if (again) return again;
    for (let cls = this.#firstClass(); cls !== undefined && this.#maySend(cls); cls = this.#firstClass()) {
      const frame = this.#next(cls);
      if (frame) {
        this.replay.push(frame);
        return frame;
      }
    }
    return undefined;
  }

  /** The most urgent class in which {@link pollTransmit} has a frame; nothing when it has none. */
  transmitClass(): Class | undefined {
    if (!this.isAttached) return undefined;
    if (this.ackDue) return CONTROL;
    const cls = this.#firstClass();
    if (cls !== undefined && this.#maySend(cls)) return cls;
    return this.replay.hasResend() ? BULK : undefined;
  }

  /** Whether {@link pollTransmit} would give a frame. */
  hasTransmit(): boolean {
    return this.transmitClass() !== undefined;
  }

  protected queueOutbox(channel: Channel): void {
    if (channel.queued === undefined && channel.outbox.length > 0 && speaks(channel)) {
      channel.queued = channel.classNow();
      this.scheduler.push(channel.queued, channel.id);
    }
  }

  protected queueControl(channel: Channel): void {
    if (!channel.controlQueued && speaks(channel)) {
      channel.controlQueued = true;
      this.scheduler.push(CONTROL, channel.id);
    }
  }

  /**
   * Bulk leaves room for interactive frames, and these for control frames, so that a flood which fills the limit cannot hold a
   * key or the credit that ends the jam.
   */
  #maySend(cls: Class): boolean {
    return this.replay.bytes < this.retain - (cls * RETAIN_RESERVE) / BULK;
  }

  /** The most urgent class in which a new frame waits. */
  #firstClass(): Class | undefined {
    return this.opens.length > 0 ? CONTROL : this.scheduler.first();
  }

  /** The next new frame of this class; nothing when a channel turned out to have none. */
  #next(cls: Class): Frame | undefined {
    const open = cls === CONTROL ? this.opens.shift() : undefined;
    if (open) {
      const channel = this.byId.get(open.channel);
      if (channel) {
        channel.openCount = this.replay.sent + 1;
        this.queueOutbox(channel);
        this.queueControl(channel);
      }
      return open;
    }
    const channel = this.byId.get(this.scheduler.pop(cls) ?? 0);
    if (!channel) return undefined;
    if (cls === CONTROL) {
      channel.controlQueued = false;
      return channel.popControl();
    }
    channel.queued = undefined;
    const frame = channel.pop();
    if (channel.takeRoomWanted()) this.tell("writable", channel.id);
    this.queueOutbox(channel);
    this.forgetFinished(channel);
    return frame;
  }
}

/** Whether frames of this channel may go out: its OPEN did, or is the peer's. */
const speaks = (channel: Channel): boolean => channel.side === "acceptor" || channel.openCount > 0;
