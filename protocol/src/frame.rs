//! Frames: what one binary WebSocket message carries.
//!
//! A frame is one MessagePack array `[kind, lane, channel, …fields]` whose first three elements have a fixed width, so
//! that a relay can give a frame another lane by overwriting four bytes ([`header::readdress`]). Everything that may
//! grow over the years is inside the payload, a `bin` that comes last.

pub mod codec;
pub mod header;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::byte_string::{ByteString, bin};
use crate::kind::command::{is_false, is_zero};
use crate::schedule::Class;

/// The lane that means the connection itself: PING, PONG and GOAWAY of one hop.
pub const CONNECTION: u32 = 0;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The lane, [`CONNECTION`] for the connection itself.
    pub lane: u32,
    /// The channel in the lane; 0 for a frame about the lane or the connection.
    pub channel: u32,
    /// What it says.
    pub body: Body,
}

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The client opens a lane, or goes on with one. Payload: [`Hello`].
    Hello(Bytes),
    /// The server's answer. Payload: [`Welcome`].
    Welcome(Bytes),
    /// All counted frames of this lane up to this number have been received.
    Ack {
        /// How many.
        received: u64,
    },
    /// Asks for a PONG.
    Ping {
        /// Comes back in the PONG.
        nonce: u64,
    },
    /// Answers a PING, and acknowledges as ACK does (0 on lane 0).
    Pong {
        /// That of the PING.
        nonce: u64,
        /// As in ACK.
        received: u64,
    },
    /// No new channels here. Payload: [`GoAway`].
    GoAway(Bytes),
    /// From a relay: the other side of this lane lost its connection. Payload: [`Reset`].
    Reset(Bytes),
    /// Opens a channel. Payload: the kind's parameters.
    Open {
        /// Name of the kind.
        kind: String,
        /// Scheduling class, when it is not the kind's own.
        class: Option<Class>,
        /// The parameters.
        params: Bytes,
    },
    /// Bytes of a stream.
    Data {
        /// 0 standard input or the only stream, 1 standard output, 2 standard error.
        stream: u8,
        /// At least one byte.
        data: Bytes,
    },
    /// A message of the channel's kind. Payload: a map with one entry.
    Event(Bytes),
    /// So many more bytes may be sent on this channel.
    Credit {
        /// Added to the window; at least 1.
        bytes: u32,
    },
    /// The stream has ended; nothing more comes on it.
    End {
        /// As in DATA.
        stream: u8,
    },
    /// The channel has ended.
    Close(Outcome),
    /// The opener gives up. The other side stops the work and answers CLOSE.
    Cancel,
}

/// How a channel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The kind's result.
    Result(Bytes),
    /// An encoded [`Error`](crate::error::Error).
    Error(Bytes),
}

impl Body {
    /// Whether the frame is counted for acknowledgement and resumption: all frames of channels are.
    pub const fn is_counted(&self) -> bool {
        match self {
            Body::Open { .. }
            | Body::Data { .. }
            | Body::Event(_)
            | Body::Credit { .. }
            | Body::End { .. }
            | Body::Close(_)
            | Body::Cancel => true,
            Body::Hello(_)
            | Body::Welcome(_)
            | Body::Ack { .. }
            | Body::Ping { .. }
            | Body::Pong { .. }
            | Body::GoAway(_)
            | Body::Reset(_) => false,
        }
    }

    /// The payload that comes last, if the frame has one.
    pub const fn payload(&self) -> Option<&Bytes> {
        match self {
            Body::Hello(payload)
            | Body::Welcome(payload)
            | Body::GoAway(payload)
            | Body::Reset(payload)
            | Body::Event(payload)
            | Body::Open { params: payload, .. }
            | Body::Data { data: payload, .. }
            | Body::Close(Outcome::Result(payload) | Outcome::Error(payload)) => Some(payload),
            Body::Ack { .. }
            | Body::Ping { .. }
            | Body::Pong { .. }
            | Body::Credit { .. }
            | Body::End { .. }
            | Body::Cancel => None,
        }
    }
}

/// Payload of HELLO.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hello {
    /// Newest protocol version that the client speaks.
    pub version: u32,
    /// Names the lane and proves that it is the client's: 16 to 64 random bytes, a secret. The client draws it once
    /// and says it on every connection. Because it does not come from the server, a client that lost its connection
    /// before WELCOME can still find the lane in which its first OPENs may already run.
    #[serde(with = "bin")]
    pub token: Vec<u8>,
    /// Counted frames of this lane that the client has received.
    #[serde(skip_serializing_if = "is_zero")]
    pub received: u64,
    /// Counts the HELLOs of this lane, from 1. One that is not above those that the server has had was delayed on a
    /// connection that is lost, and is refused: a later connection has the lane. Default: 0, which is never refused.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempt: u64,
    /// Milliseconds since the client drew the token, as long as no HELLO of this lane was answered by WELCOME: R-HELLO-11.
    /// Absent when one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
    /// Name and version of the client, for logs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// Bytes that the server may send on each channel before the first CREDIT; at least 65536. Default: 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
    /// Scopes for this lane, by name; it never gets more than the connection's token allows. Default: all of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// Terminals by id: `pty.*` for these only, `pty.open` only with one of these ids. At most 32, of those that the
    /// connection's token allows. Default: all of those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminals: Option<Vec<String>>,
    /// Absolute paths, without `..`: `file.*` only below these. At most 8, each below one that the connection's token
    /// allows; with `terminals` at most 2 KiB. Default: all that the token allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<ByteString>>,
    /// A relay says it of the lanes that it carries: the server cannot see how much waits behind the relay, and sees to
    /// it that little does. Default: false.
    #[serde(skip_serializing_if = "is_false")]
    pub relayed: bool,
}

/// Payload of WELCOME.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Welcome {
    /// The version that both use from here on.
    pub version: u32,
    /// Whether the lane that HELLO named goes on: it was there, or nothing of it had come yet (R-HELLO-11). When false it
    /// is a new one: what an earlier connection sent in it is lost.
    pub resumed: bool,
    /// Counted frames of this lane that the server has received.
    pub received: u64,
    /// Changes whenever the server starts.
    pub boot_id: String,
    /// Name and version of the server.
    pub server: String,
    /// How long the lane outlives its connection, in milliseconds.
    pub lane_ttl_ms: u64,
    /// Most channels that may be open in the lane at once.
    pub max_channels: u32,
    /// Most bytes of retained frames, as a sender in this lane may count on.
    pub retain: u64,
}

/// Payload of GOAWAY.
///
/// From the server: it drains; channels that are open go on until the deadline. On a lane, from either side: the lane
/// ends now and will not be resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GoAway {
    /// A stable name: `draining`, `done`, `asleep` (R-RELAY-5), or the name of an error.
    pub reason: String,
    /// What happened, for a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Milliseconds until open channels are ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// Payload of RESET.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reset {
    /// A stable name: `trunk-lost`; `no-trunk` when the last HELLO, and what came behind it, was not passed on; `client-gone`.
    pub reason: String,
    /// What happened, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
