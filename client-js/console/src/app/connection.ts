/** The one connection to the sandbox: who may, how it is, how fast it is. */

import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { connect, RefusedError } from "../../../src/index.ts";
import type { State } from "../../../src/state.ts";
import type { Client } from "./client.ts";
import { readSession, type Session } from "./session.ts";

/** Whether the page may talk to the server. */
export type Access =
  | { readonly is: "checking" }
  /** A token is wanted. */
  | { readonly is: "signed-out" }
  | { readonly is: "unreachable"; readonly error: unknown }
  | { readonly is: "open"; readonly client: Client };

/** How much went over the connection, and how long an answer takes. */
export interface Traffic {
  /** Round trip in milliseconds, once measured. */
  readonly rtt: number | undefined;
  /** Bytes a second to the sandbox. */
  readonly up: number;
  /** Bytes a second from the sandbox. */
  readonly down: number;
}

/**
 * Bytes that a channel starts with: what a flooded terminal must still draw before the answer to Control-C. Downloads get
 * more as they go.
 */
const WINDOW = 64 * 1024;
/** Milliseconds for which a lost connection is dialled again: a page may be left open over night. */
const GIVE_UP_MS = 24 * 3_600_000;
/** Milliseconds between two looks at the traffic. */
const LOOK_MS = 1000;
/** Looks between two pings: the client's own are rarer, as they need only find out that nobody is there. */
const LOOKS_PER_PING = 5;

const accessNow = signal<Access>({ is: "checking" });
const stateNow = signal<State>({ status: "connecting" });
const sessionNow = signal<Session | undefined>(undefined);
const trafficNow = signal<Traffic>({ rtt: undefined, up: 0, down: 0 });

/** Whether the page may talk to the server, and the client when it may. */
export const access: ReadonlySignal<Access> = accessNow;
/** What the connection is doing. */
export const state: ReadonlySignal<State> = stateNow;
/** Who is signed in, once that is known. */
export const session: ReadonlySignal<Session | undefined> = sessionNow;
/** The traffic of the last second. */
export const traffic: ReadonlySignal<Traffic> = trafficNow;

let connecting = false;

/** Connects, or finds out that somebody must sign in first. Also called to try again. */
export async function start(): Promise<void> {
  // Two tries at once would make two clients, and one of them would be nobody's for as long as the page lives.
  if (connecting) return;
  connecting = true;
  accessNow.value = { is: "checking" };
  try {
    const options = { name: "sandwire-console", window: WINDOW, giveUpAfter: GIVE_UP_MS };
    const client = await connect(address(), options).finally(() => {
      connecting = false;
    });
    client.onStateChange(changed => {
      stateNow.value = changed;
      // Nothing will come of this client any more: the session may have run out, and then somebody must sign in.
      if (changed.status === "closed") void start();
    });
    batch(() => {
      stateNow.value = client.state;
      accessNow.value = { is: "open", client };
    });
    sessionNow.value = await readSession();
  } catch (error) {
    accessNow.value =
      error instanceof RefusedError && error.context["status"] === 401
        ? { is: "signed-out" }
        : { is: "unreachable", error };
  }
}

/** Called when the page is left for good, before the connection is closed and ends what runs on it. */
export const lastWords: Set<() => void> = new Set();

/** Says goodbye when the page is left, so that the server keeps nothing for somebody who does not come back. */
export function closeOnLeave(): void {
  addEventListener("pagehide", event => {
    const now = accessNow.value;
    // A page in the browser's cache may come back, and then goes on where it was.
    if (event.persisted || now.is !== "open") return;
    for (const last of lastWords) last();
    void now.client.close();
  });
}

/** Where the server's WebSocket is. The session's cookie goes along by itself. */
export function address(): string {
  const url = new URL("v1/connect", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Wakes a sandbox that sleeps. How that goes, the state tells. */
export function wake(): void {
  const now = accessNow.value;
  if (now.is === "open") now.client.info().catch(() => {});
}

/** Looks at the traffic for as long as the page lives; not while nobody sees it. */
export function watchTraffic(): void {
  let before = { at: performance.now(), up: 0, down: 0 };
  let looks = 0;
  let pinging = false;
  setInterval(() => {
    const open = accessNow.value;
    if (open.is !== "open" || document.hidden) return;
    const { bytesUp, bytesDown, rtt } = open.client.stats;
    const now = { at: performance.now(), up: bytesUp, down: bytesDown };
    const seconds = (now.at - before.at) / 1000;
    trafficNow.value = {
      rtt,
      up: Math.max(0, (now.up - before.up) / seconds),
      down: Math.max(0, (now.down - before.down) / seconds),
    };
    before = now;
    looks += 1;
    if (looks % LOOKS_PER_PING !== 0 || pinging || stateNow.value.status !== "connected") return;
    pinging = true;
    const done = () => {
      pinging = false;
    };
    // A client that is closed says so itself.
    open.client.ping().then(done, done);
  }, LOOK_MS);
}
