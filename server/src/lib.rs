//! The sandwire server: everything in a sandbox over one WebSocket.

mod auth;
mod conn;
mod kinds;
mod lanes;
pub mod listen;
mod sandbox;
mod server;
