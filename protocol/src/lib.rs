//! The wire protocol of sandwire: frames, codec and state machines.
//!
//! Nothing in this crate does I/O, reads a clock, draws a random number or starts a task. Machines take events and the
//! time and return actions; `PROTOCOL.md` beside this crate is the contract for other languages.

#![forbid(unsafe_code)]

pub mod byte_string;
pub mod channel;
pub mod conn;
pub mod error;
pub mod frame;
pub mod kind;
pub mod lane;
pub mod limits;
pub mod pace;
pub mod replay;
pub mod schedule;
pub mod secret;
pub mod window;

pub use byte_string::ByteString;
pub use error::{Code, Error, LaneError, WireError};
pub use secret::Secret;
