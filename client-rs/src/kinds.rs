//! Typed calls, a file per family of kinds.

pub mod backup;
pub mod env;
pub mod exec;
pub mod file;
pub mod git;
pub mod kernel;
mod launch;
pub mod mount;
pub mod port;
pub mod process;
pub mod sandbox;
pub mod session;
pub mod stream;
pub mod tcp;
pub mod terminal;
pub mod tree;
