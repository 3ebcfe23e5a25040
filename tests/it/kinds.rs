//! A module a family of channel kinds: every parameter, every result, every event, every error.
//!
//! The client has a thread beside the test's own: scripts that take long on a loaded machine must not silence it.

mod file;
mod place;
mod search;
mod tcp;
mod tree;
mod watch;
