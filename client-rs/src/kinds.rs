//! Typed calls, a file per family of kinds.

pub mod exec;
