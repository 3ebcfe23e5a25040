//! What the tests of the whole and the benchmarks share: the real server as a process, a proxy that harms connections,
//! waiting for a condition, and the bare server that the benchmarks measure against.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod bench;
pub mod doc;
pub mod limit;
pub mod proc;
pub mod proxy;
pub mod python;
pub mod server;
pub mod wait;
