//! The door, by the real program: what starts it, who is let in, what bounds a visitor, how it ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod bounds;
mod end;
mod lane;
mod logs;
mod requests;
mod server;
mod start;
mod tls;
