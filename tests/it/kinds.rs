//! A module a family of channel kinds: every parameter, every result, every event, every error.

mod file;
mod place;
mod search;
mod tcp;
mod tree;
mod watch;
