/** Payloads of HELLO, WELCOME, GOAWAY: fields by name, in any order, of which unknown ones are ignored. */

import { ValueError } from "../error.ts";
import { decodeFields, encode } from "../msgpack.ts";

/** Payload of HELLO. */
export interface Hello {
  /** Newest protocol version that the client speaks. */
  readonly version: number;
  /** Names the lane and proves that it is the client's: 16 to 64 random bytes, a secret that is drawn once for each lane. */
  readonly token: Uint8Array;
  /** Counted frames of this lane that the client has received. */
  readonly received: number;
  /** Counts the HELLOs of this lane, from 1: one that is delivered late takes the lane from no later connection. */
  readonly attempt: number;
  /** The lane's age in milliseconds, as long as no HELLO of it was answered by WELCOME (R-HELLO-11). */
  readonly age_ms?: number | undefined;
  /** Name and version of the client, for logs; empty for none. At most 256 bytes. */
  readonly client: string;
  /** Bytes that the server may send on each channel before the first CREDIT; at least 65536, which is the default. */
  readonly window?: number | undefined;
  /** Scopes for this lane, by name. Default: all that the connection's token allows. */
  readonly scopes?: readonly string[] | undefined;
}

/** Payload of WELCOME. */
export interface Welcome {
  /** The version that both use from here on. */
  readonly version: number;
  /** Whether the lane that HELLO named goes on: it was there, or nothing of it had come. When false it is a new one. */
  readonly resumed: boolean;
  /** Counted frames of this lane that the server has received. */
  readonly received: number;
  /** Changes whenever the server starts. */
  readonly bootId: string;
  /** Name and version of the server. */
  readonly server: string;
  /** How long the lane outlives its connection, in milliseconds. */
  readonly laneTtlMs: number;
  /** Most channels that may be open in the lane at once. */
  readonly maxChannels: number;
  /** Most bytes of retained frames, as a sender in this lane may count on. */
  readonly retain: number;
}

/**
 * Payload of GOAWAY. From the server in lane 0: it drains; channels that are open go on until the deadline. In a lane, from
 * either side: the lane ends now and will not be resumed.
 */
export interface GoAway {
  /** A stable name: `draining`, `done`, `asleep` (from a relay: the sandbox was stopped), or the name of a lane error. */
  readonly reason: string;
  /** What happened, for a person; empty for nothing. */
  readonly message: string;
  /** Milliseconds until open channels are ended. */
  readonly deadlineMs?: number | undefined;
}

/**
 * Payload of RESET, by which a relay says that its trunk was lost: the client says HELLO again.
 */
export interface Reset {
  /** A stable name: `trunk-lost`; `no-trunk` when the last HELLO, and what came behind it, was not passed on. */
  readonly reason: string;
  /** What happened, for a person; empty for nothing. */
  readonly message: string;
}

/** Writes HELLO; fields that have their default are left out. */
export const encodeHello = (hello: Hello): Uint8Array =>
  encode({
    ...hello,
    received: hello.received || undefined,
    attempt: hello.attempt || undefined,
    client: hello.client || undefined,
  });

/** Reads WELCOME. Throws a {@link ValueError}. */
export function decodeWelcome(bytes: Uint8Array): Welcome {
  const { boot_id, lane_ttl_ms, max_channels, ...same } = decodeKnown(bytes, {
    version: 0,
    resumed: false,
    received: 0,
    boot_id: "",
    server: "",
    lane_ttl_ms: 0,
    max_channels: 0,
    retain: 0,
  });
  return { ...same, bootId: boot_id, laneTtlMs: lane_ttl_ms, maxChannels: max_channels };
}

/** Writes GOAWAY. */
export const encodeGoAway = ({ reason, message, deadlineMs }: GoAway): Uint8Array =>
  encode({ reason, message: message || undefined, deadline_ms: deadlineMs });

/** Reads GOAWAY, or RESET, which has of its fields the first two. Throws a {@link ValueError}. */
export function decodeGoAway(bytes: Uint8Array): GoAway & Reset {
  const { deadline_ms, ...same } = decodeKnown(bytes, { reason: "", message: "", deadline_ms: -1 });
  return { ...same, deadlineMs: deadline_ms < 0 ? undefined : deadline_ms };
}

/**
 * Reads the fields that have a default here, each of the default's type; numbers are unsigned integers. Beyond what a number
 * holds exactly, nearly is good enough: no honest peer says it. Throws a {@link ValueError}.
 */
export function decodeKnown<T extends Record<string, unknown>>(bytes: Uint8Array, defaults: T): T {
  const fields = decodeFields(bytes);
  const known: Record<string, unknown> = { ...defaults };
  for (const [name, fallback] of Object.entries(defaults)) {
    let value = fields[name] ?? fallback;
    if (typeof value === "bigint") value = Number(value);
    const wrong = typeof value === "number" && value !== fallback && !(Number.isInteger(value) && value >= 0);
    if (wrong || typeof value !== typeof fallback) throw new ValueError(`the field ${name} has a wrong type`);
    known[name] = value;
  }
  return known as T;
}
