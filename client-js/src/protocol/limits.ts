/** Every bound and default of the wire, with its unit and its reason. */

/** Version of the protocol. HELLO carries the newest version that the client speaks, WELCOME the one that both will use. */
export const VERSION = 1;

/** Largest frame, in bytes, header included. Every WebSocket runtime accepts 1 MiB. */
export const MAX_FRAME = 1 << 20;

/** Largest payload, in bytes, that an encoder puts in one DATA frame: a key waits at most for one frame that is on its way. */
export const MAX_DATA = 64 << 10;

/** Largest payload, in bytes, of an OPEN or CLOSE. Leaves room for the header in {@link MAX_FRAME}. */
export const MAX_PAYLOAD = MAX_FRAME - 256;

/** Largest payload, in bytes, of an EVENT: it fits in every window whole, and leaves room beside it. */
export const MAX_EVENT = 32 << 10;

/** The last bytes of a window, which DATA may not use: a signal can be sent although nobody takes the data before it. */
export const EVENT_RESERVE = 4 << 10;

/** How deep lists and maps in a payload may be nested. A reader descends into them, and its stack has an end. */
export const MAX_DEPTH = 32;

/** Longest name of a channel kind, in bytes. */
export const MAX_KIND_NAME = 64;

/** Longest name of a client in HELLO, in bytes. */
export const MAX_CLIENT_NAME = 256;

/** Shortest token in HELLO, in bytes. */
export const TOKEN_MIN = 16;

/** Longest token in HELLO, in bytes. */
export const TOKEN_MAX = 64;

/**
 * Bytes per channel that either side may send before the first CREDIT, until HELLO says otherwise, and the fixed window for
 * what the opener sends: an OPEN and its data go out before WELCOME arrives.
 */
export const INITIAL_WINDOW = 64 << 10;

/** Default of the per-channel window that a client announces in HELLO, in bytes. */
export const DEFAULT_CLIENT_WINDOW = 256 << 10;

/** Largest window, in bytes, that a receiver grows for a reader that keeps up. */
export const MAX_WINDOW = 4 << 20;

/** Only frames of at least this many bytes let a window grow: keys and prompts need no more than the first one. */
export const GROWTH_FRAME = 4 << 10;

/** What a DATA or EVENT frame costs at least, in bytes of window: a flood of tiny frames costs the receiver memory, too. */
export const MIN_COST = 64;

/** What is added to the payload, in bytes, when retained frames are counted: the memory of the bookkeeping. */
export const RETAIN_OVERHEAD = 128;

/** Default limit of a lane's retained (sent, unacknowledged) bytes. */
export const DEFAULT_RETAIN = 4 << 20;

/** The least that any peer lets a lane retain, in bytes. {@link ACK_BYTES} is far enough below it. */
export const MIN_RETAIN = 512 << 10;

/**
 * Part of the retention limit, in bytes, that bulk frames may not use: room for interactive and control frames, which in turn
 * leave half of it to control frames.
 */
export const RETAIN_RESERVE = 128 << 10;

/** A receiver acknowledges after this many bytes (payload plus {@link RETAIN_OVERHEAD} for each frame). */
export const ACK_BYTES = 128 << 10;

/** A receiver acknowledges at the latest this long after the first frame that it has not acknowledged, in milliseconds. */
export const ACK_DELAY = 1000;

/** An interactive channel whose queue holds more than this, in bytes, is scheduled as bulk. */
export const INTERACTIVE_BACKLOG = 16 << 10;

/** Default of the longest queue of one channel's unsent DATA and EVENT payloads, in bytes. */
export const OUTBOX = 128 << 10;

/** Default time that a server keeps a lane whose connection is lost, in milliseconds. */
export const LANE_TTL = 120_000;

/** A side that has heard nothing for this long says PING, in milliseconds. */
export const PING_AFTER = 10_000;

/** A connection that stays silent for this long is dead, in milliseconds. */
export const DEAD_AFTER = 25_000;

/** Time that a new connection has for its HELLO, in milliseconds. */
export const HELLO_WITHIN = 10_000;
