/** The one connection to the sandbox: dialled while somebody needs it, watched while it stands, given up when nobody does. */

import { after, monotonic } from "../platform.ts";
import { malformed, WireError } from "../protocol/error.ts";
import { encode } from "../protocol/frame/codec.ts";
import { PING } from "../protocol/frame/header.ts";
import { CONNECTION } from "../protocol/frame.ts";
import { DEAD_AFTER, PING_AFTER } from "../protocol/limits.ts";

/** What the owner of a trunk has to act on. */
export interface TrunkOwner {
  /** It stands. */
  handleConnected(): void;
  /** A message came. May throw a {@link WireError}, which ends it. */
  handleFrame(frame: Uint8Array): void;
  /** It is gone. */
  handleDisconnected(): void;
  /** It could not be had, for this reason, and is not tried again by itself. */
  handleUnreachable(reason: string): void;
  /** Whether somebody needs it. */
  isNeeded(): boolean;
  /** Whether something goes on that has to be heard. */
  isBusy(): boolean;
}

/** How to have a trunk. */
export interface TrunkOptions {
  /** Makes it: accepted and open. */
  dial(): Promise<WebSocket>;
  /** Milliseconds without a frame after which it is given up when nothing is open on it. */
  readonly idleAfter: number;
}

/** How often a trunk is dialled in a row, and the longest pause after the first failure, in milliseconds; then doubled. */
const TRIES = 4;
const FIRST_PAUSE = 250;

/** Dials, holds and watches one WebSocket at a time. */
export class Trunk {
  readonly #options: TrunkOptions;
  readonly #owner: TrunkOwner;
  #socket: WebSocket | undefined;
  #dialling = false;
  /** Rises when what is being dialled is not wanted any more. */
  #generation = 0;
  #heard = 0;
  #used = 0;
  #pinged = false;
  #nonce = 0;
  #stopTimer: (() => void) | undefined;

  constructor(options: TrunkOptions, owner: TrunkOwner) {
    this.#options = options;
    this.#owner = owner;
  }

  /** Whether it stands. */
  get connected(): boolean {
    return this.#socket !== undefined;
  }

  /** Makes it, unless it stands or is being made. */
  dial(): void {
    if (this.#socket !== undefined || this.#dialling) return;
    this.#dialling = true;
    this.#dialUntilThere(this.#generation).finally(() => {
      this.#dialling = false;
      // Somebody came while it was given up.
      if (this.#socket === undefined && this.#owner.isNeeded()) this.dial();
    });
  }

  /** Sends a frame. The bytes are not copied by us, and not touched any more. */
  send(frame: Uint8Array): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    this.#used = monotonic();
    socket.send(frame);
  }

  /** Gives it up, or the dialling of it. */
  drop(code: number, reason: string): void {
    this.#generation += 1;
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#lost(socket);
    close(socket, code, reason);
  }

  async #dialUntilThere(generation: number): Promise<void> {
    let reason = "";
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      if (attempt > 0) await pause(FIRST_PAUSE * 2 ** (attempt - 1) * Math.random());
      if (this.#generation !== generation || !this.#owner.isNeeded()) return;
      try {
        const socket = await this.#options.dial();
        if (this.#generation === generation) return this.#begin(socket);
        close(socket, 1000, "not needed any more");
        return;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
      }
    }
    if (this.#generation === generation) this.#owner.handleUnreachable(`the sandbox cannot be reached: ${reason}`);
  }

  #begin(socket: WebSocket): void {
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#heard = monotonic();
    this.#used = this.#heard;
    this.#pinged = false;
    socket.addEventListener("message", ({ data }) => this.#handleMessage(socket, data));
    socket.addEventListener("close", () => this.#lost(socket));
    socket.addEventListener("error", () => this.#lost(socket));
    this.#watch();
    this.#owner.handleConnected();
  }

  #handleMessage(socket: WebSocket, data: unknown): void {
    if (this.#socket !== socket) return;
    this.#heard = monotonic();
    this.#pinged = false;
    try {
      if (!(data instanceof ArrayBuffer)) throw malformed("a text message");
      this.#owner.handleFrame(new Uint8Array(data));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.drop(error.closeCode, `${error.code}: ${error.message}`);
    }
  }

  #lost(socket: WebSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#stopTimer?.();
    this.#owner.handleDisconnected();
  }

  /** Looks whether it lives and whether it is needed, whenever one of that may have changed, as long as it stands. */
  #watch(): void {
    const { idleAfter } = this.#options;
    const now = monotonic();
    const silentAt = this.#heard + (this.#pinged ? DEAD_AFTER : PING_AFTER);
    const idleAt = this.#used + idleAfter > now ? this.#used + idleAfter : now + idleAfter;
    this.#stopTimer = after(Math.max(0, Math.min(silentAt, idleAt) - now), () => {
      const then = monotonic();
      const silence = then - this.#heard;
      if (silence >= DEAD_AFTER) {
        this.drop(1001, "PEER_SILENT: the sandbox is silent");
      } else if (then - this.#used >= idleAfter && !this.#owner.isBusy()) {
        // Without it the object can sleep. Lanes that have nothing open lose nothing.
        this.drop(1000, "nothing is open");
      } else {
        if (silence >= PING_AFTER && !this.#pinged) this.#ping();
        this.#watch();
      }
    });
  }

  #ping(): void {
    this.#pinged = true;
    this.#nonce += 1;
    const used = this.#used;
    this.send(encode({ lane: CONNECTION, channel: 0, kind: PING, nonce: this.#nonce }));
    this.#used = used;
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => void after(ms, resolve));

/** Closes a WebSocket, whatever state it is in. */
export function close(socket: Pick<WebSocket, "close">, code: number, reason: string): void {
  try {
    // Two bytes a character at the most are what our reasons have, and 123 bytes what a close frame takes.
    socket.close(code, reason.slice(0, 61));
  } catch {
    // It is closed already.
  }
}
