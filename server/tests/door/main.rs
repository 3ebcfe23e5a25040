//! The door, by the real program: what starts it, who is let in, what bounds a visitor, how it ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod bounds;
mod end;
mod health;
mod lane;
mod logs;
mod page;
mod requests;
mod server;
mod session;
mod start;
mod tls;
mod unix;
