//! One connection: the handshake, which lanes it carries, whether the peer is alive.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;

use crate::error::WireError;
use crate::frame::header::{Header, kind as frame_kind};
use crate::frame::{Body, CONNECTION, Frame, GoAway, Hello, Reset, Welcome};
use crate::kind;
use crate::lane::Role;
use crate::limits::{DEAD_AFTER, HELLO_WITHIN, INITIAL_WINDOW, MAX_CLIENT_NAME, PING_AFTER, TOKEN_LENGTH, VERSION};

/// The text message by which a client may ask for a sign of life.
pub const TEXT_PING: &str = "ping";

/// What answers [`TEXT_PING`].
pub const TEXT_PONG: &str = "pong";

/// What a frame means to the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing is to be done.
    Done,
    /// Send this back.
    Reply(Frame),
    /// A client opens or resumes a lane (server). Answer with [`Conn::attach`] and WELCOME.
    Hello(u32, Hello),
    /// The server's answer (client).
    Welcome(u32, Welcome),
    /// A PING in a lane: answer with what the lane has received.
    LanePing(u32, u64),
    /// A frame for a lane.
    Lane(Frame),
    /// The peer goes away: the connection (lane 0) or one lane.
    GoAway(u32, GoAway),
    /// A relay lost the other side of this lane.
    Reset(u32, Reset),
    /// The peer broke the rules in this lane, which the connection no longer carries: say GOAWAY in it. The connection's
    /// other lanes are not hurt.
    Broken(u32, WireError),
}

/// One connection.
#[derive(Debug)]
pub struct Conn {
    role: Role,
    /// Lanes that this connection carries. For a client also those whose WELCOME has not come.
    lanes: BTreeSet<u32>,
    /// A client's lanes whose WELCOME has come.
    welcomed: BTreeSet<u32>,
    max_lanes: usize,
    heard: Instant,
    hello_by: Option<Instant>,
    pinged: bool,
    pings: u64,
}

impl Conn {
    /// A connection that was made now.
    pub fn new(role: Role, now: Instant, max_lanes: usize) -> Self {
        let hello_by = match role {
            Role::Server => now.checked_add(HELLO_WITHIN),
            Role::Client => None,
        };
        Self {
            role,
            lanes: BTreeSet::new(),
            welcomed: BTreeSet::new(),
            max_lanes,
            heard: now,
            hello_by,
            pinged: false,
            pings: 0,
        }
    }

    /// The connection carries this lane from here on.
    pub fn attach(&mut self, lane: u32) {
        self.lanes.insert(lane);
        self.hello_by = None;
    }

    /// The connection does not carry this lane any more.
    pub fn detach(&mut self, lane: u32) {
        self.forget(lane);
    }

    fn forget(&mut self, lane: u32) -> bool {
        self.welcomed.remove(&lane);
        self.lanes.remove(&lane)
    }

    /// Something arrived, be it a WebSocket pong.
    pub const fn handle_sign_of_life(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = false;
    }

    /// Takes a text message. The only ones are a client's [`TEXT_PING`] and the answer to it; returns the answer that is
    /// due. A relay can have them answered while it sleeps, which it could not do with a PING in lane 0.
    ///
    /// # Errors
    /// [`WireError::Malformed`] for any other text.
    pub fn handle_text(&mut self, now: Instant, text: &[u8]) -> Result<Option<&'static str>, WireError> {
        let answer = match self.role {
            Role::Server if text == TEXT_PING.as_bytes() => Some(TEXT_PONG),
            Role::Client if text == TEXT_PONG.as_bytes() => None,
            Role::Server | Role::Client => return Err(WireError::Malformed("a text message")),
        };
        self.handle_sign_of_life(now);
        Ok(answer)
    }

    /// Takes a binary message.
    ///
    /// # Errors
    /// A [`WireError`] that ends the connection.
    pub fn handle_message(&mut self, now: Instant, message: &Bytes) -> Result<Step, WireError> {
        match Frame::decode(message) {
            Ok(frame) => self.handle_frame(now, frame),
            // It is not even known how it goes on.
            Err(error @ WireError::TooLarge(_)) => Err(error),
            Err(error) => match Header::read(message) {
                Ok(header) => {
                    self.handle_sign_of_life(now);
                    self.broken(header.lane, header.kind == frame_kind::HELLO, error)
                }
                Err(_) => Err(error),
            },
        }
    }

    /// Takes a frame.
    ///
    /// # Errors
    /// A [`WireError`] that ends the connection.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame) -> Result<Step, WireError> {
        let (lane, hello) = (frame.lane, matches!(frame.body, Body::Hello(_)));
        self.handle(now, frame).or_else(|error| self.broken(lane, hello, error))
    }

    /// What a frame that broke the rules ends: its lane, where the connection carries others that are not to blame.
    fn broken(&mut self, lane: u32, hello: bool, error: WireError) -> Result<Step, WireError> {
        if lane == CONNECTION || self.lanes.iter().all(|other| *other == lane) {
            return Err(error);
        }
        // In a lane that has ended here the peer may still be sending; it has been told. A HELLO is to be answered.
        let known = self.forget(lane);
        Ok(if known || hello { Step::Broken(lane, error) } else { Step::Done })
    }

    fn handle(&mut self, now: Instant, frame: Frame) -> Result<Step, WireError> {
        self.handle_sign_of_life(now);
        let lane = frame.lane;
        match frame.body {
            Body::Ping { nonce } if lane == CONNECTION => {
                Ok(Step::Reply(Frame { lane, channel: 0, body: Body::Pong { nonce, received: 0 } }))
            }
            Body::Pong { .. } if lane == CONNECTION => Ok(Step::Done),
            Body::GoAway(payload) => {
                let go_away: GoAway = kind::decode(&payload).map_err(|_| WireError::Malformed("payload of GOAWAY"))?;
                if lane != CONNECTION && !self.forget(lane) {
                    return Ok(Step::Done);
                }
                Ok(Step::GoAway(lane, go_away))
            }
            Body::Hello(payload) => self.handle_hello(lane, &payload),
            Body::Welcome(payload) => {
                if self.role != Role::Client || !self.lanes.contains(&lane) {
                    return Err(WireError::Unexpected("WELCOME answers a client's HELLO"));
                }
                let welcome: Welcome =
                    kind::decode(&payload).map_err(|_| WireError::Malformed("payload of WELCOME"))?;
                if welcome.version == 0 || welcome.version > VERSION {
                    return Err(WireError::Version(welcome.version));
                }
                if !self.welcomed.insert(lane) {
                    return Err(WireError::Unexpected("WELCOME comes once"));
                }
                Ok(Step::Welcome(lane, welcome))
            }
            Body::Reset(payload) => {
                // Whatever it says of the reason, the lane has no connection.
                let reset = kind::decode(&payload).unwrap_or_default();
                Ok(if self.forget(lane) { Step::Reset(lane, reset) } else { Step::Done })
            }
            Body::Ping { nonce } if self.speaks(lane) => Ok(Step::LanePing(lane, nonce)),
            body @ (Body::Ack { .. }
            | Body::Ping { .. }
            | Body::Pong { .. }
            | Body::Open { .. }
            | Body::Data { .. }
            | Body::Event(_)
            | Body::Credit { .. }
            | Body::End { .. }
            | Body::Close(_)
            | Body::Cancel) => {
                if lane == CONNECTION {
                    return Err(WireError::Unexpected("lane 0 carries only PING, PONG and GOAWAY"));
                }
                if self.speaks(lane) {
                    return Ok(Step::Lane(Frame { lane, channel: frame.channel, body }));
                }
                if self.hello_by.is_some() {
                    return Err(WireError::Unexpected("the first frame is HELLO"));
                }
                if self.lanes.contains(&lane) {
                    return Err(WireError::Unexpected("the first frame of a server in a lane is WELCOME"));
                }
                // A lane that ended here while the peer was still sending.
                Ok(Step::Done)
            }
        }
    }

    /// Whether the peer may speak in this lane.
    fn speaks(&self, lane: u32) -> bool {
        match self.role {
            Role::Server => self.lanes.contains(&lane),
            Role::Client => self.welcomed.contains(&lane),
        }
    }

    fn handle_hello(&mut self, lane: u32, payload: &[u8]) -> Result<Step, WireError> {
        if self.role != Role::Server {
            return Err(WireError::Unexpected("HELLO is for servers"));
        }
        if lane == CONNECTION {
            return Err(WireError::Unexpected("lane 0 is the connection itself"));
        }
        if self.lanes.contains(&lane) {
            return Err(WireError::Unexpected("HELLO in a lane that is open"));
        }
        if self.lanes.len() >= self.max_lanes {
            return Err(WireError::TooManyLanes);
        }
        let hello: Hello = kind::decode(payload).map_err(|_| WireError::Malformed("payload of HELLO"))?;
        if hello.version == 0 {
            return Err(WireError::Version(hello.version));
        }
        if !TOKEN_LENGTH.contains(&hello.token.len()) {
            return Err(WireError::Malformed("the token in HELLO has 16 to 64 bytes"));
        }
        if hello.window.is_some_and(|window| window < INITIAL_WINDOW) {
            return Err(WireError::Malformed("the window in HELLO is at least 65536"));
        }
        if hello.client.len() > MAX_CLIENT_NAME {
            return Err(WireError::Malformed("the client's name in HELLO has at most 256 bytes"));
        }
        // What follows a HELLO that the server refuses was sent before the refusal arrived.
        self.hello_by = None;
        Ok(Step::Hello(lane, hello))
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let silence = if self.pinged { DEAD_AFTER } else { PING_AFTER };
        let silent_by = self.heard.checked_add(silence);
        match (silent_by, self.hello_by) {
            (Some(silent), Some(hello)) => Some(silent.min(hello)),
            (silent, hello) => silent.or(hello),
        }
    }

    /// Time has passed. Returns a PING to send.
    ///
    /// # Errors
    /// [`WireError::HelloTimeout`] or [`WireError::Silent`].
    pub fn handle_timeout(&mut self, now: Instant) -> Result<Option<Frame>, WireError> {
        if self.hello_by.is_some_and(|by| by <= now) {
            return Err(WireError::HelloTimeout);
        }
        let silence = now.saturating_duration_since(self.heard);
        if silence >= DEAD_AFTER {
            return Err(WireError::Silent);
        }
        if silence >= PING_AFTER && !self.pinged {
            self.pinged = true;
            self.pings += 1;
            return Ok(Some(Frame { lane: CONNECTION, channel: 0, body: Body::Ping { nonce: self.pings } }));
        }
        Ok(None)
    }
}
