//! sandwire lanes made awaitable: the tokio shell that the server and the Rust client share.
//!
//! The protocol's machines decide; here are only the lock around a lane ([`Link`]), what a user of a channel holds
//! ([`Channel`], [`Call`]), and the two halves of a socket ([`Connection`]): one task reads, one writes.

mod budget;
mod channel;
mod connection;
mod lane;
mod signal;
mod socket;
mod writer;

pub use budget::Budget;
pub use channel::{Call, Channel, Held, Item, Reply};
pub use connection::{Closed, Connection, Handle, Inbound};
pub use lane::{Budgets, Incoming, Link};
pub use socket::{SHORT, Socket, tune, websocket_config};
