//! What outlives a channel: processes, terminals, files.

pub(crate) mod process;
