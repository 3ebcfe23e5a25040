//! The sandwire client: everything in a sandbox over one WebSocket, which may be lost and comes back.

mod client;
mod dial;
mod driver;
mod error;
pub mod kinds;
mod state;

pub use client::{Builder, Client};
pub use error::Error;
pub use sandwire_link::{Call, Reply};
pub use sandwire_protocol as protocol;
pub use state::State;
