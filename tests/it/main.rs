//! The tests of the whole: the real server, driven by the real client.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::let_underscore_must_use,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod asleep;
mod cli;
mod client;
mod common;
mod door;
mod drain;
mod examples;
mod exec;
mod fairness;
mod grants;
mod host;
mod hostile;
mod kinds;
mod mcp;
mod memory;
mod preview;
mod resume;
mod tidy;
