//! Every bound and default of the wire, with its unit and its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Version of the protocol that this crate speaks. HELLO carries the newest version that the client speaks,
/// WELCOME the one that both will use.
pub const VERSION: u32 = 1;

/// Largest frame, in bytes, header included. Every WebSocket runtime accepts 1 MiB.
pub const MAX_FRAME: usize = 1 << 20;

/// Largest payload, in bytes, that an encoder puts in one DATA frame. A keystroke waits at most for one frame that
/// is already on its way, so bulk frames stay well below [`MAX_FRAME`]; relays are fastest at this size too.
pub const MAX_DATA: usize = 64 << 10;

/// Largest payload, in bytes, of an OPEN or CLOSE. Leaves room for the header in [`MAX_FRAME`].
pub const MAX_PAYLOAD: usize = MAX_FRAME - 256;

/// Largest payload, in bytes, of an EVENT: it fits in every window whole, and leaves room beside it.
pub const MAX_EVENT: usize = 32 << 10;

/// The last bytes of a window, which DATA may not use: an EVENT, such as a signal, can be sent although nobody takes
/// the data before it.
pub const EVENT_RESERVE: u32 = 4 << 10;

/// How deep lists and maps in a payload may be nested. A reader descends into them, and its stack has an end.
pub const MAX_DEPTH: usize = 32;

/// Longest name of a channel kind, in bytes.
pub const MAX_KIND_NAME: usize = 64;

/// Longest name of a client in HELLO, in bytes.
pub const MAX_CLIENT_NAME: usize = 256;

/// Length of the token in HELLO, in bytes.
pub const TOKEN_LENGTH: RangeInclusive<usize> = 16..=64;

/// Bytes per channel that either side may send before the first CREDIT, until HELLO or WELCOME says otherwise, and the
/// fixed window for what the opener sends: an OPEN and its data go out before WELCOME arrives.
pub const INITIAL_WINDOW: u32 = 64 << 10;

/// Default of the per-channel window that a client announces in HELLO, in bytes.
pub const DEFAULT_CLIENT_WINDOW: u32 = 256 << 10;

/// Largest window, in bytes, that a receiver grows for a reader that keeps up.
pub const MAX_WINDOW: u32 = 4 << 20;

/// Only frames of at least this many bytes let a window grow: keys and prompts need no more than the first one.
pub const GROWTH_FRAME: u32 = 4 << 10;

/// What a DATA or EVENT frame costs at least, in bytes of window. Without it a flood of one-byte frames would cost the
/// receiver far more memory than the window says.
pub const MIN_COST: u32 = 64;

/// What is added to the payload, in bytes, when retained frames are counted: the memory of the bookkeeping.
pub const RETAIN_OVERHEAD: usize = 128;

/// Default limit of a lane's retained (sent, unacknowledged) bytes.
pub const DEFAULT_RETAIN: usize = 4 << 20;

/// The least that any peer lets a lane retain, in bytes. [`ACK_BYTES`] is far enough below it that a sender never
/// waits for an acknowledgement that the receiver holds back.
pub const MIN_RETAIN: usize = 512 << 10;

/// Part of the retention limit, in bytes, that bulk frames may not use: room for interactive and control frames, which
/// in turn leave half of it to control frames.
pub const RETAIN_RESERVE: usize = 128 << 10;

/// A receiver acknowledges after this many bytes (payload plus [`RETAIN_OVERHEAD`] for each frame).
pub const ACK_BYTES: usize = 128 << 10;

/// A receiver acknowledges at the latest this long after the first frame that it has not acknowledged.
pub const ACK_DELAY: Duration = Duration::from_secs(1);

/// An interactive channel whose queue holds more than this, in bytes, is scheduled as bulk: a terminal that floods
/// must not hold the echo of another one.
pub const INTERACTIVE_BACKLOG: usize = 16 << 10;

/// Default of the longest queue of one channel's unsent DATA and EVENT payloads, in bytes.
pub const OUTBOX: usize = 128 << 10;

/// Default time that a server keeps a lane whose connection is lost.
pub const LANE_TTL: Duration = Duration::from_secs(120);

/// A side that has heard nothing for this long says PING.
pub const PING_AFTER: Duration = Duration::from_secs(10);

/// A connection that stays silent for this long is dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(25);

/// Time that a new connection has for its HELLO.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);
