/** How channels and the lane itself come to their end. */

import type { Failure } from "../error.ts";
import { CANCEL } from "../frame/header.ts";
import { encode } from "../msgpack.ts";
import { Replay } from "../replay.ts";
import { Sending } from "./sending.ts";

/** The layer of a `Lane` that ends it. */
export abstract class Ending extends Sending {
  /** Refuses new channels from here on, with `DRAINING`. */
  drain(): void {
    this.draining = true;
  }

  /**
   * The lane is gone for good. Channels that we opened end with `OPERATION_INTERRUPTED`, whose `admitted` says what is known
   * of them: `true`, the peer had the OPEN; `false`, it was never sent; `unknown`. Channels of the peer are cancelled.
   */
  fail(reason: string): void {
    this.detach();
    this.gone = reason;
    const { acked } = this.replay;
    this.replay = new Replay();
    this.opens.clear();
    this.scheduler.clear();
    for (const channel of this.byId.values()) {
      channel.queued = undefined;
      channel.controlQueued = false;
      if (channel.side === "acceptor") {
        if (channel.state !== "open") continue;
        channel.handle({ lane: 0, channel: channel.id, kind: CANCEL });
        this.tell("cancelled", channel.id);
      } else if (channel.state !== "closed") {
        // An answer proves the arrival as well as an acknowledgement.
        const arrived = channel.heard ? channel.openCount : acked;
        channel.end({ ok: false, payload: interrupted(reason, channel.openCount, arrived) });
        this.tell("readable", channel.id);
      } else {
        continue;
      }
      this.tell("writable", channel.id);
      this.forgetFinished(channel);
    }
  }
}

/** The error of a channel that was lost with its lane, encoded. */
export function interrupted(reason: string, openCount: number, arrived: number): Uint8Array {
  const [admitted, known] =
    openCount === 0
      ? ["false", "it was never sent: repeating it is safe"]
      : openCount <= arrived
        ? ["true", "it was started, and may have ended"]
        : ["unknown", "it may have been started"];
  return encodeFailure({
    code: "OPERATION_INTERRUPTED",
    message: `the lane is lost (${reason}): ${known}`,
    details: { admitted, reason },
  });
}

/** The payload of a CLOSE that says an error. */
export const encodeFailure = (failure: Failure): Uint8Array => encode({ ...failure });
