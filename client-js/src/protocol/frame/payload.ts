/** Payloads of HELLO, WELCOME, GOAWAY: fields by name, which may come in any order; unknown ones are ignored. */

import { ValueError } from "../error.ts";
import { decodeFields, encode, type Fields } from "../msgpack.ts";

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
  /** Whether the lane that HELLO named was there and goes on. When false it is a new one. */
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
  /** A stable name: `draining`, `done`, or the name of a lane error. */
  readonly reason: string;
  /** What happened, for a person; empty for nothing. */
  readonly message: string;
  /** Milliseconds until open channels are ended. */
  readonly deadlineMs?: number | undefined;
}

/** Writes HELLO; fields that have their default are left out. */
export const encodeHello = (hello: Hello): Uint8Array =>
  encode({
    version: hello.version,
    token: hello.token,
    received: hello.received || undefined,
    attempt: hello.attempt || undefined,
    client: hello.client || undefined,
    window: hello.window,
    scopes: hello.scopes,
  });

/** Reads HELLO. Throws a {@link ValueError}. */
export function decodeHello(bytes: Uint8Array): Hello {
  const fields = decodeFields(bytes);
  const { token = new Uint8Array(), scopes } = fields;
  if (!(token instanceof Uint8Array)) throw wrongType("token");
  const names = Array.isArray(scopes) && scopes.every(scope => typeof scope === "string");
  if (!names && scopes !== undefined && scopes !== null) throw wrongType("scopes");
  return {
    version: uint(fields, "version"),
    token,
    received: uint(fields, "received"),
    attempt: uint(fields, "attempt"),
    client: text(fields, "client"),
    window: optionalUint(fields, "window"),
    scopes: names ? scopes : undefined,
  };
}

/** Writes WELCOME. */
export const encodeWelcome = (welcome: Welcome): Uint8Array =>
  encode({
    version: welcome.version,
    resumed: welcome.resumed,
    received: welcome.received,
    boot_id: welcome.bootId,
    server: welcome.server,
    lane_ttl_ms: welcome.laneTtlMs,
    max_channels: welcome.maxChannels,
    retain: welcome.retain,
  });

/** Reads WELCOME. Throws a {@link ValueError}. */
export function decodeWelcome(bytes: Uint8Array): Welcome {
  const fields = decodeFields(bytes);
  const { resumed = false } = fields;
  if (typeof resumed !== "boolean") throw wrongType("resumed");
  return {
    version: uint(fields, "version"),
    resumed,
    received: uint(fields, "received"),
    bootId: text(fields, "boot_id"),
    server: text(fields, "server"),
    laneTtlMs: uint(fields, "lane_ttl_ms"),
    maxChannels: uint(fields, "max_channels"),
    retain: uint(fields, "retain"),
  };
}

/** Writes GOAWAY. */
export const encodeGoAway = ({ reason, message, deadlineMs }: GoAway): Uint8Array =>
  encode({ reason, message: message || undefined, deadline_ms: deadlineMs });

/** Reads GOAWAY. Throws a {@link ValueError}. */
export function decodeGoAway(bytes: Uint8Array): GoAway {
  const fields = decodeFields(bytes);
  return {
    reason: text(fields, "reason"),
    message: text(fields, "message"),
    deadlineMs: optionalUint(fields, "deadline_ms"),
  };
}

const wrongType = (name: string): ValueError => new ValueError(`the field ${name} has a wrong type`);

/** An absent field has its default. Beyond what a number holds exactly, nearly is good enough: no honest peer says it. */
function uint(fields: Fields, name: string): number {
  const value = fields[name] ?? 0;
  if (typeof value === "bigint" || Number.isInteger(value)) {
    const number = Number(value);
    if (number >= 0) return number;
  }
  throw wrongType(name);
}

const optionalUint = (fields: Fields, name: string): number | undefined =>
  (fields[name] ?? undefined) === undefined ? undefined : uint(fields, name);

function text(fields: Fields, name: string): string {
  const value = fields[name] ?? "";
  if (typeof value === "string") return value;
  throw wrongType(name);
}
